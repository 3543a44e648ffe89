package keyview

import (
	"fmt"
	"slices"
	"strings"

	"meridian/cluster/control"
)

// What a Region's death can cost of a multi-Region key.
const (
	LostKey      = "key"      // no other Region can use it
	LostMaterial = "material" // no other Region holds it
	LostVersions = "versions" // what was written to the key's record there, and no other Region has heard of
	LostHandoff  = "handoff"  // the role of primary was offered, or given, and whoever is to have it does not know
)

// Loss is what would be lost if a Region died now, for ever, and what could be done without it.
type Loss struct {
	Region  string    `json:"region"`
	Asked   bool      `json:"asked"`        // false: it did not answer, and what it alone has is not in here
	Single  int       `json:"singleRegion"` // keys in that Region alone, which no other Region ever has
	Keys    int       `json:"keys"`         // multi-Region keys that it has
	Lost    []Lost    `json:"lost"`
	Without []Ability `json:"without"` // of each multi-Region key and each other Region that has it
}

// Lost is one thing that would be lost of a key.
type Lost struct {
	Key  string `json:"key"` // id
	What string `json:"what"`
	Says string `json:"says"`
}

// Losses says of each Region what its death would cost. All are the Regions of the cluster, of which the silent ones
// could not be asked; single is the number of keys that each has alone.
func Losses(of, all, silent []string, states []control.KeyState, single map[string]int) []Loss {
	list := families(states)
	losses := []Loss{}
	for _, region := range of {
		l := Loss{Region: region, Asked: !slices.Contains(silent, region), Single: single[region], Lost: []Lost{}, Without: []Ability{}}
		for i := range list {
			f := &list[i]
			if live(f.at(region)) {
				l.Keys++
			}
			for _, lost := range f.lost(region) {
				lost.Key = f.key
				l.Lost = append(l.Lost, lost)
			}
			l.Without = append(l.Without, f.without(region, all)...)
		}
		losses = append(losses, l)
	}
	return losses
}

// lost is what a Region's death would cost of a key.
func (f *relatives) lost(region string) (list []Lost) {
	mine := f.at(region)
	if !live(mine) || mine.Own.Role == "ORPHAN" && len(mine.Own.Held) == 0 {
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(f.states), func(s *control.KeyState) bool { return s == mine || !live(s) })
	if !usable(mine, others) {
		return []Lost{{What: LostKey, Says: "no other Region can use the key: what was encrypted or signed with it is nowhere else"}}
	}
	list = append(list, lostMaterials(mine, others)...)
	if newest := f.newest(func(r string) bool { return r != region }); newest != nil && Older(newest.Shared.Version, mine.Shared.Version) {
		list = append(list, Lost{What: LostVersions, Says: fmt.Sprintf("record %s is not known elsewhere, where %s is the newest: %s",
			mine.Shared.Version, newest.Shared.Version, changes(mine, newest))})
	}
	return append(list, f.lostHandoff(mine)...)
}

// usable says whether what a Region has of a key can be used in another one.
func usable(mine *control.KeyState, others []*control.KeyState) bool {
	if mine.Shared.Origin == external {
		return len(others) > 0 // whoever imported the material can import it again
	}
	return slices.ContainsFunc(others, func(s *control.KeyState) bool { return s.Own.Complete })
}

// lostMaterials are the materials that no other Region holds.
func lostMaterials(mine *control.KeyState, others []*control.KeyState) (list []Lost) {
	if mine.Shared.Origin == external {
		return nil
	}
	for _, id := range mine.Own.Held {
		if slices.ContainsFunc(others, func(s *control.KeyState) bool { return slices.Contains(s.Own.Held, id) }) {
			continue
		}
		what := "what was encrypted under it is lost"
		switch id {
		case mine.Shared.Current:
			what = "it is the current one: " + what
		case mine.Shared.Pending:
			what = "it is of a rotation that is not complete: nothing is encrypted under it yet, and the rotation is lost"
		}
		list = append(list, Lost{What: LostMaterial, Says: fmt.Sprintf("material %s is not held elsewhere; %s", ShortID(id), what)})
	}
	return list
}

// changes names the shared properties in which two states differ.
func changes(a, b *control.KeyState) string {
	var names []string
	for _, p := range properties() {
		if p.shared != nil && p.name != "version" && p.value(a) != p.value(b) {
			names = append(names, p.name)
		}
	}
	if len(names) == 0 {
		return "no property differs"
	}
	return "it changed " + strings.Join(names, ", ")
}

// lostHandoff is the role of primary on its way from a Region.
func (f *relatives) lostHandoff(mine *control.KeyState) []Lost {
	to := mine.Shared.Handoff
	switch {
	case mine.Own.Role == "PRIMARY" && to != "":
		return []Lost{{What: LostHandoff, Says: fmt.Sprintf("the hand-off to %s is not acknowledged: it would stay a replica, and nobody would be primary", to)}}
	case mine.Shared.Primary == mine.Region || mine.Shared.Writer != mine.Region:
		return nil
	}
	for _, s := range f.states { // whoever has the record that gives the role brings it to the new primary
		if s != mine && !Older(s.Shared.Version, mine.Shared.Version) {
			return nil
		}
	}
	return []Lost{{What: LostHandoff, Says: fmt.Sprintf("the role of primary was given to %s, which has not heard of it: nobody would be primary", mine.Shared.Primary)}}
}
