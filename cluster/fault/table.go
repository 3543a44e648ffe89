package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meridian/cluster/layout"
)

// Kind is what a Rule does.
type Kind string

// The kinds of a rule.
const (
	Partition Kind = "partition" // nothing passes
	Delay     Kind = "delay"     // bytes take Latency ± Jitter longer
	Drop      Kind = "drop"      // a message is lost with probability P; a call fails
	Duplicate Kind = "duplicate" // a message arrives twice with probability P; a call fails
)

// Format is the version of the file of a Table.
const Format = 1

// Limits of a table.
const (
	MaxRules   = 256
	MaxLatency = 10 * time.Minute
	maxBytes   = 1 << 20
	maxName    = 128
)

// Rule is one fault between two places. A and B are names of Regions ("us-east-1") or of nodes
// ("us-east-1/2"); a node never has a fault to itself. A rule holds both ways unless OneWay, which is
// A to B: traffic over connections that A dialed, answers included. A Delay looks at bytes instead:
// one way, those from A to B are late, whoever dialed.
type Rule struct {
	Kind    Kind          `json:"kind"`
	A       string        `json:"a"`
	B       string        `json:"b"`
	OneWay  bool          `json:"oneWay,omitempty"`
	Latency time.Duration `json:"latencyNanos,omitempty"`
	Jitter  time.Duration `json:"jitterNanos,omitempty"`
	P       float64       `json:"p,omitempty"`
	Until   time.Time     `json:"until,omitzero"` // wall clock; zero: until healed
}

// Table is all faults of a cluster: the file faults.json.
type Table struct {
	Format  int    `json:"format"`  // of the file: 1
	Version uint64 `json:"version"` // grows with each change
	Rules   []Rule `json:"rules"`
}

// Validate says what is wrong with a rule.
func (r Rule) Validate() error {
	if err := errors.Join(checkPlace(r.A), checkPlace(r.B)); err != nil {
		return err
	}
	switch r.Kind {
	case Partition:
	case Delay:
		if r.Latency <= 0 || r.Latency > MaxLatency {
			return fmt.Errorf("latency %v is not above 0 and at most %v", r.Latency, MaxLatency)
		}
		if r.Jitter < 0 || r.Jitter > r.Latency {
			return fmt.Errorf("jitter %v is not between 0 and the latency %v", r.Jitter, r.Latency)
		}
	case Drop, Duplicate:
		if !(r.P > 0 && r.P <= 1) {
			return fmt.Errorf("probability %v is not above 0 and at most 1", r.P)
		}
	default:
		return fmt.Errorf("unknown kind of fault %q", r.Kind)
	}
	return nil
}

func checkPlace(name string) error {
	if name == "" || len(name) > maxName || strings.Count(name, "/") > 1 {
		return fmt.Errorf("%q is not the name of a Region or a node", name)
	}
	return nil
}

// String says what the rule does, for people.
func (r Rule) String() string {
	arrow := "<->"
	if r.OneWay {
		arrow = "->"
	}
	s := fmt.Sprintf("%s %s %s %s", r.Kind, r.A, arrow, r.B)
	switch r.Kind {
	case Delay:
		s += fmt.Sprintf(" latency %v", r.Latency)
		if r.Jitter > 0 {
			s += fmt.Sprintf(" jitter %v", r.Jitter)
		}
	case Drop, Duplicate:
		s += fmt.Sprintf(" p %g", r.P)
	}
	if !r.Until.IsZero() {
		s += " until " + r.Until.UTC().Format(time.RFC3339)
	}
	return s
}

// covers says whether a place, a Region or a node, holds the node.
func covers(place, node string) bool {
	return place == node ||
		len(node) > len(place) && node[len(place)] == '/' && node[:len(place)] == place
}

// from says whether the rule acts on traffic that src originates to dst.
func (r Rule) from(src, dst string) bool {
	return covers(r.A, src) && covers(r.B, dst) ||
		!r.OneWay && covers(r.A, dst) && covers(r.B, src)
}

// Validate says what is wrong with a table.
func (t Table) Validate() error {
	if err := layout.CheckFormat("fault table", t.Format, Format); err != nil {
		return err
	}
	if len(t.Rules) > MaxRules {
		return fmt.Errorf("fault table has %d rules, at most %d are allowed", len(t.Rules), MaxRules)
	}
	for i, r := range t.Rules {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("fault rule %d: %w", i+1, err)
		}
	}
	return nil
}

// Live is the rules that are not over at now.
func (t Table) Live(now time.Time) []Rule {
	return slices.DeleteFunc(slices.Clone(t.Rules), func(r Rule) bool {
		return !r.Until.IsZero() && !now.Before(r.Until)
	})
}

// With is the next version of the table: rules that are over are gone, and r replaces a rule of the
// same kind, places and direction.
func (t Table) With(r Rule, now time.Time) Table {
	rules := slices.DeleteFunc(t.Live(now), func(o Rule) bool {
		return o.Kind == r.Kind && o.OneWay == r.OneWay && samePair(o, r.A, r.B, r.OneWay)
	})
	return Table{Format: Format, Version: t.Version + 1, Rules: append(rules, r)}
}

// Without is the next version of the table without the rules between two places, in either order;
// with two empty names, without any rule.
func (t Table) Without(a, b string, now time.Time) Table {
	rules := slices.DeleteFunc(t.Live(now), func(o Rule) bool {
		return a == "" && b == "" || samePair(o, a, b, false)
	})
	return Table{Format: Format, Version: t.Version + 1, Rules: rules}
}

func samePair(o Rule, a, b string, ordered bool) bool {
	return o.A == a && o.B == b || !ordered && o.A == b && o.B == a
}

// Parse reads a table; it trusts nothing.
func Parse(b []byte) (Table, error) {
	var t Table
	if len(b) > maxBytes {
		return Table{}, fmt.Errorf("fault table of %d bytes is too large", len(b))
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return Table{}, fmt.Errorf("fault table: %w", err)
	}
	if err := t.Validate(); err != nil {
		return Table{}, err
	}
	return t, nil
}

// Load reads the file of a table. A file that does not exist is a table without rules.
func Load(path string) (Table, error) {
	return layout.Load(path, maxBytes, Table{Format: Format}, Parse)
}
