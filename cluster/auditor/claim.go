package auditor

import "slices"

// A claim is what one log says of others. It is judged as soon as it holds, or when the logs that it is about were read
// to an end that is later than the claim.
type claim struct {
	serial  uint64
	about   []string // Regions
	holds   func() bool
	finding Finding
}

// claim makes a finding unless holds is true, now or when the logs of those Regions are known.
func (a *Auditor) claim(about []string, holds func() bool, f Finding) {
	a.checked++
	if holds() {
		return
	}
	a.serial++
	a.claims = append(a.claims, claim{a.serial, about, holds, f})
}

// judge ends the claims that can be judged.
func (a *Auditor) judge() {
	a.claims = slices.DeleteFunc(a.claims, func(c claim) bool {
		if c.holds() {
			return true
		}
		for _, name := range c.about {
			if a.region(name).known < c.serial {
				return false
			}
		}
		a.find(c.finding)
		return true
	})
}

// everywhere are all Regions that were read.
func (a *Auditor) everywhere() []string {
	var names []string
	for name := range a.regions {
		names = append(names, name)
	}
	return names
}

// forgetful reports whether any of these Regions forgot a part of its history.
func (a *Auditor) forgetful(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return a.region(name).forgot })
}
