package scenario

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"meridian/cluster/world"
)

type (
	// process does something to the processes of nodes.
	process struct {
		act    world.Act
		target string
	}
	// heal ends faults: all, without names.
	heal struct{ a, b string }
	// wipe loses what is between the Regions.
	wipe struct{}
	// advance moves the time ahead.
	advance struct{ d time.Duration }
	// repeat plays its steps several times.
	repeat struct {
		times int
		steps []step
	}
)

// breaking puts a fault in force.
type breaking struct{ fault world.Fault }

func (f *breaking) needs() []world.Feature { return linkFeature(f.fault) }

func (f *breaking) do(ctx context.Context, r *runner) error { return r.world.Fault(ctx, f.fault) }

// linkFeature is what a fault needs: inside a Region, or between two.
func linkFeature(f world.Fault) []world.Feature {
	a, _, _ := strings.Cut(f.From, "/")
	b, _, _ := strings.Cut(f.To, "/")
	if a == b {
		return []world.Feature{world.Inside}
	}
	return []world.Feature{world.Links}
}

// flapping cuts and heals a link again and again, and looks at nothing meanwhile.
type flapping struct {
	fault world.Fault
	times int
}

// flapTime is how long a flapping link is up, and down.
const flapTime = 300 * time.Millisecond

func (f *flapping) needs() []world.Feature { return linkFeature(f.fault) }

func (f *flapping) do(ctx context.Context, r *runner) error {
	for range f.times {
		if err := r.world.Fault(ctx, f.fault); err != nil {
			return err
		}
		if err := r.pass(ctx, flapTime); err != nil {
			return err
		}
		if err := r.world.Heal(ctx, f.fault.From, f.fault.To); err != nil {
			return err
		}
		if err := r.pass(ctx, flapTime); err != nil {
			return err
		}
	}
	return nil
}

func (*heal) needs() []world.Feature { return []world.Feature{world.Links} }

func (h *heal) do(ctx context.Context, r *runner) error { return r.world.Heal(ctx, h.a, h.b) }

func (*wipe) needs() []world.Feature { return []world.Feature{world.Brokers} }

func (*wipe) do(ctx context.Context, r *runner) error { return r.world.WipeBroker(ctx) }

func (p *process) needs() []world.Feature {
	if p.act == world.Pause || p.act == world.Resume {
		return []world.Feature{world.Pauses}
	}
	return []world.Feature{world.Processes}
}

func (p *process) do(ctx context.Context, r *runner) error { return r.world.Act(ctx, p.act, p.target) }

func (*advance) needs() []world.Feature { return []world.Feature{world.Clock} }

func (a *advance) do(ctx context.Context, r *runner) error { return r.world.Advance(ctx, a.d) }

func (a *repeat) needs() []world.Feature { return needsOf(a.steps) }

func needsOf(steps []step) (all []world.Feature) {
	for _, st := range steps {
		all = append(all, st.act.needs()...)
	}
	return all
}

func (a *repeat) do(ctx context.Context, r *runner) error {
	for range a.times {
		if err := r.play(ctx, a.steps); err != nil {
			return err
		}
	}
	return nil
}

// meanwhile decrypts again and again in Regions while its steps are played. Each attempt must work.
type meanwhile struct {
	ciphertexts []string
	places      []string
	steps       []step
}

func (m *meanwhile) needs() []world.Feature { return needsOf(m.steps) }

func (m *meanwhile) do(ctx context.Context, r *runner) error {
	var mu sync.Mutex
	var tries, failures int
	var first string
	var sealed []sealed
	for _, name := range m.ciphertexts {
		s, ok := r.ciphers[name]
		if !ok {
			return fmt.Errorf("%s is not a saved CiphertextBlob", name)
		}
		sealed = append(sealed, s)
	}
	stop := r.world.Meanwhile(ctx, func(ctx context.Context) {
		for i, s := range sealed {
			for _, place := range m.places {
				got, err := s.decrypt(ctx, r.world, place)
				if ctx.Err() != nil {
					return
				}
				mu.Lock()
				tries++
				if err != nil {
					got = err.Error()
				}
				if got != "" {
					failures++
					if first == "" {
						first = fmt.Sprintf("%s in %s at %s: %s", m.ciphertexts[i], place, seconds(r.world.Now()-r.began), got)
					}
				}
				mu.Unlock()
			}
		}
	})
	err := r.play(ctx, m.steps)
	stop()
	mu.Lock()
	defer mu.Unlock()
	r.decrypts += tries
	switch {
	case err != nil:
		return err
	case failures > 0:
		return &wrong{want: "every decryption to work", got: fmt.Sprintf("%d of %d failed, the first: %s", failures, tries, first)}
	case tries == 0:
		return &wrong{want: "decryptions meanwhile", got: "none was made"}
	}
	return nil
}

// pass lets time pass.
func (r *runner) pass(ctx context.Context, d time.Duration) error {
	for until := r.world.Now() + d; r.world.Now() < until; {
		if err := r.world.Pass(ctx); err != nil {
			return err
		}
	}
	return nil
}
