package replication_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"meridian/replication"
	"meridian/replication/bustest"
	"meridian/replication/membus"
)

// TestFallbackIsABus: with both buses whole, and with the first one cut for good.
func TestFallbackIsABus(t *testing.T) {
	for name, away := range map[string]bool{"both are there": false, "the first is away": true} {
		t.Run(name, func(t *testing.T) {
			bustest.Run(t, func(t *testing.T, a, b string) bustest.Fixture {
				first, second := membus.New(membus.Options{Seed: 1, Timeout: 50 * time.Millisecond}), membus.New(membus.Options{Seed: 2, Timeout: time.Second})
				t.Cleanup(first.Close)
				t.Cleanup(second.Close)
				cut := func(cut bool) {
					first.Cut(a, b, cut)
					second.Cut(a, b, cut)
				}
				end := func(region string) replication.Bus {
					if away {
						return &replication.Fallback{First: nowhere{}, Second: second.Join(region)}
					}
					return &replication.Fallback{First: first.Join(region), Second: second.Join(region)}
				}
				return bustest.Fixture{A: end(a), B: end(b), Cut: cut}
			})
		})
	}
}

// nowhere is a bus that reaches nobody.
type nowhere struct{}

func (nowhere) Request(context.Context, string, replication.Kind, []byte) ([]byte, error) {
	return nil, replication.ErrUnreachable
}
func (nowhere) Serve(replication.Handler) (func(), error) { return func() {}, nil }

// scripted is a bus that fails as told, and notes who was asked over it.
type scripted struct {
	nowhere
	name  string
	err   *error
	takes *time.Duration
	asked *[]string
}

func (s scripted) Request(_ context.Context, dst string, _ replication.Kind, _ []byte) ([]byte, error) {
	*s.asked = append(*s.asked, s.name+" "+dst)
	time.Sleep(*s.takes) // virtual
	return []byte(s.name), *s.err
}

// TestFallbackTurns: which bus is asked, request by request.
func TestFallbackTurns(t *testing.T) {
	const a, b = "us-east-1", "eu-west-1"
	steps := []struct {
		what          string
		first, second error
		dst           string
		after, takes  time.Duration
		asked         []string
	}{
		{what: "all is well", dst: a, asked: []string{"first " + a}},
		{what: "the first reaches nobody: the second at once", first: replication.ErrUnreachable, dst: a, asked: []string{"first " + a, "second " + a}},
		{what: "and from then on", dst: a, asked: []string{"second " + a}},
		{what: "of that Region alone", dst: b, asked: []string{"first " + b}},
		{what: "for ten seconds", dst: a, after: 10 * time.Second, asked: []string{"first " + a}},
		{what: "who waits for a second does not know", first: replication.ErrNoAnswer, takes: time.Second, dst: a, asked: []string{"first " + a}},
		{what: "an unknown outcome is not made two", first: fmt.Errorf("%w: late", replication.ErrNoAnswer), takes: 4 * time.Second, dst: a, asked: []string{"first " + a}},
		{what: "the next goes the other way", dst: a, asked: []string{"second " + a}},
		{what: "which fails as well", second: replication.ErrNoAnswer, dst: a, asked: []string{"second " + a}},
		{what: "back to the first", dst: a, asked: []string{"first " + a}},
		{what: "an error of another kind turns nothing", first: context.Canceled, dst: a, asked: []string{"first " + a}},
		{what: "as is seen", dst: a, asked: []string{"first " + a}},
		{what: "both reach nobody", first: replication.ErrUnreachable, second: replication.ErrUnreachable, dst: a, asked: []string{"first " + a, "second " + a}},
		{what: "so the first is asked again", dst: a, asked: []string{"first " + a}},
	}
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		var first, second error
		var takes time.Duration
		bus := &replication.Fallback{First: scripted{name: "first", err: &first, takes: &takes, asked: &asked}, Second: scripted{name: "second", err: &second, takes: &takes, asked: &asked}}
		for _, s := range steps {
			time.Sleep(s.after) // virtual
			asked, first, second, takes = nil, s.first, s.second, s.takes
			_, _ = bus.Request(t.Context(), s.dst, replication.KindKey, nil)
			if !slices.Equal(asked, s.asked) {
				t.Errorf("%s: asked %v, not %v", s.what, asked, s.asked)
			}
		}
	})
}
