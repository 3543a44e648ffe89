package otlp_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"meridian/region/trace"
	"meridian/region/trace/otlp"
)

var quiet = slog.New(slog.DiscardHandler)

// TestSpansArriveWhereTheEnvironmentSays sends one to a receiver of this test.
func TestSpansArriveWhereTheEnvironmentSays(t *testing.T) {
	var mu sync.Mutex
	got := map[string][]byte{}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got[r.URL.Path+" "+r.Header.Get("Content-Type")] = body
	}))
	defer receiver.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=a-test")
	tracer, end, err := otlp.FromEnvironment(t.Context(), os.Getenv, otlp.Identity{Instance: "us-east-1/1", Region: "us-east-1", Version: "v1"}, quiet)
	if err != nil || tracer == nil {
		t.Fatalf("%v, %v", tracer, err)
	}
	ctx, span := tracer.Arrive(t.Context(), "node DescribeKey", http.Header{})
	_, below := trace.Start(ctx, "catch up with leader")
	below.End(nil)
	span.End(nil)
	end()
	mu.Lock()
	defer mu.Unlock()
	body := got["/v1/traces application/x-protobuf"]
	for _, want := range []string{"node DescribeKey", "catch up with leader", "us-east-1/1", "meridian", "a-test"} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("%q did not arrive, in %d requests", want, len(got))
		}
	}
}

// TestWhoDoesNotAskGetsNothing tells the environments in which nothing runs.
func TestWhoDoesNotAskGetsNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  map[string]string
		err  bool
	}{
		{name: "nothing is set"},
		{name: "switched off", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}},
		{name: "no exporter", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}},
		{name: "another protocol", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, err: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tracer, end, err := otlp.FromEnvironment(t.Context(), func(name string) string { return tc.env[name] }, otlp.Identity{}, quiet)
			end()
			if tracer != nil || (err != nil) != tc.err {
				t.Errorf("%v, %v", tracer, err)
			}
		})
	}
}
