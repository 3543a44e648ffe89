package rsa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"meridian/keyengine/primitive"
)

// Errors of a Pool.
var (
	// ErrClosed says that the pool was closed.
	ErrClosed = errors.New("pool of keys is closed")
	// ErrBusy says that too many are waiting for a key already.
	ErrBusy = errors.New("pool of keys is busy")
)

// Pool makes keys that take long to make, one at a time, and has some of each spec ready that was
// ever asked for. One goroutine makes them, from NewPool to Close.
type Pool struct {
	config  Config
	wake    chan struct{} // holds a token when there may be something to do
	closing chan struct{}
	done    sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	asked   map[string]bool // specs of which some are to be ready
	ready   map[string][]primitive.Material
	waiting []*wait // in the order they came
}

// Config is what a Pool works with.
type Config struct {
	Providers []primitive.Provider // whose keys the pool makes; Providers() where it is nil
	Rand      io.Reader            // for those that use it
	Ready     int                  // keys of a spec to have ready once one was asked for
	Waiting   int                  // calls that may wait at a time; the next one gets ErrBusy
}

type wait struct {
	spec string
	made chan made // holds one
}

type made struct {
	material primitive.Material
	err      error
}

// NewPool starts a pool, which the caller closes.
func NewPool(c Config) *Pool {
	if c.Providers == nil {
		c.Providers = Providers()
	}
	p := &Pool{
		config: c, wake: make(chan struct{}, 1), closing: make(chan struct{}),
		asked: map[string]bool{}, ready: map[string][]primitive.Material{},
	}
	p.done.Go(p.work)
	return p
}

// Has reports whether the pool makes keys of a spec.
func (p *Pool) Has(spec string) bool { return p.provider(spec) != nil }

// Generate returns a new key, which is the caller's alone. It waits for one if none is ready, and
// returns ErrBusy, ErrClosed, the context's error, or what the provider returned.
func (p *Pool) Generate(ctx context.Context, spec string) (primitive.Material, error) {
	if !p.Has(spec) {
		return primitive.Material{}, fmt.Errorf("generate %s: %w", spec, primitive.ErrSpec)
	}
	w, m, err := p.take(spec)
	if w == nil {
		return m, err
	}
	select {
	case made := <-w.made:
		return made.material, made.err
	case <-ctx.Done():
		p.leave(w)
		return primitive.Material{}, ctx.Err()
	}
}

// take returns a key that is ready, or the place of the call in the queue.
func (p *Pool) take(spec string) (*wait, primitive.Material, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, primitive.Material{}, ErrClosed
	}
	p.asked[spec] = true
	defer p.hint()
	if ready := p.ready[spec]; len(ready) > 0 {
		p.ready[spec] = ready[1:]
		return nil, ready[0], nil
	}
	if len(p.waiting) >= p.config.Waiting {
		return nil, primitive.Material{}, ErrBusy
	}
	w := &wait{spec, make(chan made, 1)}
	p.waiting = append(p.waiting, w)
	return w, primitive.Material{}, nil
}

// leave gives up a place in the queue. A key that came at the last moment goes to the others.
func (p *Pool) leave(w *wait) {
	p.mu.Lock()
	p.waiting = slices.DeleteFunc(p.waiting, func(other *wait) bool { return other == w })
	p.mu.Unlock()
	select {
	case made := <-w.made:
		if made.err == nil {
			p.deliver(w.spec, made)
		}
	default:
	}
}

// Close ends the worker, which cannot leave a key that it has begun, and destroys the keys that are
// ready. Calls that wait get ErrClosed.
func (p *Pool) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.closing)
		for _, w := range p.waiting {
			w.made <- made{err: ErrClosed}
		}
		p.waiting = nil
		for _, ready := range p.ready {
			for _, m := range ready {
				m.Destroy()
			}
		}
		p.ready = nil
	}
	p.mu.Unlock()
	p.done.Wait()
}

func (p *Pool) work() {
	for {
		if spec, ok := p.next(); ok {
			m, err := p.provider(spec).Generate(p.config.Rand)
			p.deliver(spec, made{m, err})
			continue
		}
		select {
		case <-p.wake:
		case <-p.closing:
			return
		}
	}
}

// next returns the spec to make a key of: that of the first call that waits, else one of which too
// few are ready.
func (p *Pool) next() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return "", false
	}
	if len(p.waiting) > 0 {
		return p.waiting[0].spec, true
	}
	for _, provider := range p.config.Providers {
		spec := provider.Spec()
		if p.asked[spec] && len(p.ready[spec]) < p.config.Ready {
			return spec, true
		}
	}
	return "", false
}

// deliver gives a key, or why there is none, to the first call that waits for one of its spec. A
// key that nobody wants becomes a ready one, or is destroyed where there is no room.
func (p *Pool) deliver(spec string, result made) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.waiting, func(w *wait) bool { return w.spec == spec })
	switch {
	case i >= 0:
		p.waiting[i].made <- result
		p.waiting = slices.Delete(p.waiting, i, i+1)
	case result.err != nil:
		p.asked[spec] = false // not again until somebody asks
	case p.closed || len(p.ready[spec]) >= p.config.Ready:
		result.material.Destroy()
	default:
		p.ready[spec] = append(p.ready[spec], result.material)
	}
}

// hint wakes the worker, or lets it look once more.
func (p *Pool) hint() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Pool) provider(spec string) primitive.Provider {
	i := slices.IndexFunc(p.config.Providers, func(q primitive.Provider) bool { return q.Spec() == spec })
	if i < 0 {
		return nil
	}
	return p.config.Providers[i]
}
