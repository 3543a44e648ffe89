package observability_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"meridian/cluster"
	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/region/node"
	"meridian/region/node/nodetest"
	"meridian/region/trace"
)

// traced is two Regions of two nodes and a front door, which follow calls, and a client of the front door.
type traced struct {
	*nodetest.Cluster
	spans    *tracetest.InMemoryExporter
	client   *kms.Client
	follower string // the one node that the front door passes calls to
}

func newTraced(t *testing.T) *traced {
	t.Helper()
	w := &traced{spans: tracetest.NewInMemoryExporter()}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(w.spans))
	tracer := trace.New(provider)
	w.Cluster = nodetest.NewWith(t, func(c *node.Config) { c.Tracer = tracer }, 2, "us-east-1", "eu-west-1")
	w.Ready()
	file := w.File // as the front door sees it
	east := file.Regions[0]
	east.Nodes = slices.DeleteFunc(slices.Clone(east.Nodes), func(n layout.Node) bool {
		return w.Nodes[n.Name].Status().Role == control.Leader
	})
	w.follower = east.Nodes[0].Name
	file.Regions = []layout.Region{east}
	front := cluster.NewFrontDoor(&file, cluster.DefaultTempo(), slog.New(slog.DiscardHandler))
	front.Instrument("v1", tracer)
	ctx, cancel := context.WithCancel(t.Context())
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		front.Poll(ctx)
	}()
	t.Cleanup(func() { cancel(); <-polled })
	door := httptest.NewServer(front.Handler(""))
	t.Cleanup(door.Close)
	w.client = kms.New(kms.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(door.URL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	return w
}

// of returns the spans of the trace in which a span of a name is, and what each is below.
func (w *traced) of(name string) (spans tracetest.SpanStubs, above map[string]string) {
	all := w.spans.GetSpans()
	at := slices.IndexFunc(all, func(s tracetest.SpanStub) bool { return s.Name == name })
	if at < 0 {
		return nil, nil
	}
	names := map[string]string{}
	for _, s := range all {
		if s.SpanContext.TraceID() == all[at].SpanContext.TraceID() {
			spans = append(spans, s)
			names[s.SpanContext.SpanID().String()] = s.Name
		}
	}
	above = map[string]string{}
	for _, s := range spans {
		above[s.Name+" < "+names[s.Parent.SpanID().String()]] = s.SpanContext.SpanID().String()
	}
	return spans, above
}

// TestOneTraceOfReplicateKey follows a ReplicateKey from the front door through a follower to the leader, into its log, to
// the other Region's log, and back.
func TestOneTraceOfReplicateKey(t *testing.T) {
	w := newTraced(t)
	made, err := w.client.CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: made.KeyMetadata.KeyId, ReplicaRegion: aws.String("eu-west-1")}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"front door < ", "pass to node < front door", "node ReplicateKey < pass to node", "forward to leader < node ReplicateKey",
		"leader ReplicateKey < forward to leader",
		"ask Region < leader ReplicateKey",                 // for its consent
		"decide < leader ReplicateKey",                     // here
		"append to log < decide",                           //
		"tell Region < append to log",                      // as soon as it is applied
		"ask Region < tell Region",                         // over the bus
		"hear Region < ask Region", "decide < hear Region", // there
	}
	var spans tracetest.SpanStubs
	var above map[string]string
	missing := func() (missing []string) {
		spans, above = w.of("node ReplicateKey")
		for _, relation := range want {
			if above[relation] == "" {
				missing = append(missing, relation)
			}
		}
		return missing
	}
	defer func() {
		if t.Failed() {
			t.Logf("missing %q in\n%s", missing(), tree(spans))
		}
	}()
	w.Eventually("the whole way is one trace", func() bool { return len(missing()) == 0 })
	t.Logf("\n%s", tree(spans))

	// The status that the other Region sends back is part of it, too.
	w.Eventually("the answer comes back in the same trace", func() bool {
		spans, _ = w.of("node ReplicateKey")
		told := map[string]bool{}
		for _, s := range spans {
			if s.Name == "tell Region" {
				told[attribute(s, "meridian.to")] = true
			}
		}
		return told["eu-west-1"] && told["us-east-1"]
	})
	for _, s := range spans {
		if id := attribute(s, "meridian.request_id"); s.Name == "front door" && len(id) != 36 {
			t.Errorf("%s has the request id %q", s.Name, id)
		}
	}
}

// TestSpansTellNoSecret looks for what a span must not hold.
func TestSpansTellNoSecret(t *testing.T) {
	w := newTraced(t)
	made, err := w.client.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: nil, Description: aws.String("words-of-a-description")})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := w.client.Encrypt(t.Context(), &kms.EncryptInput{
		KeyId: made.KeyMetadata.KeyId, Plaintext: []byte("words-of-a-plaintext"), EncryptionContext: map[string]string{"context-name": "context-value"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}); err == nil {
		t.Fatal("decrypted without the context")
	}
	w.Eventually("all three calls are traced", func() bool {
		for _, name := range []string{"leader CreateKey", "node Encrypt", "node Decrypt"} {
			if spans, _ := w.of(name); spans == nil {
				return false
			}
		}
		return true
	})
	for _, s := range w.spans.GetSpans() {
		text := fmt.Sprint(s.Name, s.Attributes, s.Events, s.Status, s.Links)
		for _, secret := range []string{"words-of", "context-", "d29yZHMt", "Credential"} {
			if strings.Contains(text, secret) {
				t.Errorf("span %s holds %q: %s", s.Name, secret, text)
			}
		}
	}
}

func attribute(s tracetest.SpanStub, name string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == name {
			return a.Value.String()
		}
	}
	return ""
}

// tree draws a trace.
func tree(spans tracetest.SpanStubs) string {
	slices.SortFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	var b strings.Builder
	var below func(parent string, depth int)
	below = func(parent string, depth int) {
		for _, s := range spans {
			if s.Parent.SpanID().String() != parent {
				continue
			}
			fmt.Fprintf(&b, "%6.1f ms %s%s", float64(s.StartTime.Sub(spans[0].StartTime).Microseconds())/1000, strings.Repeat("  ", depth), s.Name)
			for _, name := range []string{"meridian.node", "meridian.operation", "meridian.to", "meridian.from", "meridian.kind", "meridian.seq", "meridian.family_version"} {
				if v := attribute(s, name); v != "" {
					fmt.Fprintf(&b, " %s=%s", strings.TrimPrefix(name, "meridian."), v)
				}
			}
			fmt.Fprintf(&b, " (%.1f ms)\n", float64(s.EndTime.Sub(s.StartTime).Microseconds())/1000)
			below(s.SpanContext.SpanID().String(), depth+1)
		}
	}
	below("0000000000000000", 0)
	return b.String()
}
