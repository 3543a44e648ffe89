package virtual

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"meridian/cluster/world"
	"meridian/keyengine/keyring"
	"meridian/replication"
)

// How time goes.
const (
	tick        = 50 * time.Millisecond
	dueEvery    = 500 * time.Millisecond
	reportEvery = 2 * time.Second
	clusterID   = "00000000-0000-4000-8000-000000000000"
)

// epoch is when a world begins.
func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// Options are what a world is made of.
type Options struct {
	Seed    uint64 // of the messages' fates
	Regions []string
	Nodes   int           // of each Region; 0: one
	Latency time.Duration // of a message between Regions, one way; 0: 40 ms
}

// World is a world in virtual time. It implements world.World.
type World struct {
	options Options
	regions []*site
	now     atomic.Int64 // ns since epoch
	offset  int64        // ms that Region time is ahead by, of Regions that could be told
	random  *mathrand.Rand
	ids     *mathrand.ChaCha8 // what nodes draw: a lag profile's delays are a function of the keys' ids
	faults  []world.Fault
	bag     []*message
	sent    uint64 // messages so far
	calls   uint64 // calls so far
	dial    replication.Dial
	looks   []*func(context.Context)
	looking bool
}

var _ world.World = (*World)(nil)

// New makes a world in which every Region has a leader.
func New(o Options) (*World, error) {
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Latency == 0 {
		o.Latency = 40 * time.Millisecond
	}
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], o.Seed)
	w := &World{options: o, random: mathrand.New(mathrand.NewPCG(o.Seed, 1)), ids: mathrand.NewChaCha8(seed)}
	for _, name := range o.Regions {
		ring, err := keyring.New(clusterID, name, rand.Reader)
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		s, err := newSite(w, name, ring)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make Region %s: %w", name, err), w.Close())
		}
		w.regions = append(w.regions, s)
		s.elect()
	}
	return w, nil
}

// Name implements world.World.
func (w *World) Name() string { return "sim" }

// Regions implements world.World.
func (w *World) Regions() []string { return slices.Clone(w.options.Regions) }

// Nodes implements world.World.
func (w *World) Nodes(region string) (names []string) {
	if s := w.site(region); s != nil {
		for _, n := range s.nodes {
			names = append(names, n.name)
		}
	}
	return names
}

// Can implements world.World.
func (*World) Can(world.Feature) error { return nil }

// Close implements world.World.
func (w *World) Close() (err error) {
	for _, s := range w.regions {
		err = errors.Join(err, s.close())
	}
	return err
}

// Now implements world.World.
func (w *World) Now() time.Duration { return time.Duration(w.now.Load()) }

// wall is the clock of every node.
func (w *World) wall() time.Time { return epoch().Add(w.Now()) }

// Pass implements world.World: one tick.
func (w *World) Pass(ctx context.Context) error {
	w.tick(ctx)
	return ctx.Err()
}

// tick lets a tick pass: what arrives is taken in, what is due is done, what is owed is sent.
func (w *World) tick(ctx context.Context) {
	was := w.Now()
	now := was + tick
	w.now.Store(int64(now))
	for _, s := range w.regions {
		s.elect()
		if now/dueEvery != was/dueEvery {
			s.due(ctx)
		}
		if now/reportEvery != was/reportEvery {
			s.report(ctx)
		}
	}
	w.deliver(ctx)
	w.send(ctx)
	w.look(ctx)
}

// look calls what Meanwhile was given.
func (w *World) look(ctx context.Context) {
	if w.looking { // what looks may wait, and so let time pass
		return
	}
	w.looking = true
	defer func() { w.looking = false }()
	for _, f := range slices.Clone(w.looks) {
		(*f)(ctx)
	}
}

// Meanwhile implements world.World: f is called now, in each tick, and at the end.
func (w *World) Meanwhile(ctx context.Context, f func(context.Context)) (stop func()) {
	p := &f
	w.looks = append(w.looks, p)
	w.look(ctx)
	return func() {
		w.look(ctx)
		w.looks = slices.DeleteFunc(w.looks, func(other *func(context.Context)) bool { return other == p })
	}
}

func (w *World) site(region string) *site {
	for _, s := range w.regions {
		if s.name == region {
			return s
		}
	}
	return nil
}

// Fault implements world.World.
func (w *World) Fault(_ context.Context, f world.Fault) error {
	for _, place := range []string{f.From, f.To} {
		if len(w.covered(place)) == 0 {
			return fmt.Errorf("there is no Region or node %q", place)
		}
	}
	w.faults = append(w.faults, f)
	w.obey()
	return nil
}

// Heal implements world.World.
func (w *World) Heal(_ context.Context, a, b string) error {
	w.faults = slices.DeleteFunc(w.faults, func(f world.Fault) bool {
		return a == "" && b == "" || f.From == a && f.To == b || f.From == b && f.To == a
	})
	w.obey()
	return nil
}

// WipeBroker implements world.World.
func (w *World) WipeBroker(context.Context) error {
	w.bag = nil
	return nil
}

// obey makes the logs of all Regions follow the faults between their nodes.
func (w *World) obey() {
	for _, s := range w.regions {
		s.obey()
	}
}

// covered are the nodes of a place.
func (w *World) covered(place string) (nodes []*node) {
	for _, s := range w.regions {
		for _, n := range s.nodes {
			if place == s.name || place == n.name {
				nodes = append(nodes, n)
			}
		}
	}
	return nodes
}

// between returns the first fault of a kind that acts on what goes from one place to another.
func (w *World) between(kind world.FaultKind, src, dst string) (world.Fault, bool) {
	for _, f := range w.faults {
		if f.Kind == kind && (covers(f.From, src) && covers(f.To, dst) || !f.OneWay && covers(f.From, dst) && covers(f.To, src)) {
			return f, true
		}
	}
	return world.Fault{}, false
}

// cut says whether nothing passes from one place to another.
func (w *World) cut(src, dst string) bool {
	_, cut := w.between(world.Partition, src, dst)
	return cut
}

// covers says whether a place is another or holds it.
func covers(place, node string) bool { return place == node || strings.HasPrefix(node, place+"/") }
