package live

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/fault"
	"meridian/cluster/layout"
	"meridian/cluster/world"
	"meridian/replication"
)

// How time goes.
const (
	look      = 25 * time.Millisecond // between two looks at something that is waited for
	storm     = 300 * time.Millisecond
	callTime  = 15 * time.Second
	closeTime = time.Minute
)

// machine is what runs the nodes.
type machine interface {
	name() string
	can(f world.Feature) error
	// resolve returns the nodes that a target names.
	resolve(ctx context.Context, target string) ([]string, error)
	act(ctx context.Context, act world.Act, nodes []string) error
	addFault(ctx context.Context, r fault.Rule) error
	heal(ctx context.Context, a, b string) error
	advance(ctx context.Context, d time.Duration) error
	owed(ctx context.Context, region string) (int, error)
	// dials returns how the synchronisation is set, and turn changes it.
	dials() (replication.Dials, error)
	turn(ctx context.Context, change func(*replication.Dials)) error
	fence(ctx context.Context, lost string, force bool) error
	promote(ctx context.Context, account, key, region string, force bool) error
	states(ctx context.Context) ([]control.KeyState, error)
	close() error
}

// World is a world of real nodes. It implements world.World.
type World struct {
	machine
	file    *layout.Cluster
	client  *http.Client
	began   time.Time
	touched []string           // nodes that were killed or paused
	broken  bool               // faults were put in force
	dialled *replication.Dials // as they were before the world turned them; nil: it did not
}

var _ world.World = (*World)(nil)

func newWorld(m machine, file *layout.Cluster) *World {
	return &World{machine: m, file: file, client: &http.Client{Timeout: callTime, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}, began: time.Now()}
}

// Name implements world.World.
func (w *World) Name() string { return w.name() }

// Regions implements world.World.
func (w *World) Regions() []string { return w.file.Names() }

// Nodes implements world.World.
func (w *World) Nodes(region string) (names []string) {
	r, ok := w.file.Region(region)
	if !ok {
		return nil
	}
	for _, n := range r.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// Can implements world.World.
func (w *World) Can(f world.Feature) error {
	return w.can(f)
}

// Fault implements world.World.
func (w *World) Fault(ctx context.Context, f world.Fault) error {
	w.broken = true
	return w.addFault(ctx, ruleOf(f))
}

func ruleOf(f world.Fault) fault.Rule {
	return fault.Rule{Kind: fault.Kind(f.Kind), A: f.From, B: f.To, OneWay: f.OneWay, Latency: f.Latency, P: f.P}
}

// Heal implements world.World.
func (w *World) Heal(ctx context.Context, a, b string) error { return w.heal(ctx, a, b) }

// WipeBroker implements world.World: for a moment every message is lost.
func (w *World) WipeBroker(ctx context.Context) error {
	regions := w.Regions()
	w.broken = true
	var lost []fault.Rule
	for i, a := range regions {
		for _, b := range regions[i+1:] {
			lost = append(lost, fault.Rule{Kind: fault.Drop, A: a, B: b, P: 1})
		}
	}
	for _, r := range lost {
		if err := w.addFault(ctx, r); err != nil {
			return err
		}
	}
	err := pause(ctx, storm)
	for _, r := range lost {
		err = errors.Join(err, w.heal(ctx, r.A, r.B))
	}
	return err
}

// Act implements world.World.
func (w *World) Act(ctx context.Context, act world.Act, target string) error {
	nodes, err := w.resolve(ctx, target)
	if err != nil {
		return err
	}
	if act == world.Kill || act == world.Pause {
		w.touched = append(w.touched, nodes...)
	}
	return w.act(ctx, act, nodes)
}

// Advance implements world.World.
func (w *World) Advance(ctx context.Context, d time.Duration) error { return w.advance(ctx, d) }

// Owed implements world.World.
func (w *World) Owed(ctx context.Context, region string) (int, error) { return w.owed(ctx, region) }

// Pass implements world.World.
func (w *World) Pass(ctx context.Context) error { return pause(ctx, look) }

// Now implements world.World.
func (w *World) Now() time.Duration { return time.Since(w.began) }

// Meanwhile implements world.World.
func (w *World) Meanwhile(ctx context.Context, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			f(ctx)
			_ = pause(ctx, look) // its error is the loop's end
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// Close implements world.World.
func (w *World) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var err error
	if w.broken {
		err = w.heal(ctx, "", "")
	}
	if was := w.dialled; was != nil {
		err = errors.Join(err, w.turn(ctx, func(d *replication.Dials) { d.Lag, d.Paused = was.Lag, was.Paused }))
	}
	slices.Sort(w.touched)
	if nodes := slices.Compact(w.touched); len(nodes) > 0 {
		err = errors.Join(err, w.act(ctx, world.Start, nodes))
	}
	w.client.CloseIdleConnections()
	return errors.Join(err, w.close())
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
