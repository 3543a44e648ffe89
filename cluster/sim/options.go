package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Options say what to run. The zero value runs one seed.
type Options struct {
	Base    uint64        // the first seed
	Seeds   uint64        // how many; 0: one, or no end if For is set
	For     time.Duration // stop starting seeds after this time; 0: no limit
	Hostile bool          // operators fence Regions that live, and promote against a living primary
	Steps   int           // of the phase of faults; 0: 400
	Workers int           // 0: one per processor
	// MaxFailures stops the run after so many; 0: 10.
	MaxFailures int
	Watch       Watcher // is told of each decision; nil: nobody. Needs Workers: 1

	noAntiEntropy bool // a planted defect: what was lost is never sent again
	noLifeCheck   bool // another: what was sent in an earlier life is taken in
}

// Bounds of the simulated world.
const (
	regionCount = 4
	keyCount    = 2
	settleTicks = 400
)

func (o Options) steps() int {
	if o.Steps > 0 {
		return o.Steps
	}
	return 400
}

// Failure is a broken invariant.
type Failure struct {
	Seed      uint64
	Hostile   bool
	StepLimit int // Options.Steps of the run, 0 for the default
	Step      int // when it was found
	Invariant Invariant
	Detail    string
}

// Error says what broke and how to see it again.
func (f *Failure) Error() string {
	repeat := fmt.Sprintf("meridian sim --seed %d", f.Seed)
	if f.Hostile {
		repeat += " --hostile"
	}
	if f.StepLimit > 0 {
		repeat += fmt.Sprintf(" --steps %d", f.StepLimit)
	}
	return fmt.Sprintf("seed %d, step %d: %s: %s\nrepeat: %s", f.Seed, f.Step, f.Invariant, f.Detail, repeat)
}

// Coverage counts what happened, by name: events, commands done and refused, faults.
type Coverage map[string]uint64

func (c Coverage) add(other Coverage) {
	for name, n := range other {
		c[name] += n
	}
}

// String lists the counters, sorted.
func (c Coverage) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%-32s %d\n", name, c[name])
	}
	return b.String()
}

// Report is the outcome of a run.
type Report struct {
	Seeds    uint64
	Steps    uint64
	Elapsed  time.Duration
	Failures []*Failure // sorted by seed
	Coverage Coverage
}

// String sums the run up in one line.
func (r Report) String() string {
	return fmt.Sprintf("%d seeds, %d steps, %d failures in %v: %.0f seeds/s",
		r.Seeds, r.Steps, len(r.Failures), r.Elapsed.Round(time.Millisecond), float64(r.Seeds)/r.Elapsed.Seconds())
}
