package family

import "slices"

// Sets of material ids are sorted slices. They are never changed in place: many values share them.

func has(set []MaterialID, id MaterialID) bool {
	// Sets are small; a linear search is the fastest for the sizes that occur.
	return slices.Contains(set, id)
}

// union returns set with more, which need not be sorted. It returns set itself if nothing is new.
func union(set, more []MaterialID) []MaterialID {
	fresh := 0
	for _, id := range more {
		if !has(set, id) {
			fresh++
		}
	}
	if fresh == 0 {
		return set
	}
	out := make([]MaterialID, 0, len(set)+fresh)
	out = append(append(out, set...), more...)
	slices.SortFunc(out, MaterialID.Compare)
	return slices.Compact(out)
}

// ids returns the ids of materials as a set.
func ids(materials []Material) []MaterialID {
	out := make([]MaterialID, 0, len(materials))
	for i := range materials {
		out = append(out, materials[i].ID)
	}
	slices.SortFunc(out, MaterialID.Compare)
	return out
}

func lists(materials []Material, id MaterialID) bool {
	for i := range materials {
		if materials[i].ID == id {
			return true
		}
	}
	return false
}

// holdsAll reports whether held has every one of materials.
func holdsAll(held []MaterialID, materials []Material) bool {
	for i := range materials {
		if !has(held, materials[i].ID) {
			return false
		}
	}
	return true
}

// listsAll reports whether materials has every id of held.
func listsAll(materials []Material, held []MaterialID) bool {
	for _, id := range held {
		if !lists(materials, id) {
			return false
		}
	}
	return true
}

// importable returns, as a set, the ids of offered that materials lists and held lacks.
func importable(offered, held []MaterialID, materials []Material) []MaterialID {
	var out []MaterialID
	for _, id := range offered {
		if lists(materials, id) && !has(held, id) && !has(out, id) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, MaterialID.Compare)
	return out
}

// member returns the entry of region, or nil. The entry must not be changed.
func (r *Record) member(region string) *Member {
	for i := range r.Members {
		if r.Members[i].Region == region {
			return &r.Members[i]
		}
	}
	return nil
}

// withMember returns the members with m put in its place, sorted, in a new slice.
func withMember(members []Member, m Member) []Member {
	out := make([]Member, 0, len(members)+1)
	placed := false
	for _, old := range members {
		if !placed && m.Region <= old.Region {
			out, placed = append(out, m), true
			if old.Region == m.Region {
				continue
			}
		}
		out = append(out, old)
	}
	if !placed {
		out = append(out, m)
	}
	return out
}

// status returns what this Region knows of from, or nil. The entry must not be changed.
func (l *Local) status(from string) *Status {
	for i := range l.View {
		if l.View[i].From == from {
			return &l.View[i]
		}
	}
	return nil
}

// withStatus returns the view with s put in its place, sorted, in a new slice.
func withStatus(view []Status, s Status) []Status {
	out := make([]Status, 0, len(view)+1)
	placed := false
	for _, old := range view {
		if !placed && s.From <= old.From {
			out, placed = append(out, s), true
			if old.From == s.From {
				continue
			}
		}
		out = append(out, old)
	}
	if !placed {
		out = append(out, s)
	}
	return out
}

// opens compares certificates by the generation and epoch that they open.
func (c Certificate) opens() Version {
	return Version{Gen: c.Gen, GenBy: c.GenBy, Epoch: c.Epoch}
}

// withCertificates returns certificates with more, sorted, in a new slice. What is known stays.
func withCertificates(certificates, more []Certificate) []Certificate {
	if len(more) == 0 {
		return certificates
	}
	out := make([]Certificate, 0, len(certificates)+len(more))
	out = append(append(out, certificates...), more...)
	slices.SortStableFunc(out, func(a, b Certificate) int { return a.opens().Compare(b.opens()) })
	return slices.CompactFunc(out, func(a, b Certificate) bool { return a.opens() == b.opens() })
}

// unknown returns those of offered whose hand-off is not proven by certificates yet.
func unknown(certificates, offered []Certificate) []Certificate {
	var out []Certificate
	for _, c := range offered {
		same := func(k Certificate) bool { return k.opens() == c.opens() }
		if !slices.ContainsFunc(certificates, same) && !slices.ContainsFunc(out, same) {
			out = append(out, c)
		}
	}
	return out
}
