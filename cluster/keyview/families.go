package keyview

import (
	"cmp"
	"slices"
	"strings"

	"meridian/cluster/control"
)

// relatives are what Regions know of one multi-Region key.
type relatives struct {
	key    string // id
	states []*control.KeyState
}

// families puts the states of each key together, in the order of the keys' ids and accounts.
func families(states []control.KeyState) []relatives {
	type name struct{ key, account string }
	by := map[name]*relatives{}
	var names []name
	for i := range states {
		s := &states[i]
		if !s.Known {
			continue
		}
		n := name{s.KeyID, s.Shared.Account}
		if by[n] == nil {
			by[n] = &relatives{key: s.KeyID}
			names = append(names, n)
		}
		by[n].states = append(by[n].states, s)
	}
	slices.SortFunc(names, func(a, b name) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.account, b.account))
	})
	list := make([]relatives, 0, len(names))
	for _, n := range names {
		list = append(list, *by[n])
	}
	return list
}

// at is what a Region knows; nil: nothing, or it was not asked.
func (f *relatives) at(region string) *control.KeyState {
	for _, s := range f.states {
		if s.Region == region {
			return s
		}
	}
	return nil
}

// newest is the state with the newest record, of those that a Region has for which it is so; nil: none. Of equals it is
// the one of the record's primary.
func (f *relatives) newest(of func(region string) bool) (top *control.KeyState) {
	for _, s := range f.states {
		if !of(s.Region) {
			continue
		}
		if top == nil || Older(top.Shared.Version, s.Shared.Version) ||
			!Older(s.Shared.Version, top.Shared.Version) && s.Region == s.Shared.Primary {
			top = s
		}
	}
	return top
}

// anyRegion is every Region.
func anyRegion(string) bool { return true }

// live says whether a Region has a member that is not deleted.
func live(s *control.KeyState) bool {
	return s != nil && s.Known && s.Own.State != "None" && s.Own.State != "Deleted"
}

// listed says whether a record lists a Region as one that has the key.
func listed(r *control.SharedState, region string) bool {
	return slices.ContainsFunc(r.Members, func(m control.ListedMember) bool { return m.Region == region && !m.Gone })
}

// external is the origin of imported key material, which no Region gives to another.
const external = "EXTERNAL"
