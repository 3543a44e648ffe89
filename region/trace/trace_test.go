package trace_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"meridian/region/trace"
)

// recorded returns a Tracer and what it has recorded.
func recorded(t testing.TB) (*trace.Tracer, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	return trace.New(p), spans
}

// TestACallThroughThreeProcesses passes a trace on as a front door, a node and a bus do.
func TestACallThroughThreeProcesses(t *testing.T) {
	tracer, spans := recorded(t)
	ctx, door := tracer.Arrive(t.Context(), "door", http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
	passed := http.Header{"Traceparent": {"signed by the client, and left alone"}}
	trace.Depart(ctx, passed)
	arrived, node := tracer.Arrive(context.Background(), "node", passed)
	inner, decide := trace.Start(arrived, "decide")
	message := trace.Parent(inner)
	_, heard := tracer.Continue(context.Background(), "heard", trace.Incoming(trace.Arrived(context.Background(), message)))
	for _, s := range []trace.Span{heard, decide, node, door} {
		s.End(nil)
	}
	above := map[string]string{} // by span id
	for _, s := range spans.GetSpans() {
		above[s.SpanContext.SpanID().String()] = s.Name
		if id := s.SpanContext.TraceID().String(); id != "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("%s is in trace %s, not in the client's", s.Name, id)
		}
	}
	for _, s := range spans.GetSpans() {
		want := map[string]string{"door": "", "node": "door", "decide": "node", "heard": "decide"}[s.Name]
		if got := above[s.Parent.SpanID().String()]; got != want {
			t.Errorf("%s is below %q, not below %q", s.Name, got, want)
		}
	}
	if passed.Get("Traceparent") != "signed by the client, and left alone" {
		t.Error("a header that the client may have signed was changed")
	}
}

// TestWithoutATracerNothingHappens holds what is not traced to no allocation at all.
func TestWithoutATracerNothingHappens(t *testing.T) {
	var none *trace.Tracer
	h := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	ctx := t.Context()
	allocated := testing.AllocsPerRun(100, func() {
		ctx, root := none.Arrive(ctx, "door", h)
		ctx, span := trace.Start(ctx, "decide")
		span.Text("meridian.operation", "Encrypt")
		trace.Depart(ctx, h)
		if trace.Parent(ctx) != "" || trace.ID(ctx) != "" || span.Recording() {
			t.Error("a trace of nobody")
		}
		span.End(nil)
		root.End(nil)
	})
	if allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
	if _, s := none.Continue(ctx, "heard", h.Get("Traceparent")); s.Recording() {
		t.Error("the nil Tracer continues a trace")
	}
}

// TestDetach keeps the trace and drops the end.
func TestDetach(t *testing.T) {
	tracer, _ := recorded(t)
	ended, cancel := context.WithCancel(t.Context())
	ctx, span := tracer.Arrive(ended, "door", http.Header{})
	defer span.End(nil)
	cancel()
	if d := trace.Detach(ctx); d.Err() != nil || trace.ID(d) != trace.ID(ctx) || trace.ID(d) == "" {
		t.Errorf("detached: %v, trace %q of %q", d.Err(), trace.ID(d), trace.ID(ctx))
	}
	if d := trace.Detach(ended); d.Err() != nil || trace.ID(d) != "" {
		t.Errorf("a context without a trace: %v, %q", d.Err(), trace.ID(d))
	}
}

// FuzzParent brings parents of any form: they are continued, or nothing is.
func FuzzParent(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("00-00000000000000000000000000000000-0000000000000000-01")
	f.Add("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("aa-0aa0000000aa00aa0000aa000a00000a-a0aa0a0000000000-00") // its caller wants no trace
	f.Add("")
	f.Add(strings.Repeat("0", 1000))
	tracer, _ := recorded(f)
	f.Fuzz(func(t *testing.T, parent string) {
		ctx, span := tracer.Continue(t.Context(), "heard", trace.Incoming(trace.Arrived(t.Context(), parent)))
		defer span.End(nil)
		if id := trace.ID(ctx); id != "" && !strings.Contains(strings.ToLower(parent), id) {
			t.Errorf("%q led to the trace %s", parent, id)
		}
		ctx, span = tracer.Arrive(t.Context(), "door", http.Header{trace.Header: {parent}})
		defer span.End(nil)
		said := oteltrace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": parent}))
		if silent := said.IsValid() && !said.IsSampled(); trace.ID(ctx) == "" && !silent {
			t.Errorf("%q, which does not ask for that, led to a call that is not traced", parent)
		}
	})
}

// BenchmarkUntraced is what a call pays that is not traced.
func BenchmarkUntraced(b *testing.B) {
	var none *trace.Tracer
	ctx := b.Context()
	h := http.Header{}
	for b.Loop() {
		ctx, root := none.Arrive(ctx, "node", h)
		_, span := trace.Start(ctx, "decide")
		span.Text("meridian.operation", "Encrypt")
		span.End(nil)
		root.End(nil)
	}
}
