package logtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meridian/eventlog"
	"meridian/keyengine/rows"
)

// Cluster is a group of three nodes under test, whose state machines have Counters as their domain.
type Cluster interface {
	Nodes() []Node
	// Isolate takes node i off from the others; another comes to lead if it led.
	Isolate(i int)
	// Heal connects all nodes.
	Heal()
	// Close closes logs and state machines; logs may be closed already.
	Close()
}

// Node is a member of a Cluster.
type Node struct {
	Log   eventlog.Log
	State State
}

// State is a state machine that can be read.
type State interface {
	eventlog.StateMachine
	rows.Reader
}

// Run runs the conformance suite. Open is called in a bubble of testing/synctest and returns a
// cluster in which a leader is there or comes by itself.
func Run(t *testing.T, open func(t *testing.T) Cluster) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, c Cluster)
	}{
		{"append is applied here when it returns and everywhere soon", appendApplies},
		{"seqs are dense under concurrent appends", denseSeqs},
		{"a follower refuses and appends nothing", followerRefuses},
		{"a record of another term is refused by all alike", staleRefused},
		{"an empty entry is refused", emptyRefused},
		{"one leader is known to all", leaderKnown},
		{"leadership moves on request, in a later term", transfer},
		{"a new leader has every acknowledged record", takeover},
		{"an isolated leader acknowledges nothing", isolatedLeader},
		{"a node that was away catches up", catchUp},
		{"watchers get the newest, and the end", watch},
		{"a closed log says so", closedLog},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster := open(t)
				defer cluster.Close()
				c.run(t, cluster)
			})
		})
	}
}

// patience is how long, in the bubble's time, something may take that has to happen.
const patience = 30 * time.Second

// eventually waits until ok, or fails the test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// leader waits for a node that leads, among those not left out.
func leader(t *testing.T, c Cluster, without ...int) int {
	t.Helper()
	found := -1
	eventually(t, "a leader", func() bool {
		for i, n := range c.Nodes() {
			out := false
			for _, w := range without {
				out = out || w == i
			}
			if !out && n.Log.Leadership().Leader {
				found = i
				return true
			}
		}
		return false
	})
	return found
}

// add appends 1 to a counter through whoever leads, and fails the test if that does not work.
func add(t *testing.T, c Cluster, i int, name string) eventlog.Position {
	t.Helper()
	n := c.Nodes()[i]
	at, err := n.Log.Append(t.Context(), AddTo(n.Log.Leadership().Term, name))
	if err != nil {
		t.Fatalf("append on node %d: %v", i, err)
	}
	return at
}

func counted(c Cluster, i int, name string) uint64 { return Count(c.Nodes()[i].State, name) }

func appendApplies(t *testing.T, c Cluster) {
	l := leader(t, c)
	for want := uint64(1); want <= 20; want++ {
		at := add(t, c, l, "a")
		if at.Seq != want || counted(c, l, "a") != want {
			t.Fatalf("append %d: at %+v, counter here %d", want, at, counted(c, l, "a"))
		}
		if got := c.Nodes()[l].State.Applied(); got.Seq != at.Seq || got.Index < at.Index {
			t.Fatalf("applied %+v after an append at %+v", got, at)
		}
	}
	for i := range c.Nodes() {
		eventually(t, fmt.Sprintf("counter on node %d", i), func() bool { return counted(c, i, "a") == 20 })
	}
}

func denseSeqs(t *testing.T, c Cluster) {
	l := leader(t, c)
	node := c.Nodes()[l]
	term := node.Log.Leadership().Term
	const n = 64
	seqs := make(chan uint64, n)
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			at, err := node.Log.Append(context.Background(), AddTo(term, "a"))
			if err != nil {
				t.Errorf("append: %v", err)
			}
			seqs <- at.Seq
		})
	}
	group.Wait()
	seen := map[uint64]bool{}
	for range n {
		seen[<-seqs] = true
	}
	for seq := uint64(1); seq <= n; seq++ {
		if !seen[seq] {
			t.Errorf("no append got seq %d", seq)
		}
	}
}

func followerRefuses(t *testing.T, c Cluster) {
	l := leader(t, c)
	term := c.Nodes()[l].Log.Leadership().Term
	for i, n := range c.Nodes() {
		if i == l {
			continue
		}
		if _, err := n.Log.Append(t.Context(), AddTo(term, "a")); !errors.Is(err, eventlog.ErrNotLeader) {
			t.Errorf("append on follower %d: %v", i, err)
		}
		if err := n.Log.VerifyLeader(t.Context()); !errors.Is(err, eventlog.ErrNotLeader) {
			t.Errorf("verify leader on follower %d: %v", i, err)
		}
		if err := n.Log.Transfer(t.Context()); !errors.Is(err, eventlog.ErrNotLeader) {
			t.Errorf("transfer on follower %d: %v", i, err)
		}
	}
	if at := add(t, c, l, "b"); at.Seq != 1 || counted(c, l, "a") != 0 {
		t.Errorf("after refusals: seq %d, counter %d", at.Seq, counted(c, l, "a"))
	}
}

func staleRefused(t *testing.T, c Cluster) {
	l := leader(t, c)
	n := c.Nodes()[l]
	term := n.Log.Leadership().Term
	add(t, c, l, "a")
	for _, wrong := range []uint64{term - 1, term + 1} {
		at, err := n.Log.Append(t.Context(), AddTo(wrong, "a"))
		if !errors.Is(err, eventlog.ErrStale) || at.Seq != 1 {
			t.Errorf("append stamped %d in term %d: %+v, %v", wrong, term, at, err)
		}
	}
	if at := add(t, c, l, "a"); at.Seq != 2 {
		t.Errorf("next record has seq %d", at.Seq)
	}
	for i := range c.Nodes() {
		eventually(t, "the second record", func() bool { return c.Nodes()[i].State.Applied().Seq == 2 })
		if got := counted(c, i, "a"); got != 2 {
			t.Errorf("node %d counted %d", i, got)
		}
	}
}

func emptyRefused(t *testing.T, c Cluster) {
	l := leader(t, c)
	if _, err := c.Nodes()[l].Log.Append(t.Context(), nil); err == nil {
		t.Error("appended nothing at all")
	}
	if at := add(t, c, l, "a"); at.Seq != 1 {
		t.Errorf("next record has seq %d", at.Seq)
	}
}

func leaderKnown(t *testing.T, c Cluster) {
	l := leader(t, c)
	want := c.Nodes()[l].Log.Leadership()
	if want.ID == "" || want.Addr == "" || want.Term == 0 {
		t.Fatalf("leader calls itself %+v", want)
	}
	for i, n := range c.Nodes() {
		eventually(t, fmt.Sprintf("node %d to know the leader", i), func() bool {
			got := n.Log.Leadership()
			return got.ID == want.ID && got.Addr == want.Addr && got.Leader == (i == l)
		})
	}
	if err := c.Nodes()[l].Log.VerifyLeader(t.Context()); err != nil {
		t.Errorf("verify leader: %v", err)
	}
}

func transfer(t *testing.T, c Cluster) {
	l := leader(t, c)
	was := c.Nodes()[l].Log.Leadership().Term
	add(t, c, l, "a")
	if err := c.Nodes()[l].Log.Transfer(t.Context()); err != nil {
		t.Fatalf("transfer: %v", err)
	}
	next := leader(t, c, l)
	if now := c.Nodes()[next].Log.Leadership().Term; now <= was {
		t.Errorf("term %d after %d", now, was)
	}
	if at := add(t, c, next, "a"); at.Seq != 2 || counted(c, next, "a") != 2 {
		t.Errorf("after the transfer: seq %d, counter %d", at.Seq, counted(c, next, "a"))
	}
}

func takeover(t *testing.T, c Cluster) {
	l := leader(t, c)
	for range 10 {
		add(t, c, l, "a")
	}
	c.Isolate(l)
	next := leader(t, c, l)
	if got := counted(c, next, "a"); got != 10 {
		t.Errorf("new leader has %d of 10 records when it begins to lead", got)
	}
}

func isolatedLeader(t *testing.T, c Cluster) {
	l := leader(t, c)
	add(t, c, l, "a")
	old := c.Nodes()[l]
	c.Isolate(l)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := old.Log.Append(ctx, AddTo(old.Log.Leadership().Term, "a"))
	if !errors.Is(err, eventlog.ErrUnknown) && !errors.Is(err, eventlog.ErrNotLeader) {
		t.Errorf("append: %v", err)
	}
	if err := old.Log.VerifyLeader(ctx); err == nil {
		t.Error("an isolated node verified that it leads")
	}
	next := leader(t, c, l)
	add(t, c, next, "b")
	c.Heal()
	eventually(t, "the old leader to follow", func() bool { return counted(c, l, "b") == 1 })
	if old.Log.Leadership().Leader {
		t.Error("two nodes lead")
	}
}

func catchUp(t *testing.T, c Cluster) {
	l := leader(t, c)
	away := (l + 1) % len(c.Nodes())
	c.Isolate(away)
	for range 30 {
		add(t, c, leader(t, c, away), "a")
	}
	if got := counted(c, away, "a"); got != 0 {
		t.Errorf("an isolated node counted %d", got)
	}
	c.Heal()
	eventually(t, "the node that was away", func() bool { return counted(c, away, "a") == 30 })
}

func watch(t *testing.T, c Cluster) {
	l := leader(t, c)
	n := c.Nodes()[l]
	w := n.Log.Watch()
	if got := <-w; got != n.Log.Leadership() {
		t.Errorf("first: %+v, leadership %+v", got, n.Log.Leadership())
	}
	if err := n.Log.Transfer(t.Context()); err != nil {
		t.Fatalf("transfer: %v", err)
	}
	next := leader(t, c, l)
	want := c.Nodes()[next].Log.Leadership().ID
	eventually(t, "news of the new leader", func() bool {
		select {
		case got := <-w:
			return !got.Leader && got.ID == want
		default:
			return false
		}
	})
	if err := n.Log.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	eventually(t, "the end of news", func() bool {
		select {
		case _, more := <-w:
			return !more
		default:
			return false
		}
	})
}

func closedLog(t *testing.T, c Cluster) {
	l := leader(t, c)
	n := c.Nodes()[l]
	term := n.Log.Leadership().Term
	for range 2 {
		if err := n.Log.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := n.Log.Append(t.Context(), AddTo(term, "a")); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if err := n.Log.VerifyLeader(t.Context()); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("verify leader: %v", err)
	}
	if got := n.Log.Leadership(); got.Leader {
		t.Errorf("leadership %+v", got)
	}
	if _, more := <-n.Log.Watch(); more {
		t.Error("watching goes on")
	}
}
