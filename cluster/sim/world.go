package sim

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"meridian/keyengine/family"
)

// Region time goes in steps of six hours, so that a waiting period of seven days is 28 of them.
const (
	tickMillis     = 6 * 60 * 60 * 1000
	handoffTimeout = 8 * tickMillis
	windowDays     = 7
	epochMillis    = 1_700_000_000_000
)

var regionNames = [regionCount]string{"A", "B", "C", "D"}

// world is one simulated history. It is used for one seed after another.
type world struct {
	options  Options
	trace    io.Writer
	pcg      *rand.PCG
	rng      *rand.Rand
	seed     uint64
	now      int64
	ticks    int
	step     int
	regions  [regionCount]region
	cut      [regionCount][regionCount]bool
	net      []message
	drop     float64 // chances of a message
	repeat   float64
	bare     float64 // to come without its secrets: the sealing key is unknown
	unknown  float64 // chance of a command that its leader is lost over it
	mortal   bool    // Regions are restored from backups in this history; not together with operators who err
	settling bool
	made     uint32       // materials made
	links    []linkChange // to come, one after the other
	copied   []message    // of the broker's state, long ago
	judge    judge
	failure  *Failure
	coverage Coverage
	steps    uint64
}

type region struct {
	up     bool
	life   uint64
	seen   [regionCount]uint64 // the greatest life of each other Region
	keys   [keyCount]member
	backup *backup
	lives  [regionCount]family.Life // what lives returns
}

// member is a Region's key: the state, and what only a running node knows.
type member struct {
	local   family.Local
	brought brought        // secrets that wait for FinishCreate; an outage loses them
	sent    uint64         // the newest status that went out
	offer   family.Command // the record as a message without secrets, for offered
	offered family.Version
	log     []family.Event // in sampled seeds
}

// brought are secrets that came with a record, and of which life of which Region.
type brought struct {
	secrets []family.MaterialID
	from    int8
	life    uint64
	of      family.Version // the record with which they came
}

func newWorld(o Options) *world {
	if o.Watch == nil {
		o.Watch = nobody{}
	}
	pcg := rand.NewPCG(0, 0)
	return &world{options: o, pcg: pcg, rng: rand.New(pcg), coverage: Coverage{}}
}

func (w *world) reset(seed uint64) {
	w.seed, w.now, w.ticks, w.step, w.made, w.failure, w.settling = seed, epochMillis, 0, 0, 0, nil, false
	w.pcg.Seed(seed, 42)
	w.regions = [regionCount]region{}
	for i := range w.regions {
		w.regions[i].up, w.regions[i].life = true, 1
	}
	w.links, w.copied = w.links[:0], w.copied[:0]
	w.cut = [regionCount][regionCount]bool{}
	w.net = w.net[:0]
	w.drop, w.repeat, w.bare = w.rng.Float64()*0.5, w.rng.Float64()*0.4, w.rng.Float64()*0.4
	w.unknown, w.mortal = w.rng.Float64()*0.05, w.rng.IntN(4) == 0 && !w.options.Hostile
	w.judge.reset()
}

// run plays one seed: faults, then healing.
func (w *world) run(seed uint64) *Failure {
	w.reset(seed)
	for k := range keyCount {
		w.create(w.rng.IntN(regionCount), k)
	}
	for w.step < w.options.steps() && w.failure == nil {
		w.step++
		w.stepOfFaults()
	}
	if w.failure == nil {
		w.settle()
	}
	if w.failure == nil && w.sampled() {
		w.checkReplay()
	}
	w.steps += uint64(w.step)
	return w.failure
}

// sampled reports whether this seed is checked the slow way too.
func (w *world) sampled() bool { return w.seed%64 == 0 || w.trace != nil }

func (w *world) count(name string) { w.coverage[name]++ }

func (w *world) fail(i Invariant, format string, args ...any) {
	if w.failure != nil {
		return
	}
	w.failure = &Failure{
		Seed: w.seed, Hostile: w.options.Hostile, StepLimit: w.options.Steps, Step: w.step,
		Invariant: i, Detail: fmt.Sprintf(format, args...),
	}
	w.tracef("broken: %s: %s", i, w.failure.Detail)
}

func (w *world) tracef(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%5d day %3d  %s\n", w.step, (w.now-epochMillis)/86_400_000, fmt.Sprintf(format, args...))
	}
}

func (w *world) here(r int) family.Here {
	return family.Here{Region: regionNames[r], Now: w.now, HandoffTimeout: handoffTimeout, Life: w.regions[r].life, Peers: regionNames[:], Lives: w.lives(r)}
}

// lives are those of all Regions, as far as Region r has met them. They are good until it is asked again.
func (w *world) lives(r int) []family.Life {
	if !w.mortal {
		return nil
	}
	g := &w.regions[r]
	for q := range g.lives {
		g.lives[q] = family.Life{Region: regionNames[q], Life: g.seen[q]}
	}
	g.lives[r].Life = g.life
	return g.lives[:]
}

func (w *world) local(r, k int) *family.Local { return &w.regions[r].keys[k].local }

func (w *world) isPrimary(r, k int) bool { return family.IsPrimary(regionNames[r], w.local(r, k)) }

// short names a material for people. It takes a copy, so that the judge's loops need not keep theirs on the heap.
func short(id family.MaterialID) string { return id.String()[:8] }

func (w *world) newMaterial(k int) family.MaterialID {
	w.made++
	return family.MaterialID{byte(w.made >> 8), byte(w.made), 0, byte(k)}
}

// apply decides and evolves one command in one Region, judges it, and sends what follows.
func (w *world) apply(r, k int, c family.Command) error {
	l := w.local(r, k)
	events, err := w.decide(r, l, c)
	if len(events) == 0 {
		return err
	}
	lost := w.leaderLost()
	if lost && w.rng.IntN(2) == 0 {
		w.count("fault: leader lost, not applied")
		w.tracef("%s key %d  %T is lost with its leader", regionNames[r], k, c)
		return errLost
	}
	before := *l
	for _, e := range events {
		w.coverage[family.EventName(e)]++
		if w.trace != nil {
			w.tracef("%s key %d  %s", regionNames[r], k, family.Describe(e))
		}
		family.Evolve(regionNames[r], l, e)
		w.judge.event(w, r, k, &before, e)
	}
	if w.sampled() {
		m := &w.regions[r].keys[k]
		m.log = append(m.log, events...)
	}
	w.options.Watch.Decided(regionNames[r], w.now, string(rune('0'+k)), c, events)
	w.judge.change(w, r, k, &before, c)
	if lost {
		w.count("fault: leader lost, applied")
		w.tracef("%s key %d  applied, but its leader is lost", regionNames[r], k)
		w.regions[r].keys[k].brought = brought{}
		return errLost
	}
	w.sendOwed(r, k)
	return nil
}

// errLost is the outcome that nobody knows: the leader is lost, and what it decided may have happened.
var errLost = errors.New("the leader is lost")

func (w *world) leaderLost() bool { return !w.settling && w.rng.Float64() < w.unknown }

// indexOf returns a Region's number.
func indexOf(name string) int { return int(name[0] - 'A') }
