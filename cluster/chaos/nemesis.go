package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"meridian/cluster"
	"meridian/cluster/fault"
	"meridian/cluster/history"
)

// Bounds of what a fault takes beside its own time.
const (
	leaderTime = 5 * time.Second // to find who leads
	actTime    = 3 * time.Minute // to begin or to end, with the tries of what was not known in time
	flapEvery  = 400 * time.Millisecond
)

// Applied is a fault as it was really in force.
type Applied struct {
	Fault Fault    `json:"fault"`
	Text  string   `json:"text"`
	Nodes []string `json:"nodes,omitempty"` // that its places meant
	Begin int64    `json:"begin"`           // nanoseconds of the history
	End   int64    `json:"end"`
	Error string   `json:"error,omitempty"` // it did not come to be, or could not be ended
	Late  string   `json:"late,omitempty"`  // it took longer than it was to: what was not known in time at first
}

// nemesis puts faults in force.
type nemesis struct {
	dir     string
	program cluster.Program
	rec     *history.Recorder
	note    func(string, ...any)

	mu      sync.Mutex
	applied []Applied
	turns   map[string]*sync.Mutex // of Regions: who stops and starts nodes of one
}

func newNemesis(c *cluster.Cluster, rec *history.Recorder, note func(string, ...any)) *nemesis {
	n := &nemesis{dir: string(c.Dir), program: c.Program, rec: rec, note: note, turns: map[string]*sync.Mutex{}}
	for _, r := range c.File.Names() {
		n.turns[r] = &sync.Mutex{}
	}
	return n
}

// play puts the faults of a schedule in force at their times. It returns when all of them have ended; when ctx ends,
// they end at once and no further one begins.
func (n *nemesis) play(ctx context.Context, s Schedule) []Applied {
	var wg sync.WaitGroup
	for _, f := range s {
		wg.Go(func() {
			sleep(ctx, f.At)
			if ctx.Err() == nil {
				n.turn(ctx, f)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(n.applied, func(a, b Applied) int { return int(a.Begin - b.Begin) })
	return n.applied
}

// turn waits until no other fault is at work on the nodes of the same Regions.
func (n *nemesis) turn(ctx context.Context, f Fault) {
	for _, r := range f.regions() {
		if m := n.turns[r]; m != nil {
			m.Lock()
			defer m.Unlock()
		}
	}
	if ctx.Err() == nil {
		n.apply(ctx, f)
	}
}

// apply puts one fault in force and ends it.
func (n *nemesis) apply(ctx context.Context, f Fault) {
	a := Applied{Fault: f, Text: f.String(), Begin: n.rec.Now()}
	h := &hand{ctx: ctx, end: context.WithoutCancel(ctx), rec: n.rec, a: &a}
	var err error
	if h.c, err = cluster.Open(n.dir, n.program, func(string, ...any) {}); err == nil {
		err = h.do(f)
	}
	a.End = n.rec.Now()
	switch {
	case errors.Is(err, cluster.ErrUnknown): // on a busy machine, or where other faults are in force meanwhile
		a.Late = cmp.Or(a.Late, err.Error())
	case err != nil:
		a.Error = err.Error()
		n.note("%s: %v", a.Text, err)
	}
	n.rec.Mark("ended: " + a.Text)
	n.mu.Lock()
	n.applied = append(n.applied, a)
	n.mu.Unlock()
}

// hand carries out one fault.
type hand struct {
	c   *cluster.Cluster
	ctx context.Context // of the run: it ends a fault early
	end context.Context // in which the fault is ended all the same
	rec *history.Recorder
	a   *Applied
}

// do does a fault from its beginning to its end.
func (h *hand) do(f Fault) error {
	places, err := h.places(f)
	h.a.Begin = h.rec.Now()
	h.rec.Mark("begun: " + h.a.Text + naming(places, f.Places))
	if err != nil {
		return err
	}
	switch f.Kind {
	case Kill:
		return h.during(f.For, h.nodes((*cluster.Cluster).Kill, places), h.again(h.nodes((*cluster.Cluster).Start, places)))
	case Pause:
		return h.during(f.For, h.nodes((*cluster.Cluster).Pause, places), h.nodes((*cluster.Cluster).Resume, places))
	case Flap:
		return h.flap(f, places)
	case Swizzle:
		return h.swizzle(f)
	case Clock:
		err := h.bounded(func(ctx context.Context) error {
			return h.c.AdvanceClock(ctx, f.By, func(cluster.FellDue) error { return nil })
		})
		if errors.Is(err, cluster.ErrUnknown) { // a Region that is away is moved when it is back
			return nil
		}
		return err
	case Roll:
		return h.bounded(func(ctx context.Context) error { return h.c.RollingRestart(ctx, places...) })
	case Replace:
		return h.bounded(h.again(func(ctx context.Context) error {
			_, err := h.c.Replace(ctx, places[0], true)
			return err
		}))
	}
	if f.Kind == Add || f.Kind == Remove {
		return h.resize(f, places[0])
	}
	rules := h.rules(f, places)
	return h.during(f.For, h.rulesOn(rules), h.rulesOff(rules))
}

// resize gives a Region a node more or fewer for a while: in the end it has as many as before, under the same names.
func (h *hand) resize(f Fault, place string) error {
	name := place
	add := h.again(func(ctx context.Context) error {
		did, err := h.c.Add(ctx, name, false)
		name = cmp.Or(did.Name, name)
		return err
	})
	remove := func(ctx context.Context) error {
		if name == regionOf(name) { // it never came to be
			return nil
		}
		_, err := h.c.Remove(ctx, name, true)
		return err
	}
	if f.Kind == Add {
		return h.during(f.For, add, remove)
	}
	return h.during(f.For, remove, add)
}

// places finds the nodes and Regions that a fault's places mean now.
func (h *hand) places(f Fault) (found []string, err error) {
	for _, p := range f.Places {
		var names []string
		region, node, deep := strings.Cut(p, "/")
		switch {
		case node == "leader" || node == "majority":
			leader, err := h.leader(region)
			if err != nil {
				return nil, err
			}
			names = []string{leader}
			if node == "majority" {
				names = h.majority(region, leader)
			}
		case !deep && (f.Kind == Kill || f.Kind == Pause):
			names, err = h.c.Resolve(h.ctx, p)
		default:
			var place string
			place, err = h.c.Place(h.ctx, p)
			names = []string{place}
		}
		if err != nil {
			return nil, err
		}
		found = append(found, names...)
	}
	h.a.Nodes = found
	return found, nil
}

// leader waits a little for a leader: an earlier fault may have just ended.
func (h *hand) leader(region string) (name string, err error) {
	ctx, cancel := context.WithTimeout(h.ctx, leaderTime)
	defer cancel()
	for {
		if name, err = h.c.Place(ctx, region+"/leader"); err == nil || ctx.Err() != nil {
			return name, err
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

func (h *hand) majority(region, leader string) []string {
	r, _ := h.c.File.Region(region)
	names := []string{leader}
	for _, n := range r.Nodes {
		if n.Name != leader && len(names) <= len(r.Nodes)/2 {
			names = append(names, n.Name)
		}
	}
	return names
}

// step begins or ends a fault.
type step func(context.Context) error

func (h *hand) nodes(do func(*cluster.Cluster, context.Context, ...string) error, names []string) step {
	return func(ctx context.Context) error { return do(h.c, ctx, names...) }
}

// bounded does a step, which is not broken off with the run: half a step would be worse.
func (h *hand) bounded(do step) error {
	ctx, cancel := context.WithTimeout(h.end, actTime)
	defer cancel()
	return do(ctx)
}

// again does a step that may be repeated until it is known to be done: a node that is still on its way when the next
// fault comes would make that one worse than it says.
func (h *hand) again(do step) step {
	return func(ctx context.Context) error {
		for {
			err := do(ctx)
			if !errors.Is(err, cluster.ErrUnknown) || ctx.Err() != nil {
				return err
			}
			h.a.Late = cmp.Or(h.a.Late, err.Error())
			sleep(ctx, 100*time.Millisecond)
		}
	}
}

// during begins a fault, waits, and ends it, also if it began only in part.
func (h *hand) during(d time.Duration, begin, end step) error {
	err := h.bounded(begin)
	sleep(h.ctx, d)
	return errors.Join(err, h.bounded(end))
}

// rules are the rules of a fault on links.
func (h *hand) rules(f Fault, places []string) (rules []fault.Rule) {
	pairs := [][2]string{}
	switch f.Kind {
	case Isolate:
		for _, other := range h.others(places[0]) {
			pairs = append(pairs, [2]string{places[0], other})
		}
	case WipeBroker:
		pairs = h.links()
	default:
		pairs = append(pairs, [2]string{places[0], places[1]})
	}
	for _, p := range pairs {
		r := fault.Rule{Kind: fault.Partition, A: p[0], B: p[1], OneWay: f.Kind == OneWay, P: f.P}
		switch f.Kind {
		case Delay:
			r.Kind, r.Latency, r.Jitter = fault.Delay, f.By, f.By/2
		case Drop:
			r.Kind = fault.Drop
		case Duplicate:
			r.Kind = fault.Duplicate
		case WipeBroker:
			r.Kind, r.P = fault.Drop, 1
		}
		rules = append(rules, r)
	}
	return rules
}

// others are the places that a Region or node can be cut from: the other Regions, and for a node its own one, where
// it has no fault to itself.
func (h *hand) others(place string) (names []string) {
	for _, r := range h.c.File.Names() {
		if r != place {
			names = append(names, r)
		}
	}
	return names
}

// links are all pairs of Regions.
func (h *hand) links() (pairs [][2]string) {
	names := h.c.File.Names()
	for i, a := range names {
		for _, b := range names[i+1:] {
			pairs = append(pairs, [2]string{a, b})
		}
	}
	return pairs
}

func (h *hand) rulesOn(rules []fault.Rule) step {
	return func(ctx context.Context) (err error) {
		for _, r := range rules {
			err = errors.Join(err, h.c.AddFault(ctx, r))
		}
		return err
	}
}

func (h *hand) rulesOff(rules []fault.Rule) step {
	return func(ctx context.Context) (err error) {
		for _, r := range rules {
			err = errors.Join(err, h.c.Heal(ctx, r.A, r.B))
		}
		return err
	}
}

// flap cuts and heals over and over.
func (h *hand) flap(f Fault, places []string) (err error) {
	rules := h.rules(f, places)
	for until := time.Now().Add(f.For); err == nil && h.ctx.Err() == nil && time.Now().Before(until); {
		err = h.during(flapEvery, h.rulesOn(rules), h.rulesOff(rules))
		sleep(h.ctx, flapEvery)
	}
	return err
}

// swizzle cuts one link after the other and heals them in another order, both of which the fault's text decides.
func (h *hand) swizzle(f Fault) (err error) {
	links := h.links()
	sum := fnv.New64a()
	fmt.Fprint(sum, f.At, f)
	r := chance(sum.Sum64(), streamLinks)
	pause := f.For / time.Duration(2*len(links)+1)
	for _, i := range r.Perm(len(links)) {
		l := links[i]
		err = errors.Join(err, h.bounded(h.rulesOn([]fault.Rule{{Kind: fault.Partition, A: l[0], B: l[1]}})))
		sleep(h.ctx, pause)
	}
	sleep(h.ctx, pause)
	for _, i := range r.Perm(len(links)) {
		l := links[i]
		err = errors.Join(err, h.bounded(h.rulesOff([]fault.Rule{{A: l[0], B: l[1]}})))
		sleep(h.ctx, pause)
	}
	return err
}

// naming says which nodes places meant, where the places do not say it themselves.
func naming(found, places []string) string {
	if slices.Equal(found, places) || len(found) == 0 {
		return ""
	}
	return " (" + strings.Join(found, ", ") + ")"
}
