package keyengine

import (
	"slices"

	"meridian/keyengine/family"
)

// shortestHandoff is the least hand-off time-out there is, in ms (rule R6): before it no hand-off is
// due. The time-out itself is a fact and may be longer; then a due hand-off has no events yet.
const shortestHandoff = 30_000

// live reports whether there is a key in this Region for its callers.
func live(l *family.Local) bool {
	return l != nil && l.State != family.None && l.State != family.Deleted
}

// putFamily is the one place that writes f/ and everything that follows from it: the obligations,
// the due index, the count of keys, and the removal of what a deleted key or a material that is no
// longer held leaves behind.
func (s state) putFamily(ref Ref, before, after *family.Local) {
	s.put(familyRow(ref), after)
	s.follow(obligationRows(s.place, ref, before), obligationRows(s.place, ref, after))
	s.follow(dueRows(s.place, ref, before), dueRows(s.place, ref, after))
	for _, id := range before.Held {
		if !slices.Contains(after.Held, id) {
			s.Delete(SecretKey(id))
		}
	}
	switch was, is := live(before), live(after); {
	case !was && is:
		s.add(prefixCount+ref.Account, +1)
	case was && !is:
		s.add(prefixCount+ref.Account, -1)
		s.forgetKey(ref)
	}
}

// follow makes the rows of an index those of after.
func (s state) follow(before, after [][]byte) {
	for _, k := range before {
		if !containsKey(after, k) {
			s.Delete(k)
		}
	}
	for _, k := range after {
		if !containsKey(before, k) {
			s.mark(k)
		}
	}
}

func containsKey(keys [][]byte, k []byte) bool {
	return slices.ContainsFunc(keys, func(other []byte) bool { return string(other) == string(k) })
}

// forgetKey removes what a deleted key had in this Region alone.
func (s state) forgetKey(ref Ref) {
	s.Delete(keyRow(ref))
	s.Delete(usedRow(ref))
	s.forgetGrants(ref)
	for _, index := range keysWith(s, aliasOfKeyRow(ref, ""), MaxAliasesPerKey) {
		name := string(index[len(aliasOfKeyRow(ref, "")):])
		s.Delete(aliasRow(ref.Account, name))
		s.Delete(index)
	}
}

// obligationRows are the rows o/ that a family has: one for each Region it owes a message.
func obligationRows(p Place, ref Ref, l *family.Local) [][]byte {
	if l.State == family.None {
		return nil
	}
	var keys [][]byte
	for _, o := range family.Obligations(p.Region, l) {
		if k := obligedRow(o.To, ref); !containsKey(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// dueRows is the row t/ that a family has, if time alone will change it.
func dueRows(p Place, ref Ref, l *family.Local) [][]byte {
	at, ok := dueAt(p, l)
	if !ok {
		return nil
	}
	return [][]byte{dueRow(at, ref)}
}

// dueAt is when RunDue has work with the family.
func dueAt(p Place, l *family.Local) (at int64, ok bool) {
	consider := func(t int64) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	if !live(l) || l.Suspended {
		return 0, false
	}
	if l.State == family.PendingDeletion {
		consider(l.DeletionAt)
	}
	if primaryHere(p, l) && l.Record.Handoff != nil {
		consider(l.HandoffAt + shortestHandoff)
	}
	if t, expires := family.Expiry(l); expires {
		consider(t)
	}
	if rotatesByItself(p, l) {
		consider(l.Record.Rotation.NextAt)
	}
	return at, ok
}

func primaryHere(p Place, l *family.Local) bool { return l.Record.Primary == p.Region }

// rotatesByItself reports whether an automatic rotation can begin in the present state.
func rotatesByItself(p Place, l *family.Local) bool {
	return l.State == family.Enabled && !l.Updating && l.Halted == "" && !l.Suspended && primaryHere(p, l) &&
		l.Record.Rotation.Enabled && l.Record.Pending.IsZero()
}

func (e FamilyEvent) evolve(s state) {
	before := localOrNew(s, e.Ref)
	after := localOrNew(s, e.Ref)
	family.Evolve(s.place.Region, after, e.Event)
	s.putFamily(e.Ref, before, after)
}

func (e MaterialsWrapped) evolve(s state) {
	for _, m := range e.Materials {
		s.raise(rowLeaf, m.Leaf+1)
	}
}

func (e PeerSeen) evolve(s state) { s.raise(prefixPeer+e.Region, e.Life) }

func (e SealingKeyAdvanced) evolve(s state) { s.raise(rowStep, e.Step) }
