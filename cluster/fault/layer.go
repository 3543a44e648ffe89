package fault

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"meridian/cluster/layout"
)

// Dial opens a connection, as net.Dialer.DialContext does.
type Dial = func(ctx context.Context, network, addr string) (net.Conn, error)

// Lookup tells the name of the node that listens on an address; empty: not a node, no fault applies.
type Lookup = func(addr string) string

// Names looks nodes up in cluster.json, by any of their addresses.
func Names(c *layout.Cluster) Lookup {
	names := make(map[string]string)
	for _, r := range c.Regions {
		for _, n := range r.Nodes {
			names[n.KMS], names[n.Internal], names[n.NATS] = n.Name, n.Name, n.Name
		}
	}
	return func(addr string) string { return names[addr] }
}

// Layer is the faults of one node. Its methods may be called from any goroutine.
type Layer struct {
	self  string
	names atomic.Pointer[Lookup]
	state atomic.Pointer[state]

	mu     sync.Mutex // orders changes of state; guards expiry
	expiry *time.Timer

	randMu sync.Mutex
	rand   *rand.Rand
}

// state is a table in force. It is replaced, never changed.
type state struct {
	version uint64
	rules   []Rule
	over    chan struct{} // closed when the next state is in force
}

// New returns the layer of the node called self, without faults. The same seed and the same calls
// give the same fates.
func New(self string, names Lookup, seed uint64) *Layer {
	l := &Layer{self: self, rand: rand.New(rand.NewPCG(seed, 0))}
	l.SetNames(names)
	l.state.Store(&state{over: make(chan struct{})})
	return l
}

// SetNames says which node listens on an address from now on: nodes come and go.
func (l *Layer) SetNames(names Lookup) { l.names.Store(&names) }

// Set puts a table in force; when it returns, every connection obeys it. A table older than the one
// in force is passed over, so pushes may overtake each other.
func (l *Layer) Set(t Table) error {
	if err := t.Validate(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.Version < l.state.Load().version {
		return nil
	}
	l.install(t)
	return nil
}

// install replaces the state by the live rules of t and arms the timer for the first that ends.
func (l *Layer) install(t Table) {
	now := time.Now()
	next := &state{version: t.Version, rules: t.Live(now), over: make(chan struct{})}
	if l.expiry != nil {
		l.expiry.Stop()
		l.expiry = nil
	}
	var first time.Time
	for _, r := range next.rules {
		if !r.Until.IsZero() && (first.IsZero() || r.Until.Before(first)) {
			first = r.Until
		}
	}
	if !first.IsZero() {
		l.expiry = time.AfterFunc(first.Sub(now), func() { l.expire(next) })
	}
	close(l.state.Swap(next).over)
}

// expire drops the rules that are over, if s is still in force.
func (l *Layer) expire(s *state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Load() == s {
		l.install(Table{Format: Format, Version: s.version, Rules: s.rules})
	}
}

// Version is the version of the table in force.
func (l *Layer) Version() uint64 { return l.state.Load().version }

// Fate says what happens to one message to the node dst.
func (l *Layer) Fate(dst string) (drop, duplicate bool) {
	k := l.state.Load().link(l.self, dst)
	return l.chance(k.drop), l.chance(k.duplicate)
}

func (l *Layer) chance(p float64) bool {
	if p <= 0 {
		return false
	}
	l.randMu.Lock()
	defer l.randMu.Unlock()
	return l.rand.Float64() < p
}

// lateness draws how late a byte is that is sent now.
func (l *Layer) lateness(d lateness) time.Duration {
	if d.jitter <= 0 {
		return d.latency
	}
	l.randMu.Lock()
	defer l.randMu.Unlock()
	return d.latency - d.jitter + time.Duration(l.rand.Int64N(2*int64(d.jitter)+1))
}

// link is what the rules do to connections from one node to another.
type link struct {
	cut             bool
	out, in         lateness
	drop, duplicate float64
}

type lateness struct{ latency, jitter time.Duration }

func (d *lateness) add(r Rule) {
	d.latency += r.Latency
	d.jitter += r.Jitter
}

// clear says that bytes pass untouched.
func (k link) clear() bool { return !k.cut && k.out == lateness{} && k.in == lateness{} }

// link adds up the rules: delays are summed, probabilities are of independent events.
func (s *state) link(self, dst string) link {
	var k link
	if len(s.rules) == 0 || dst == "" || self == dst {
		return k
	}
	for _, r := range s.rules {
		out, in := r.from(self, dst), r.from(dst, self)
		switch {
		case r.Kind == Partition && out:
			k.cut = true
		case r.Kind == Delay:
			if out {
				k.out.add(r)
			}
			if in {
				k.in.add(r)
			}
		case r.Kind == Drop && out:
			k.drop = 1 - (1-k.drop)*(1-r.P)
		case r.Kind == Duplicate && out:
			k.duplicate = 1 - (1-k.duplicate)*(1-r.P)
		}
	}
	return k
}
