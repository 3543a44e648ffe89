package cluster

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meridian/cluster/layout"
)

// pool is the nodes of one Region.
type pool struct {
	region   string
	backends atomic.Pointer[[]*backend] // replaced, never changed
	turn     atomic.Uint64              // spreads calls

	mu      sync.Mutex
	changed chan struct{} // closed when a node becomes ready
}

// backend is one node, as the front door sees it.
type backend struct {
	name, addr string
	ready      atomic.Bool
	forget     context.CancelFunc // ends the questions whether it is ready; nil: none were put
}

func newPool(r layout.Region) *pool {
	p := &pool{region: r.Name, changed: make(chan struct{})}
	p.backends.Store(new([]*backend))
	p.set(r.Nodes)
	return p
}

// nodes are the nodes of the Region now.
func (p *pool) nodes() []*backend { return *p.backends.Load() }

// set replaces the nodes and returns those that are new and those that are gone. One that stays keeps its state.
func (p *pool) set(nodes []layout.Node) (came, gone []*backend) {
	was := p.nodes()
	var next []*backend
	for _, n := range nodes {
		i := slices.IndexFunc(was, func(b *backend) bool { return b.name == n.Name && b.addr == n.KMS })
		if i >= 0 {
			next = append(next, was[i])
			continue
		}
		b := &backend{name: n.Name, addr: n.KMS}
		next, came = append(next, b), append(came, b)
	}
	for _, b := range was {
		if !slices.Contains(next, b) {
			gone = append(gone, b)
		}
	}
	p.backends.Store(&next)
	return came, gone
}

// pick returns a node that is ready and was not tried, round robin; nil: there is none.
func (p *pool) pick(tried map[*backend]bool) *backend {
	backends := p.nodes()
	start := int(p.turn.Add(1) % uint64(len(backends)))
	for i := range backends {
		if b := backends[(start+i)%len(backends)]; b.ready.Load() && !tried[b] {
			return b
		}
	}
	return nil
}

// watch returns a channel that is closed when another node becomes ready. Watch first, then pick.
func (p *pool) watch() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

func (p *pool) setReady(b *backend, ready bool) {
	if was := b.ready.Swap(ready); ready && !was {
		p.mu.Lock()
		defer p.mu.Unlock()
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// Poll asks all nodes whether they are ready, again and again until ctx ends. Run does it by itself.
func (f *FrontDoor) Poll(ctx context.Context) {
	var wg sync.WaitGroup
	begin := func(p *pool, b *backend) {
		asking, forget := context.WithCancel(ctx)
		b.forget = forget
		wg.Go(func() { f.pollNode(asking, p, b) })
	}
	for _, p := range f.regions {
		for _, b := range p.nodes() {
			begin(p, b)
		}
	}
	f.follow(ctx, begin)
	wg.Wait()
}

// follow takes up the nodes that cluster.json names, as they come and go, until ctx ends.
func (f *FrontDoor) follow(ctx context.Context, begin func(*pool, *backend)) {
	if f.reread == nil {
		return
	}
	tick := time.NewTicker(f.tempo.Look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		file, err := f.reread()
		if err != nil { // whatever is wrong with the file, those who change it say so
			continue
		}
		for _, r := range file.Regions {
			p := f.regions[r.Name]
			if p == nil { // Regions come while the front door is down
				continue
			}
			came, gone := p.set(r.Nodes)
			for _, b := range came {
				f.log.Info("node came", "node", b.name)
				begin(p, b)
			}
			for _, b := range gone {
				f.log.Info("node went", "node", b.name)
				b.forget()
				b.ready.Store(false)
				f.metrics.Gone(b.name)
			}
		}
	}
}

func (f *FrontDoor) pollNode(ctx context.Context, p *pool, b *backend) {
	tick := time.NewTicker(f.tempo.Poll)
	defer tick.Stop()
	for {
		ready := f.isReady(ctx, b)
		if ready != b.ready.Load() && ctx.Err() == nil {
			f.log.Info("node changed", "node", b.name, "ready", ready)
		}
		if ctx.Err() == nil {
			p.setReady(b, ready)
			f.metrics.Ready(b.name, ready)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *FrontDoor) isReady(ctx context.Context, b *backend) bool {
	ctx, cancel := context.WithTimeout(ctx, f.tempo.Answer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.addr+"/_meridian/ready", nil)
	if err != nil {
		return false
	}
	resp, err := f.client.RoundTrip(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
