package virtual_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"meridian/cluster/virtual"
	"meridian/cluster/world"
)

const (
	east = "us-east-1"
	west = "eu-west-1"
)

// tale is a world with the means to tell something in it.
type tale struct {
	*virtual.World
	t *testing.T
}

func begin(t *testing.T, nodes int) tale {
	t.Helper()
	w, err := virtual.New(virtual.Options{Seed: 1, Regions: []string{east, west}, Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return tale{w, t}
}

// ask makes a call and returns its answer.
func (w tale) ask(place, operation, freshness, input string) world.Answer {
	w.t.Helper()
	c := world.Call{Region: place, Operation: operation, Input: json.RawMessage(input), Consistency: freshness}
	if region, _, ok := strings.Cut(place, "/"); ok {
		c.Region, c.Node = region, place
	}
	a, err := w.Call(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// create makes a multi-Region key in the east.
func (w tale) create() string {
	w.t.Helper()
	var out struct{ KeyMetadata struct{ KeyID string } }
	w.must(json.Unmarshal(w.ask(east, "CreateKey", "", `{"MultiRegion":true}`).Output, &out))
	return out.KeyMetadata.KeyID
}

// state is what a place says about a key.
func (w tale) state(place, freshness, key string) string {
	w.t.Helper()
	a := w.ask(place, "DescribeKey", freshness, fmt.Sprintf(`{"KeyId":%q}`, key))
	var out struct{ KeyMetadata struct{ KeyState string } }
	if a.Code == "" {
		w.must(json.Unmarshal(a.Output, &out))
	}
	return a.Code + out.KeyMetadata.KeyState
}

func (w tale) replicate(key string) {
	w.t.Helper()
	if a := w.ask(east, "ReplicateKey", "", fmt.Sprintf(`{"KeyId":%q,"ReplicaRegion":%q}`, key, west)); a.Code != "" {
		w.t.Fatal(a)
	}
}

func (w tale) pass(d time.Duration) {
	w.t.Helper()
	for until := w.Now() + d; w.Now() < until; {
		w.must(w.Pass(w.t.Context()))
	}
}

func (w tale) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w tale) is(place, freshness, key, want string) {
	w.t.Helper()
	if got := w.state(place, freshness, key); got != want {
		w.t.Errorf("at %v %s says %s, want %s", w.Now(), place, got, want)
	}
}

// TestACutIsFeltOnArrival: a message that left before the cut is lost all the same, and sent again.
func TestACutIsFeltOnArrival(t *testing.T) {
	w := begin(t, 1)
	key := w.create()
	w.must(w.Fault(t.Context(), world.Fault{Kind: world.Delay, From: east, To: west, Latency: time.Second}))
	w.replicate(key)
	w.pass(500 * time.Millisecond)
	w.must(w.Fault(t.Context(), world.Fault{Kind: world.Partition, From: east, To: west, OneWay: true}))
	w.pass(5 * time.Second)
	w.is(west, "", key, "NotFoundException")
	w.must(w.Heal(t.Context(), "", ""))
	w.pass(5 * time.Second)
	w.is(west, "", key, "Enabled")
}

// TestAWipedBrokerIsMadeGood: what was on its way is owed still.
func TestAWipedBrokerIsMadeGood(t *testing.T) {
	w := begin(t, 1)
	key := w.create()
	w.replicate(key)
	w.must(w.Pass(t.Context())) // it has left
	w.must(w.WipeBroker(t.Context()))
	w.pass(200 * time.Millisecond)
	w.is(west, "", key, "NotFoundException")
	w.pass(5 * time.Second)
	w.is(west, "", key, "Enabled")
}

// TestANodeLagsWhileItIsCutOff: it says what it knew, if it is asked for no more, and catches up when it is back.
func TestANodeLagsWhileItIsCutOff(t *testing.T) {
	w := begin(t, 3)
	key := w.create()
	w.must(w.Fault(t.Context(), world.Fault{Kind: world.Partition, From: east + "/1", To: east}))
	if a := w.ask(east+"/2", "DisableKey", "", fmt.Sprintf(`{"KeyId":%q}`, key)); a.Code != "" {
		t.Fatal(a)
	}
	w.is(east+"/1", "eventual", key, "Enabled")
	w.is(east+"/3", "eventual", key, "Disabled")
	if got := w.state(east+"/1", "strong", key); got != "KMSInternalException" {
		t.Errorf("a node without a leader says %s", got)
	}
	w.must(w.Heal(t.Context(), "", ""))
	w.is(east+"/1", "eventual", key, "Disabled")
}

// TestAMajorityDecides: with two of three nodes dead a Region is silent, and with one dead it is not; what was
// acknowledged is there afterwards.
func TestAMajorityDecides(t *testing.T) {
	w := begin(t, 3)
	ctx := t.Context()
	key := w.create()
	w.must(w.Act(ctx, world.Kill, east+"/leader"))
	w.is(east, "", key, "Enabled")
	w.must(w.Act(ctx, world.Kill, east+"/leader"))
	if got := w.state(east, "strong", key); got != "KMSInternalException" {
		t.Errorf("a Region without a majority says %s", got)
	}
	w.must(w.Act(ctx, world.Pause, east))
	w.is(east, "", key, world.Unavailable)
	w.must(w.Act(ctx, world.Start, east))
	w.is(east, "strong", key, "Enabled")
	if err := w.Act(ctx, world.Kill, "us-west-9"); err == nil {
		t.Error("a Region that is not there was killed")
	}
}

// TestTimeReachesARegionThatWasAway: a deletion falls due there when it is back.
func TestTimeReachesARegionThatWasAway(t *testing.T) {
	w := begin(t, 1)
	ctx := t.Context()
	key := w.create()
	if a := w.ask(east, "ScheduleKeyDeletion", "", fmt.Sprintf(`{"KeyId":%q,"PendingWindowInDays":7}`, key)); a.Code != "" {
		t.Fatal(a)
	}
	w.must(w.Act(ctx, world.Kill, east))
	w.must(w.Advance(ctx, 8*24*time.Hour))
	w.must(w.Act(ctx, world.Start, east))
	w.pass(time.Second)
	w.is(east, "", key, "NotFoundException")
}

// TestMeanwhileIsCalledInEachTick: once at first, once in each tick, once at the end, and not afterwards.
func TestMeanwhileIsCalledInEachTick(t *testing.T) {
	w := begin(t, 1)
	calls := 0
	stop := w.Meanwhile(t.Context(), func(ctx context.Context) {
		calls++
		_ = w.Pass(ctx) // what looks may let time pass; that is no look of its own
	})
	w.must(w.Pass(t.Context()))
	w.must(w.Pass(t.Context()))
	stop()
	w.must(w.Pass(t.Context()))
	if calls != 4 {
		t.Errorf("%d calls", calls)
	}
}
