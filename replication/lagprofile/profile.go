package lagprofile

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Class is what a message is about.
type Class string

// The classes.
const (
	Appearance Class = "appearance" // the record of a new replica: until it is there, the Region knows no such key
	Creation   Class = "creation"   // the material of a new replica, since ReplicateKey: until it is there, it is Creating
	Properties Class = "properties" // a record with changed shared properties
	Primary    Class = "primary"    // a record of a hand-off of the primary role
	Material   Class = "material"   // material of a rotation or an import for a replica that has others
	Status     Class = "status"     // what a replica reports to its primary
)

// Classes are all classes, in the order in which they are listed.
func Classes() []Class {
	return []Class{Appearance, Creation, Properties, Primary, Material, Status}
}

// Limits of a profile.
const (
	MaxDelay = 7 * 24 * time.Hour
	MaxLinks = 512
	maxName  = 64
)

// Any stands for every Region in a Rule.
const Any = "*"

// Link is a direction between two Regions.
type Link struct{ From, To string }

// Profile is how long messages stay on their way. The zero Profile delays nothing.
type Profile struct {
	Name    string         `json:"name"`
	Seed    uint64         `json:"seed"`
	Classes map[Class]Dist `json:"classes,omitempty"` // of every link; a class without one is not delayed
	Links   []Rule         `json:"links,omitempty"`   // exceptions; the last that fits counts
	Grants  Dist           `json:"grants,omitzero"`   // until a new grant counts without its token
}

// Rule gives classes other delays on some links.
type Rule struct {
	From    string         `json:"from"` // a Region, or Any
	To      string         `json:"to"`
	Both    bool           `json:"both,omitempty"` // and the other direction
	Classes map[Class]Dist `json:"classes"`
}

func (r *Rule) fits(l Link) bool {
	one := func(rule, name string) bool { return rule == Any || rule == name }
	return one(r.From, l.From) && one(r.To, l.To) || r.Both && one(r.From, l.To) && one(r.To, l.From)
}

// Instant reports whether nothing between Regions is ever delayed.
func (p *Profile) Instant() bool { return p.Longest() == 0 }

// Dist returns the distribution of a class on a link.
func (p *Profile) Dist(l Link, c Class) Dist {
	d := p.Classes[c]
	for i := range p.Links {
		if r := &p.Links[i]; r.fits(l) {
			if other, ok := r.Classes[c]; ok {
				d = other
			}
		}
	}
	return d
}

// Delay returns how long the message about a key that what names stays on its way.
func (p *Profile) Delay(l Link, c Class, key, what string) time.Duration {
	d := p.Dist(l, c)
	if d.Longest() == 0 {
		return 0
	}
	return d.At(chance(p.Seed, l.From, l.To, string(c), key, what))
}

// GrantDelay returns how long a new grant does not count yet.
func (p *Profile) GrantDelay(region, key, grant string) time.Duration {
	return p.Grants.At(chance(p.Seed, region, "grants", key, grant))
}

// chance is a number in [0, 1) that depends on all that it is given, and on nothing else.
func chance(seed uint64, words ...string) float64 {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, seed) // a hash takes everything
	for _, w := range words {
		_ = binary.Write(h, binary.BigEndian, uint32(len(w)))
		h.Write([]byte(w))
	}
	return float64(binary.BigEndian.Uint64(h.Sum(nil))>>11) / (1 << 53)
}

// Longest is the longest delay between Regions that there can be.
func (p *Profile) Longest() (longest time.Duration) {
	for _, d := range p.Classes {
		longest = max(longest, d.Longest())
	}
	for i := range p.Links {
		for _, d := range p.Links[i].Classes {
			longest = max(longest, d.Longest())
		}
	}
	return longest
}

// Handoff is how long a hand-off of the primary role may take before it is given up: usual, or four times the
// longest delay, whichever is more.
func (p *Profile) Handoff(usual time.Duration) time.Duration { return max(usual, 4*p.Longest()) }

// With returns the profile with one class, or all with an empty c, on one link, or all with empty names, delayed by d.
func (p *Profile) With(l Link, both bool, c Class, d Dist) Profile {
	classes := Classes()
	if c != "" {
		classes = []Class{c}
	}
	given := make(map[Class]Dist)
	for _, c := range classes {
		given[c] = d
	}
	out := *p
	out.Name = strings.TrimSuffix(p.Name, changed) + changed
	rule := Rule{From: orAny(l.From), To: orAny(l.To), Both: both, Classes: given}
	out.Links = slices.DeleteFunc(slices.Clone(p.Links), func(r Rule) bool {
		return r.From == rule.From && r.To == rule.To && r.Both == rule.Both && covered(r.Classes, given)
	})
	out.Links = append(out.Links, rule)
	return out
}

// changed is added to the name of a profile that was changed since it was read.
const changed = " (changed)"

func orAny(name string) string {
	if name == "" {
		return Any
	}
	return name
}

// covered reports whether b gives every class that a gives.
func covered(a, b map[Class]Dist) bool {
	for c := range a {
		if _, ok := b[c]; !ok {
			return false
		}
	}
	return true
}

// Validate says what is wrong with a profile.
func (p *Profile) Validate() error {
	if len(p.Name) > maxName {
		return fmt.Errorf("a name of %d bytes, at most %d", len(p.Name), maxName)
	}
	if len(p.Links) > MaxLinks {
		return fmt.Errorf("%d links, at most %d", len(p.Links), MaxLinks)
	}
	errs := []error{checkClasses(p.Classes), p.Grants.Validate()}
	for i := range p.Links {
		r := &p.Links[i]
		if r.From == "" || r.To == "" {
			errs = append(errs, errors.New("a link lacks from or to"))
		}
		errs = append(errs, checkClasses(r.Classes))
	}
	return errors.Join(errs...)
}

func checkClasses(classes map[Class]Dist) error {
	for c, d := range classes {
		if !slices.Contains(Classes(), c) {
			return fmt.Errorf("there is no class %.40q: it is one of %s", c, joined())
		}
		if err := d.Validate(); err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
	}
	return nil
}

func joined() string {
	var names []string
	for _, c := range Classes() {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}
