package memlog_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/eventlog/memlog"
	"meridian/region/keystore"
)

func store(t testing.TB) *keystore.Store {
	t.Helper()
	s, err := keystore.Open(keystore.Config{
		Dir: "state", FS: vfs.NewMem(), ClusterID: "c", Region: "us-east-1", Domain: logtest.Counters{},
		Fatal: func(err error) { panic(err) }, MemTableBytes: 64 << 10, CacheBytes: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type cluster struct {
	*memlog.Group
	t      testing.TB
	stores []*keystore.Store
}

func newCluster(t testing.TB) *cluster {
	c := &cluster{t: t}
	var machines []eventlog.StateMachine
	for range 3 {
		s := store(t)
		c.stores, machines = append(c.stores, s), append(machines, s)
	}
	c.Group = memlog.New(machines...)
	c.Elect(0)
	return c
}

func (c *cluster) Nodes() (nodes []logtest.Node) {
	for i, s := range c.stores {
		nodes = append(nodes, logtest.Node{Log: c.Node(i), State: s})
	}
	return nodes
}

func (c *cluster) Isolate(i int) {
	c.Cut(i)
	if c.Leader() < 0 {
		c.Elect((i + 1) % len(c.stores))
	}
}

func (c *cluster) Heal() {
	for i := range c.stores {
		c.Group.Heal(i)
	}
}

func (c *cluster) Close() {
	for i, s := range c.stores {
		if err := errors.Join(c.Node(i).Close(), s.Close()); err != nil {
			c.t.Error(err)
		}
	}
}

func TestConformance(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Cluster { return newCluster(t) })
}

// TestOutcomes: each outcome gives the caller its error and leaves the records that it says.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		outcome   memlog.Outcome
		err       error
		now, then uint64 // counter after the append, and after the next election
		leads     bool
	}{
		{memlog.Done, nil, 1, 1, true},
		{memlog.Refused, eventlog.ErrNotLeader, 0, 0, false},
		{memlog.LostEntry, eventlog.ErrUnknown, 0, 0, false},
		{memlog.LostReply, eventlog.ErrUnknown, 1, 1, false},
		{memlog.Late, eventlog.ErrUnknown, 0, 1, false},
		{memlog.NewTerm, eventlog.ErrStale, 0, 0, true},
	} {
		g := newCluster(t)
		log := g.Node(0)
		g.Next(c.outcome)
		_, err := log.Append(t.Context(), logtest.AddTo(log.Leadership().Term, "a"))
		if !errors.Is(err, c.err) {
			t.Errorf("outcome %d: %v, want %v", c.outcome, err, c.err)
		}
		if got := logtest.Count(g.stores[1], "a"); got != c.now {
			t.Errorf("outcome %d: counter %d, want %d", c.outcome, got, c.now)
		}
		if got := log.Leadership().Leader; got != c.leads {
			t.Errorf("outcome %d: leads %v, want %v", c.outcome, got, c.leads)
		}
		g.Elect(2)
		if got := logtest.Count(g.stores[0], "a"); got != c.then {
			t.Errorf("outcome %d: counter %d after the election, want %d", c.outcome, got, c.then)
		}
		g.Close()
	}
}

// TestHold: a held node gets entries, and applies them when it is released.
func TestHold(t *testing.T) {
	g := newCluster(t)
	defer g.Close()
	g.Hold(2)
	log := g.Node(0)
	if _, err := log.Append(t.Context(), logtest.AddTo(log.Leadership().Term, "a")); err != nil {
		t.Fatal(err)
	}
	if got := logtest.Count(g.stores[2], "a"); got != 0 {
		t.Errorf("held node counted %d", got)
	}
	g.Release(2)
	if got := logtest.Count(g.stores[2], "a"); got != 1 {
		t.Errorf("released node counted %d", got)
	}
}

// TestChaos: whatever happens to appends, the nodes agree, and the counter lies between what was
// acknowledged and what was tried.
func TestChaos(t *testing.T) {
	for seed := range uint64(20) {
		g := newCluster(t)
		source := rand.New(rand.NewPCG(seed, 1))
		g.Chaos(source, 0.3)
		var acked, tried uint64
		for range 200 {
			if g.Leader() < 0 {
				g.Elect(source.IntN(3))
			}
			log := g.Node(g.Leader())
			_, err := log.Append(t.Context(), logtest.AddTo(log.Leadership().Term, "a"))
			switch {
			case err == nil:
				acked, tried = acked+1, tried+1
			case errors.Is(err, eventlog.ErrUnknown):
				tried++
			}
		}
		g.Chaos(nil, 0)
		g.Elect(0)
		got := logtest.Count(g.stores[0], "a")
		if got < acked || got > tried || acked == 0 || acked == tried {
			t.Errorf("seed %d: counted %d, acknowledged %d, tried %d", seed, got, acked, tried)
		}
		for i, s := range g.stores {
			if s.Meta() != g.stores[0].Meta() {
				t.Errorf("seed %d: node %d is at %+v, node 0 at %+v", seed, i, s.Meta(), g.stores[0].Meta())
			}
		}
		g.Close()
	}
}
