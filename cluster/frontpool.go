package cluster

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"meridian/cluster/layout"
)

// pool is the nodes of one Region.
type pool struct {
	region   string
	backends []*backend
	turn     atomic.Uint64 // spreads calls

	mu      sync.Mutex
	changed chan struct{} // closed when a node becomes ready
}

// backend is one node, as the front door sees it.
type backend struct {
	name, addr string
	ready      atomic.Bool
}

func newPool(r layout.Region) *pool {
	p := &pool{region: r.Name, changed: make(chan struct{})}
	for _, n := range r.Nodes {
		p.backends = append(p.backends, &backend{name: n.Name, addr: n.KMS})
	}
	return p
}

// pick returns a node that is ready and was not tried, round robin; nil: there is none.
func (p *pool) pick(tried map[*backend]bool) *backend {
	start := int(p.turn.Add(1) % uint64(len(p.backends)))
	for i := range p.backends {
		if b := p.backends[(start+i)%len(p.backends)]; b.ready.Load() && !tried[b] {
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
	for _, p := range f.regions {
		for _, b := range p.backends {
			wg.Go(func() { f.pollNode(ctx, p, b) })
		}
	}
	wg.Wait()
}

func (f *FrontDoor) pollNode(ctx context.Context, p *pool, b *backend) {
	tick := time.NewTicker(f.tempo.Poll)
	defer tick.Stop()
	for {
		ready := f.isReady(ctx, b)
		if ready != b.ready.Load() && ctx.Err() == nil {
			f.log.Info("node changed", "node", b.name, "ready", ready)
		}
		p.setReady(b, ready)
		f.metrics.Ready(b.name, ready)
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
