package keyview

import (
	"fmt"
	"strings"

	"meridian/cluster/control"
)

// Kinds of a property.
const (
	Shared      = "shared, must agree"
	Independent = "independent, may differ"
)

// Row is one property of several states.
type Row struct {
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	Values []string `json:"values"` // one of each state; empty: it has none
	Differ bool     `json:"differ"`
}

// Comparison is several states side by side.
type Comparison struct {
	KeyID      string             `json:"keyId"`
	Heads      []string           `json:"heads"` // what each state is of
	States     []control.KeyState `json:"states"`
	Rows       []Row              `json:"rows"`
	Behind     []string           `json:"behind"`     // Regions whose record is older than another's
	Violations []string           `json:"violations"` // what must never differ, and does
}

// Regions compares what Regions know, each of which is there once.
func Regions(states []control.KeyState) Comparison {
	c := compare(states, false, func(s *control.KeyState) string { return s.Region })
	c.judge()
	return c
}

// Past compares two points in the past of one Region.
func Past(before, after control.KeyState) Comparison {
	return compare([]control.KeyState{before, after}, true, func(s *control.KeyState) string {
		return fmt.Sprintf("%s seq %d", s.Region, s.Seq)
	})
}

// compare makes the rows. With all, a state that does not know the key differs from one that does.
func compare(states []control.KeyState, all bool, head func(*control.KeyState) string) Comparison {
	c := Comparison{States: states, Behind: []string{}, Violations: []string{}}
	for i := range states {
		c.KeyID = states[i].KeyID
		c.Heads = append(c.Heads, head(&states[i]))
	}
	for _, p := range properties() {
		row, some, first := Row{Name: p.name, Kind: Independent}, false, -1
		if p.shared != nil {
			row.Kind = Shared
		}
		for i := range states {
			value := ""
			if states[i].Known {
				value = p.value(&states[i])
			}
			if states[i].Known || all {
				if first < 0 {
					first = i
				}
				row.Differ = row.Differ || value != row.value(first, value)
			}
			row.Values = append(row.Values, value)
			some = some || value != ""
		}
		if some {
			c.Rows = append(c.Rows, row)
		}
	}
	return c
}

// value is what a state that was added has, or else the given one.
func (r *Row) value(i int, or string) string {
	if i < len(r.Values) {
		return r.Values[i]
	}
	return or
}

// judge finds who is behind, and what breaks a promise.
func (c *Comparison) judge() {
	newest := -1
	for i := range c.States {
		if s := &c.States[i]; s.Known && (newest < 0 || Older(c.States[newest].Shared.Version, s.Shared.Version)) {
			newest = i
		}
	}
	for i := range c.States {
		s := &c.States[i]
		if !s.Known {
			continue
		}
		if top := &c.States[newest]; Older(s.Shared.Version, top.Shared.Version) {
			c.Behind = append(c.Behind, fmt.Sprintf("%s is behind %s: %s before %s", s.Region, top.Region, s.Shared.Version, top.Shared.Version))
		}
		for j := range i {
			c.promise(&c.States[j], s)
		}
	}
}

// promise holds two states of one version against each other.
func (c *Comparison) promise(a, b *control.KeyState) {
	if !a.Known || a.Shared.Version != b.Shared.Version {
		return
	}
	for _, p := range properties() {
		if p.shared != nil && p.value(a) != p.value(b) {
			c.Violations = append(c.Violations, fmt.Sprintf("%s and %s both have version %s, and differ in %s",
				a.Region, b.Region, a.Shared.Version, p.name))
		}
	}
}

// Differing is the number of properties of a kind that differ.
func (c *Comparison) Differing(kind string) (n int) {
	for _, r := range c.Rows {
		if r.Kind == kind && r.Differ {
			n++
		}
	}
	return n
}

// Older tells whether version a comes before b; both as a Region writes them: epoch.seq, behind
// generation@Region. if there was a forced promotion.
func Older(a, b string) bool {
	x, y := parse(a), parse(b)
	if x.gen != y.gen {
		return x.gen < y.gen
	}
	if x.by != y.by {
		return x.by < y.by
	}
	if x.epoch != y.epoch {
		return x.epoch < y.epoch
	}
	return x.seq < y.seq
}

type version struct {
	gen        uint32
	by         string
	epoch, seq uint32
}

// parse reads a version; what is none is older than every one.
func parse(s string) (v version) {
	if gen, rest, ok := strings.Cut(s, "@"); ok {
		if _, err := fmt.Sscanf(gen, "%d", &v.gen); err != nil {
			return version{}
		}
		v.by, s, _ = strings.Cut(rest, ".")
	}
	if _, err := fmt.Sscanf(s, "%d.%d", &v.epoch, &v.seq); err != nil {
		return version{}
	}
	return v
}
