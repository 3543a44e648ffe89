package sim

import (
	"fmt"
	"slices"

	"meridian/keyengine/family"
)

// settle heals everything but a tenth of the messages and waits until the world is at rest. It
// looks first when a deletion that was pending can have ended.
func (w *world) settle() {
	w.heal()
	w.settling = true
	w.drop, w.repeat, w.bare = 0.1, 0.1, 0.1
	for t := range settleTicks {
		w.step++
		w.tick()
		for n := 0; n < 30 && len(w.net) > 0; n++ {
			w.step++
			w.deliver()
		}
		if w.failure != nil {
			return
		}
		if t >= 10 && t%5 == 0 {
			if i, _ := w.unsettled(); i == "" {
				return
			}
		}
	}
	if i, detail := w.unsettled(); i != "" {
		w.fail(i, "%s", detail)
	}
}

// unsettled returns the first promise of liveness that does not hold yet.
func (w *world) unsettled() (Invariant, string) {
	for k := range keyCount {
		if i, detail := w.unsettledKey(k); i != "" {
			return i, detail
		}
	}
	return "", ""
}

func (w *world) unsettledKey(k int) (Invariant, string) {
	primary, live := -1, 0
	for r := range w.regions {
		if w.local(r, k).Live() {
			live++
		}
		if w.isPrimary(r, k) {
			if primary >= 0 {
				return TokenNotLost, fmt.Sprintf("key %d has two primaries", k)
			}
			primary = r
		}
	}
	switch {
	case live == 0:
		return "", ""
	case primary < 0:
		return TokenNotLost, fmt.Sprintf("key %d has %d live members and no primary", k, live)
	}
	p := w.local(primary, k)
	for r := range w.regions {
		if i, detail := w.unsettledMember(r, k, p); i != "" {
			return i, detail
		}
	}
	if !p.Record.Pending.IsZero() && p.Record.Origin != originExternal {
		return RotationCompletes, fmt.Sprintf("key %d: %s is pending", k, short(p.Record.Pending))
	}
	return "", ""
}

func (w *world) unsettledMember(r, k int, p *family.Local) (Invariant, string) {
	l, name := w.local(r, k), regionNames[r]
	if !l.Live() {
		for _, m := range p.Record.Members {
			if m.Region == name && !m.Gone {
				return MembersKnown, fmt.Sprintf("key %d: %s is listed as %v and is %v", k, name, m.Inc, l.State)
			}
		}
		if l.Orphan {
			return OrphansSalvaged, fmt.Sprintf("key %d: %s", k, name)
		}
		return "", ""
	}
	switch {
	case l.Suspended:
		return NothingStuck, fmt.Sprintf("key %d: %s is suspended, and awaits %v", k, name, l.Awaits)
	case l.Record.Version != p.Record.Version || len(l.Held) != len(p.Record.Materials) && l.Record.Origin != originExternal:
		return SharedPropertiesConverge, fmt.Sprintf("key %d: %s has %v and %d materials, the primary %v and %d",
			k, name, l.Record.Version, len(l.Held), p.Record.Version, len(p.Record.Materials))
	case l.Updating || (!l.Complete || l.State == family.Creating) && !w.nothingLeft(k, p):
		return NothingStuck, fmt.Sprintf("key %d: %s is %v, updating %v, complete %v", k, name, l.State, l.Updating, l.Complete)
	}
	for _, id := range w.judge.keys[k].used {
		if l.Record.Origin != originExternal && !slices.Contains(l.Held, id) && !slices.Contains(w.judge.keys[k].let, id) {
			return DecryptAnywhere, fmt.Sprintf("key %d: %s lacks %s after healing", k, name, short(id))
		}
	}
	return "", ""
}
