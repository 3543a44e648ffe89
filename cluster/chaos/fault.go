package chaos

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/cluster/fault"
)

// Kind is what a Fault does.
type Kind string

// The kinds of a fault. A place is a Region, a node (us-east-1/2), the node that leads (us-east-1/leader), or the leader
// and as many others as make a majority (us-east-1/majority).
const (
	Kill       Kind = "kill"        // kill -9 of a place, started again when the fault ends
	Pause      Kind = "pause"       // SIGSTOP of a place, resumed when the fault ends
	Cut        Kind = "cut"         // nothing passes between two places
	OneWay     Kind = "one-way"     // nothing passes from one place to another
	Flap       Kind = "flap"        // two places are cut and healed over and over
	Isolate    Kind = "isolate"     // a place is cut from everything else
	Swizzle    Kind = "swizzle"     // all Regions are cut from each other one link at a time, and healed in another order
	Delay      Kind = "delay"       // messages between two places are late
	Drop       Kind = "drop"        // messages between two places are lost with a probability
	Duplicate  Kind = "duplicate"   // messages between two places arrive twice with a probability
	WipeBroker Kind = "wipe-broker" // every message between Regions is lost
	Clock      Kind = "clock"       // the time of all Regions jumps ahead
	Roll       Kind = "roll"        // a Region is restarted node by node
	Replace    Kind = "replace"     // a node loses its disk: a new member takes its place
	Add        Kind = "add"         // a Region gets one more node, which is removed when the fault ends
	Remove     Kind = "remove"      // a node is removed, and another added under its name when the fault ends
)

// A shape is what a kind of fault is made of.
type shape struct {
	places int
	amount string // the word before its amount; empty: it has none
	lasts  bool   // until its For is over; the others end by themselves
}

// shapeOf returns the shape of a kind.
func shapeOf(k Kind) (shape, bool) {
	s, ok := map[Kind]shape{
		Kill: {1, "", true}, Pause: {1, "", true},
		Cut: {2, "", true}, OneWay: {2, "", true}, Flap: {2, "", true}, Isolate: {1, "", true}, Swizzle: {0, "", true},
		Delay: {2, "by", true}, Drop: {2, "p", true}, Duplicate: {2, "p", true}, WipeBroker: {0, "", true},
		Add: {1, "", true}, Remove: {1, "", true},
		Clock: {0, "ahead", false}, Roll: {1, "", false}, Replace: {1, "", false},
	}[k]
	return s, ok
}

// Limits of a fault.
const (
	maxAt   = 7 * 24 * time.Hour
	maxJump = 366 * 24 * time.Hour
)

// A Fault is one fault of a schedule.
type Fault struct {
	At     time.Duration `json:"atNanos"`            // since the load began
	For    time.Duration `json:"forNanos,omitempty"` // how long it is in force; 0: it ends by itself
	Kind   Kind          `json:"kind"`
	Places []string      `json:"places,omitempty"`
	By     time.Duration `json:"byNanos,omitempty"` // of a delay, or how far a clock jumps
	P      float64       `json:"p,omitempty"`
}

// String is the fault as a schedule's text has it, without its time.
func (f Fault) String() string {
	words := append([]string{string(f.Kind)}, f.Places...)
	switch s, _ := shapeOf(f.Kind); s.amount {
	case "by", "ahead":
		words = append(words, s.amount, f.By.String())
	case "p":
		words = append(words, "p", strconv.FormatFloat(f.P, 'g', -1, 64))
	}
	if f.For > 0 {
		words = append(words, "for", f.For.String())
	}
	return strings.Join(words, " ")
}

// Validate says what is wrong with a fault.
func (f Fault) Validate() error {
	s, ok := shapeOf(f.Kind)
	switch {
	case !ok:
		return fmt.Errorf("there is no fault %q", f.Kind)
	case len(f.Places) != s.places:
		return fmt.Errorf("%s takes %d place(s), not %d", f.Kind, s.places, len(f.Places))
	case f.At < 0 || f.At > maxAt:
		return fmt.Errorf("%s is not a time between 0 and %s", f.At, maxAt)
	case s.lasts && (f.For <= 0 || f.For > maxAt):
		return fmt.Errorf("%s needs a time to last, such as `for 5s`", f.Kind)
	case !s.lasts && f.For != 0:
		return fmt.Errorf("%s ends by itself: leave out `for`", f.Kind)
	case s.amount == "by" && (f.By <= 0 || f.By > fault.MaxLatency):
		return fmt.Errorf("a delay of %s is not above 0 and at most %s", f.By, fault.MaxLatency)
	case s.amount == "ahead" && (f.By < time.Second || f.By > maxJump):
		return fmt.Errorf("a jump of %s is not between 1s and %s", f.By, maxJump)
	case s.amount == "p" && !(f.P > 0 && f.P <= 1):
		return fmt.Errorf("probability %v is not above 0 and at most 1", f.P)
	}
	return f.checkPlaces()
}

// checkPlaces looks at the form of the places only: whether they exist, the cluster knows.
func (f Fault) checkPlaces() error {
	for _, p := range f.Places {
		region, node, deep := strings.Cut(p, "/")
		if region == "" || len(p) > 100 || deep && node == "" || strings.ContainsAny(node, "/ \t") {
			return fmt.Errorf("%q is no place: name a Region, a node such as us-east-1/2, us-east-1/leader, or us-east-1/majority", p)
		}
		onlyOne := f.Kind != Kill && f.Kind != Pause
		if onlyOne && node == "majority" || (f.Kind == Replace || f.Kind == Remove) && !deep || (f.Kind == Roll || f.Kind == Add) && deep {
			return fmt.Errorf("%s cannot be done to %s", f.Kind, p)
		}
	}
	if len(f.Places) == 2 && f.Places[0] == f.Places[1] {
		return fmt.Errorf("%s twice: a place has no fault to itself", f.Places[0])
	}
	return nil
}

// regions are the Regions whose nodes a fault touches one by one; empty: it acts between Regions, or on all.
func (f Fault) regions() (names []string) {
	switch f.Kind {
	case Kill, Pause, Roll, Replace, Add, Remove:
		return []string{regionOf(f.Places[0])}
	}
	for _, p := range f.Places {
		if strings.Contains(p, "/") && !slices.Contains(names, regionOf(p)) {
			names = append(names, regionOf(p))
		}
	}
	slices.Sort(names)
	return names
}

// silences names the Region that has no majority while the fault is in force, and so cannot answer; empty: none.
func (f Fault) silences(nodes int) string {
	if f.Kind != Kill && f.Kind != Pause {
		return ""
	}
	region, node, deep := strings.Cut(f.Places[0], "/")
	if !deep || node == "majority" || nodes < 3 {
		return region
	}
	return ""
}

func regionOf(place string) string {
	region, _, _ := strings.Cut(place, "/")
	return region
}
