// Package bustest is the conformance suite of replication.Bus: what every bus must do when the
// network is whole, and when the way is cut.
//
//	bustest.Run(t, func(t *testing.T, a, b string) bustest.Fixture { … })
package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"meridian/region/trace"
	"meridian/replication"
)

// Fixture is two Regions' ends of a bus that loses nothing.
type Fixture struct {
	A, B replication.Bus
	// Cut cuts, or heals, the way of A's requests to B; nil where the bus cannot be cut.
	Cut func(cut bool)
}

// Names of the Regions in a Fixture.
const (
	a = "us-east-1"
	b = "eu-west-1"
)

// patience bounds what must happen; it is never waited for in full by a bus that conforms.
const patience = 10 * time.Second

// Run runs the suite. Each test makes a Fixture of its own and cleans up with t.
func Run(t *testing.T, fixture func(t *testing.T, a, b string) Fixture) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, f Fixture)
	}{
		{"AnswersArrive", answersArrive},
		{"AnswersBelongToTheirRequests", answersBelong},
		{"LargestEnvelopePasses", largestPasses},
		{"LargerEnvelopeIsRefused", largerIsRefused},
		{"BothWaysAtOnce", bothWays},
		{"NobodyServes", nobodyServes},
		{"UnknownRegion", unknownRegion},
		{"NoAnswer", noAnswer},
		{"CallerGivesUp", callerGivesUp},
		{"StopWaitsForHandlers", stopWaits},
		{"StopEndsServing", stopEnds},
		{"AnotherServesAfterStop", servesAgain},
		{"CutAndHealed", cutAndHealed},
		{"ATraceGoesAlong", traceGoesAlong},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, fixture(t, a, b)) })
	}
}

func serve(t *testing.T, bus replication.Bus, h replication.Handler) (stop func()) {
	t.Helper()
	stop, err := bus.Serve(h)
	if err != nil {
		t.Fatalf("serve: %v", err)
	}
	t.Cleanup(stop)
	return stop
}

func request(bus replication.Bus, dst string, kind replication.Kind, envelope []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return bus.Request(ctx, dst, kind, envelope)
}

// describe answers with what arrived.
func describe(_ context.Context, src string, kind replication.Kind, envelope []byte) []byte {
	return fmt.Appendf(nil, "%s %s %s", src, kind, envelope)
}

func want(t *testing.T, got []byte, err error, text string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != text {
		t.Fatalf("answer %.80q, not %.80q", got, text)
	}
}

func wantError(t *testing.T, err error, either ...error) {
	t.Helper()
	for _, e := range either {
		if errors.Is(err, e) {
			return
		}
	}
	t.Fatalf("error %v, not one of %v", err, either)
}

// traceGoesAlong sends a request in a trace, and one in none.
func traceGoesAlong(t *testing.T, f Fixture) {
	serve(t, f.B, func(ctx context.Context, _ string, _ replication.Kind, _ []byte) []byte {
		return []byte("in " + trace.Incoming(ctx))
	})
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	traced, _ := trace.New(noop.NewTracerProvider()).Continue(ctx, "tell", parent)
	got, err := f.A.Request(traced, b, replication.KindRecord, []byte("hello"))
	want(t, got, err, "in "+parent)
	got, err = f.A.Request(ctx, b, replication.KindRecord, []byte("hello"))
	want(t, got, err, "in ")
}

func answersArrive(t *testing.T, f Fixture) {
	serve(t, f.B, describe)
	for _, kind := range replication.Kinds {
		got, err := request(f.A, b, kind, []byte("hello"))
		want(t, got, err, a+" "+string(kind)+" hello")
	}
}

func answersBelong(t *testing.T, f Fixture) {
	serve(t, f.B, describe)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			text := fmt.Sprint("message ", i)
			got, err := request(f.A, b, replication.KindStatus, []byte(text))
			if err != nil || string(got) != a+" st "+text {
				t.Errorf("message %d: %q, %v", i, got, err)
			}
		})
	}
	wg.Wait()
}

func largestPasses(t *testing.T, f Fixture) {
	envelope := bytes.Repeat([]byte{0xa5}, replication.MaxEnvelope)
	serve(t, f.B, func(_ context.Context, _ string, _ replication.Kind, e []byte) []byte { return e })
	got, err := request(f.A, b, replication.KindRecord, envelope)
	want(t, got, err, string(envelope))
}

func largerIsRefused(t *testing.T, f Fixture) {
	serve(t, f.B, describe)
	if _, err := request(f.A, b, replication.KindRecord, make([]byte, replication.MaxEnvelope+1)); err == nil {
		t.Fatal("an envelope larger than the limit passed")
	}
}

func bothWays(t *testing.T, f Fixture) {
	serve(t, f.A, describe)
	serve(t, f.B, func(ctx context.Context, src string, kind replication.Kind, e []byte) []byte {
		got, err := f.B.Request(ctx, src, kind, e) // ask back while being asked
		if err != nil {
			return []byte(err.Error())
		}
		return got
	})
	got, err := request(f.A, b, replication.KindDigest, []byte("x"))
	want(t, got, err, b+" dig x")
}

func nobodyServes(t *testing.T, f Fixture) {
	_, err := request(f.A, b, replication.KindRecord, nil)
	wantError(t, err, replication.ErrUnreachable)
}

func unknownRegion(t *testing.T, f Fixture) {
	_, err := request(f.A, "mars-north-1", replication.KindRecord, nil)
	wantError(t, err, replication.ErrUnreachable)
}

func noAnswer(t *testing.T, f Fixture) {
	serve(t, f.B, func(context.Context, string, replication.Kind, []byte) []byte { return nil })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := f.A.Request(ctx, b, replication.KindRecord, nil)
	wantError(t, err, replication.ErrNoAnswer)
}

func callerGivesUp(t *testing.T, f Fixture) {
	arrived, release := make(chan struct{}), make(chan struct{})
	serve(t, f.B, func(context.Context, string, replication.Kind, []byte) []byte {
		close(arrived)
		<-release
		return []byte("late")
	})
	defer close(release)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := f.A.Request(ctx, b, replication.KindRecord, nil)
	wantError(t, err, context.Canceled, replication.ErrNoAnswer)
}

func stopWaits(t *testing.T, f Fixture) {
	arrived, ended := make(chan struct{}), make(chan struct{})
	stop := serve(t, f.B, func(ctx context.Context, _ string, _ replication.Kind, _ []byte) []byte {
		close(arrived)
		<-ctx.Done() // stop tells the handlers, then waits for them
		close(ended)
		return []byte("done")
	})
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = f.A.Request(ctx, b, replication.KindRecord, nil)
	}()
	<-arrived
	stop()
	select {
	case <-ended:
	default:
		t.Error("stop returned while a handler ran")
	}
	<-asked
}

func stopEnds(t *testing.T, f Fixture) {
	stop := serve(t, f.B, describe)
	got, err := request(f.A, b, replication.KindStatus, nil)
	want(t, got, err, a+" st ")
	stop()
	stop() // harmless
	_, err = request(f.A, b, replication.KindStatus, nil)
	wantError(t, err, replication.ErrUnreachable)
}

func servesAgain(t *testing.T, f Fixture) {
	serve(t, f.B, describe)()
	serve(t, f.B, func(context.Context, string, replication.Kind, []byte) []byte { return []byte("second") })
	got, err := request(f.A, b, replication.KindStatus, nil)
	want(t, got, err, "second")
}

func cutAndHealed(t *testing.T, f Fixture) {
	if f.Cut == nil {
		t.Skip("this bus cannot be cut")
	}
	serve(t, f.A, describe)
	serve(t, f.B, describe)
	f.Cut(true)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := f.A.Request(ctx, b, replication.KindStatus, nil)
	wantError(t, err, replication.ErrUnreachable, replication.ErrNoAnswer)
	got, err := request(f.B, a, replication.KindStatus, []byte("the other way"))
	want(t, got, err, b+" st the other way")
	f.Cut(false)
	got, err = eventually(func() ([]byte, error) { return request(f.A, b, replication.KindStatus, []byte("again")) })
	want(t, got, err, a+" st again")
}

// eventually repeats an attempt: a bus may need a moment to see that the way is whole again.
func eventually(attempt func() ([]byte, error)) (got []byte, err error) {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if got, err = attempt(); err == nil {
			return got, nil
		}
		<-time.After(20 * time.Millisecond)
	}
	return got, err
}
