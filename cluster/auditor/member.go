package auditor

import (
	"slices"

	"meridian/cluster/sim"
	"meridian/keyengine"
	"meridian/keyengine/family"
)

// originExternal is the origin of keys whose material callers bring.
const originExternal = "EXTERNAL"

// change judges what a command did to a member as a whole.
func (a *Auditor) change(r *region, ref keyengine.Ref, before family.Local, m *member) {
	l := &m.local
	a.hold(!l.Record.Version.Less(before.Record.Version) && !l.Inc.Less(before.Inc) && l.SV >= before.SV, sim.VersionMonotone, r, ref,
		"goes from %v, %v, %d to %v, %v, %d", before.Record.Version, before.Inc, before.SV, l.Record.Version, l.Inc, l.SV)
	a.hold(l.State != family.Enabled || l.Complete, sim.EnabledIsComplete, r, ref, "is enabled and lacks what it was made with")
	a.hold(!l.Updating || l.State == family.Enabled, sim.UpdatingIsFrozen, r, ref, "is updating and %v", l.State)
	if l.Record.Origin == originExternal {
		a.imported(r, ref, l)
	} else {
		a.usable(r, ref, l)
		a.kept(r, ref, &before, l)
	}
	a.numbered(r, ref, m)
}

// usable judges that a member can do what its state says.
func (a *Auditor) usable(r *region, ref keyengine.Ref, l *family.Local) {
	if l.Suspended || !l.Live() {
		return
	}
	k := a.kin(ref)
	if current := l.Record.Current; l.State == family.Enabled && !slices.Contains(l.Held, current) {
		a.claim(a.everywhere(), func() bool { return k.split() },
			finding(sim.CryptoContinuity, r, ref, "is enabled without its current material %x", current[:4]))
	}
	if !l.Complete {
		return
	}
	for i := range l.Record.Materials {
		id := l.Record.Materials[i].ID
		if id == l.Record.Pending || !k.used[id] || slices.Contains(l.Held, id) {
			continue
		}
		a.claim(a.everywhere(), func() bool { return k.forced || len(k.fenced) > 0 || a.forgetful(a.everywhere()...) },
			finding(sim.DecryptAnywhere, r, ref, "lacks %x, which was used", id[:4]))
	}
}

// imported judges a member whose material callers bring.
func (a *Auditor) imported(r *region, ref keyengine.Ref, l *family.Local) {
	if !l.Live() {
		return
	}
	for _, id := range l.Held {
		listed := slices.ContainsFunc(l.Record.Materials, func(m family.Material) bool { return m.ID == id })
		a.hold(listed, sim.SameBytesOnly, r, ref, "holds %x, which its record does not list", id[:4])
	}
	if l.State != family.Enabled {
		return
	}
	for i := range l.Record.Materials {
		id := l.Record.Materials[i].ID
		a.hold(id == l.Record.Pending || slices.Contains(l.Held, id), sim.EnabledIsComplete, r, ref, "is enabled without %x", id[:4])
	}
}

// kept judges materials that a member let go: somebody else has them, unless the whole family ended.
func (a *Auditor) kept(r *region, ref keyengine.Ref, before, l *family.Local) {
	k := a.kin(ref)
	for _, id := range before.Held {
		if slices.Contains(l.Held, id) || !k.used[id] {
			continue
		}
		a.claim(a.everywhere(), func() bool {
			return a.someHold(ref, id) || !a.someLive(ref) || k.split() || a.forgetful(a.everywhere()...)
		}, finding(sim.NoSilentMaterialLoss, r, ref, "erased %x, the last copy", id[:4]))
	}
}

func (a *Auditor) someHold(ref keyengine.Ref, id family.MaterialID) bool {
	for _, r := range a.regions {
		if m, ok := r.members[ref]; ok && slices.Contains(m.local.Held, id) {
			return true
		}
	}
	return false
}

// someLive reports whether a member lives that has ever been complete and was never given up.
func (a *Auditor) someLive(ref keyengine.Ref) bool {
	for name, r := range a.regions {
		if m, ok := r.members[ref]; ok && m.local.Live() && m.local.Complete && !a.kin(ref).fenced[name] {
			return true
		}
	}
	return false
}

// numbered notes the member's status under its number; no two contents have one number.
func (a *Auditor) numbered(r *region, ref keyengine.Ref, m *member) {
	if family.SendsStatusTo(r.name, &m.local) == "" {
		return
	}
	number, is := saying{m.local.Inc, m.local.SV}, hashOf(family.StatusOf(r.name, &m.local))
	had, ok := m.statuses[number]
	a.hold(!ok || had == is, sim.StatusIsNumbered, r, ref, "changes status %d", m.local.SV)
	if !ok {
		m.statuses[number] = is
	}
}
