// Package membus is replication's Bus inside one process: it loses, repeats, delays and reorders
// messages by seed, and is cut per direction, on command.
//
// A request that is lost, or whose answer is, ends in ErrNoAnswer; a cut is felt only at the moment
// of delivery, as on a network. With the same seed and the same order of calls the fates are the
// same. It waits with the time package alone and never holds a lock over a wait, so it runs in a
// testing/synctest bubble. Each message on its way has a goroutine; Close ends them and waits.
//
//	network := membus.New(membus.Options{Seed: 1, Loss: 0.3, Delay: 50 * time.Millisecond})
//	a, b := network.Join("us-east-1"), network.Join("eu-west-1")
package membus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"meridian/region/trace"
	"meridian/replication"
)

// Options are a network's habits.
type Options struct {
	Seed      uint64
	Loss      float64       // probability that a message, or an answer, is lost
	Duplicate float64       // probability that a message arrives twice
	Delay     time.Duration // each message takes between nothing and this
	Timeout   time.Duration // for an answer; 0: two seconds
}

const defaultTimeout = 2 * time.Second

// Network connects the Regions that joined it.
type Network struct {
	ctx    context.Context
	cancel context.CancelFunc
	onWay  sync.WaitGroup

	mu      sync.Mutex
	options Options
	random  *rand.Rand
	cut     map[[2]string]bool
	serving map[string]*serving
	storm   int // grows with each Wipe: what left in an older one is lost
	tap     func(src, dst string, kind replication.Kind, envelope []byte)
}

// New returns a network without Regions.
func New(o Options) *Network {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	n := &Network{
		options: o, random: rand.New(rand.NewPCG(o.Seed, 1)),
		cut: make(map[[2]string]bool), serving: make(map[string]*serving),
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n
}

// Close loses everything on its way and waits for the goroutines.
func (n *Network) Close() {
	n.cancel()
	n.onWay.Wait()
}

// Join returns the end of a Region's leader.
func (n *Network) Join(region string) *Bus { return &Bus{network: n, region: region} }

// SetLoss changes the probability that a message is lost.
func (n *Network) SetLoss(p float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.options.Loss = p
}

// Cut cuts, or heals, the way of requests from one Region to another, their answers included.
func (n *Network) Cut(from, to string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{from, to}] = cut
}

// Wipe loses everything that is on its way now.
func (n *Network) Wipe() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.storm++
}

// Tap shows every request to f when it is sent. f may keep the envelope and must not block.
func (n *Network) Tap(f func(src, dst string, kind replication.Kind, envelope []byte)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tap = f
}

// Bus is one Region's end.
type Bus struct {
	network *Network
	region  string
}

var _ replication.Bus = (*Bus)(nil)

// fate is what becomes of a request.
type fate struct {
	storm     int
	there     []time.Duration // one for each copy that arrives
	back      time.Duration
	lostThere bool
	lostBack  bool
	timeout   time.Duration
	trace     string // that the request is part of
}

func (n *Network) fate(src, dst string, kind replication.Kind, envelope []byte) fate {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tap != nil {
		n.tap(src, dst, kind, slices.Clone(envelope))
	}
	o := n.options
	f := fate{storm: n.storm, timeout: o.Timeout, there: []time.Duration{n.delay()}, back: n.delay()}
	f.lostThere, f.lostBack = n.random.Float64() < o.Loss, n.random.Float64() < o.Loss
	if n.random.Float64() < o.Duplicate {
		f.there = append(f.there, n.delay())
	}
	return f
}

func (n *Network) delay() time.Duration {
	if n.options.Delay == 0 {
		return 0
	}
	return time.Duration(n.random.Int64N(int64(n.options.Delay)))
}

// open reports whether what left in a storm passes now.
func (n *Network) open(src, dst string, storm int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.storm == storm && !n.cut[[2]string{src, dst}]
}

// Request implements replication.Bus.
func (b *Bus) Request(ctx context.Context, dst string, kind replication.Kind, envelope []byte) ([]byte, error) {
	if len(envelope) > replication.MaxEnvelope {
		return nil, fmt.Errorf("envelope of %d bytes: too large", len(envelope))
	}
	n := b.network
	f := n.fate(b.region, dst, kind, envelope)
	f.trace = trace.Parent(ctx)
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	answers := make(chan answer, len(f.there))
	if !f.lostThere {
		for _, delay := range f.there {
			n.onWay.Go(func() { n.carry(b.region, dst, kind, slices.Clone(envelope), f, delay, answers) })
		}
	}
	select {
	case a := <-answers:
		return a.envelope, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w from %s: %w", replication.ErrNoAnswer, dst, ctx.Err())
	case <-n.ctx.Done():
		return nil, fmt.Errorf("%w: %s: the network is closed", replication.ErrUnreachable, dst)
	}
}

type answer struct {
	envelope []byte
	err      error
}

// carry brings one copy of a request to dst and its answer back.
func (n *Network) carry(src, dst string, kind replication.Kind, envelope []byte, f fate, delay time.Duration, answers chan<- answer) {
	if !n.wait(delay) || !n.open(src, dst, f.storm) {
		return
	}
	var a answer
	if s := n.server(dst); s == nil {
		a.err = fmt.Errorf("%w: nobody leads %s", replication.ErrUnreachable, dst)
	} else {
		a.envelope = s.handle(f.trace, src, kind, envelope)
		if a.envelope == nil {
			return
		}
	}
	if f.lostBack || !n.wait(f.back) || !n.open(src, dst, f.storm) {
		return
	}
	answers <- a
}

// wait lets d pass; it returns false if the network is closed.
func (n *Network) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-n.ctx.Done():
		return false
	}
}

// server returns the Region's serving with one more call counted, or nil.
func (n *Network) server(region string) *serving {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.serving[region]
	if s != nil {
		s.running.Add(1)
	}
	return s
}

// serving is a Serve in force.
type serving struct {
	handler replication.Handler
	ctx     context.Context
	running sync.WaitGroup
}

func (s *serving) handle(parent, src string, kind replication.Kind, envelope []byte) []byte {
	defer s.running.Done()
	return s.handler(trace.Arrived(s.ctx, parent), src, kind, envelope)
}

// Serve implements replication.Bus.
func (b *Bus) Serve(h replication.Handler) (stop func(), err error) {
	ctx, cancel := context.WithCancel(b.network.ctx)
	s := &serving{handler: h, ctx: ctx}
	n := b.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.serving[b.region] != nil {
		cancel()
		return nil, fmt.Errorf("%s is served already", b.region)
	}
	n.serving[b.region] = s
	return sync.OnceFunc(func() {
		n.mu.Lock()
		delete(n.serving, b.region)
		n.mu.Unlock()
		cancel()
		s.running.Wait()
	}), nil
}
