package virtual

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"meridian/cluster/world"
	"meridian/eventlog"
	"meridian/eventlog/memlog"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/keyring"
	"meridian/keyengine/primitive/builtin"
	"meridian/region"
	"meridian/region/keystore"
	"meridian/replication"
)

// site is a Region: nodes on a modelled log.
type site struct {
	world *World
	name  string
	place keyengine.Place
	ring  *keyring.Ring
	group *memlog.Group
	nodes []*node
	told  map[told]mark // what this Region has said
}

// node is one node of a Region.
type node struct {
	site  *site
	place int
	name  string
	store *keystore.Store
	still region.Still
	of    replication.Region // as a relay sees it
	dates replication.Calendar
	down  bool // its process does not run
	stuck bool // its process stands still
	cut   bool // the log has it cut off
}

func newSite(w *World, name string, ring *keyring.Ring) (*site, error) {
	s := &site{world: w, name: name, ring: ring, told: map[told]mark{}, place: keyengine.Place{Partition: arn.PartitionOf(name), Region: name}}
	var machines []eventlog.StateMachine
	for i := range w.options.Nodes {
		n := &node{site: s, place: i, name: fmt.Sprintf("%s/%d", name, i+1)}
		store, err := keystore.Open(keystore.Config{
			Dir: "state", FS: keystore.Memory(), ClusterID: clusterID, Region: name, Domain: region.Domain{Place: s.place},
			Fatal:         func(err error) { panic(fmt.Sprintf("store of %s: %v", n.name, err)) },
			MemTableBytes: 256 << 10, CacheBytes: 1 << 20,
			OnApply: func(c keystore.Change) {
				if n.still.Region != nil {
					n.still.Changed(c.Keys, c.At, c.All)
				}
			},
		})
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		n.store = store
		s.nodes = append(s.nodes, n)
		machines = append(machines, store)
	}
	s.group = memlog.New(machines...)
	for _, n := range s.nodes {
		n.boot()
	}
	return s, nil
}

func (s *site) close() (err error) {
	for _, n := range s.nodes {
		err = errors.Join(err, n.store.Close())
	}
	return err
}

// boot gives a node a process: what it knew by heart is forgotten.
func (n *node) boot() {
	s := n.site
	var others []string
	for _, other := range s.nodes {
		if other != n {
			others = append(others, fmt.Sprintf("n%d", other.place+1))
		}
	}
	n.still = region.NewStill(region.Config{
		Place: s.place, Regions: s.world.Regions(), Node: n.name, Nodes: len(s.nodes), OtherNodes: others,
		Store: keystore.Reads{Store: n.store}, Log: s.group.Node(n.place), Ring: s.ring, Peers: peers{n},
		Primitives: builtin.Set(), Random: s.world.ids, Wall: s.world.wall, Logger: slog.New(slog.DiscardHandler),
		Dial: &s.world.dial,
		NewRelay: func(of replication.Region) region.Relay {
			n.of = of
			return relay{n}
		},
	}, n.rest)
}

// rest lets time pass for a call that waits for a leader.
func (n *node) rest() bool {
	n.site.elect()
	return n.site.leader() != nil && n.reaches(n.site.leader())
}

// reaches says whether a node's word gets to another one and back.
func (n *node) reaches(other *node) bool {
	return n == other || !n.away() && !other.away() && !n.site.world.cut(n.name, other.name) && !n.site.world.cut(other.name, n.name)
}

// away says whether a node's process does nothing.
func (n *node) away() bool { return n.down || n.stuck }

// leader is the node that leads, nil: none.
func (s *site) leader() *node {
	if i := s.group.Leader(); i >= 0 {
		return s.nodes[i]
	}
	return nil
}

// elect has the first node lead that a majority hears, if nobody leads.
func (s *site) elect() {
	if s.leader() != nil {
		return
	}
	for _, n := range s.nodes {
		if n.cut {
			continue
		}
		s.group.Elect(n.place)
		s.follow()
		return
	}
}

// follow brings a new leader what the Region missed while it had none.
func (s *site) follow() {
	if l := s.leader(); l != nil && s.world.offset > 0 {
		_ = l.still.AdvanceClock(context.Background(), s.world.offset) // an offset it has is no error; without a leader the next one is told
	}
}

// obey cuts off the nodes that no majority hears, and heals the others.
func (s *site) obey() {
	for _, n := range s.nodes {
		heard := 0
		for _, other := range s.nodes {
			if n.reaches(other) {
				heard++
			}
		}
		switch cut := n.away() || heard*2 <= len(s.nodes); {
		case cut && !n.cut:
			n.cut = true
			s.group.Cut(n.place)
		case !cut && n.cut:
			n.cut = false
			s.group.Heal(n.place)
		}
	}
	s.elect()
}

// due does the work that has fallen due.
func (s *site) due(ctx context.Context) {
	if l := s.leader(); l != nil {
		l.still.Due(ctx)
	}
}

// report brings the uses of keys to the leader.
func (s *site) report(ctx context.Context) {
	for _, n := range s.nodes {
		if !n.away() {
			n.still.Report(ctx)
		}
	}
}

// Act implements world.World.
func (w *World) Act(_ context.Context, act world.Act, target string) error {
	nodes, err := w.targets(target)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		switch act {
		case world.Kill:
			n.down, n.stuck = true, false
		case world.Pause:
			n.stuck = !n.down
		case world.Resume:
			n.stuck = false
		case world.Start:
			if n.down {
				n.boot()
			}
			n.down, n.stuck = false, false
		}
	}
	w.obey()
	return nil
}

// targets are the nodes that a name means.
func (w *World) targets(target string) ([]*node, error) {
	for _, s := range w.regions {
		if target != s.name+"/leader" {
			continue
		}
		if l := s.leader(); l != nil {
			return []*node{l}, nil
		}
		return nil, fmt.Errorf("%s has no leader now", s.name)
	}
	if nodes := w.covered(target); len(nodes) > 0 {
		return nodes, nil
	}
	return nil, fmt.Errorf("there is no Region or node %q", target)
}
