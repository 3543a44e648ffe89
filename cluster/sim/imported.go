package sim

import (
	"slices"

	"meridian/keyengine/family"
)

// originExternal is the origin of keys whose material callers bring.
const originExternal = "EXTERNAL"

func (w *world) external(r, k int) bool { return w.local(r, k).Record.Origin == originExternal }

// handleMaterial plays a caller who brings material or takes it away.
func (w *world) handleMaterial(r, k int) {
	l := w.local(r, k)
	switch x := w.rng.IntN(12); {
	case x < 3 && l.Record.Pending.IsZero():
		w.ask(r, k, "Import (new)", family.ImportMaterial{Import: w.importOf(w.newMaterial(k)), New: true})
	case x < 10:
		w.bringMissing(k)
	case x < 11:
		id := family.MaterialID{}
		if w.rng.IntN(2) == 0 {
			id = l.Record.Pending
		}
		w.ask(r, k, "DeleteMaterial", family.DeleteMaterial{Material: id})
	default: // other bytes than the family's
		w.ask(r, k, "Import (other bytes)", family.ImportMaterial{Import: w.importOf(w.newMaterial(k))})
	}
}

// importOf makes some imports expire.
func (w *world) importOf(id family.MaterialID) family.Import {
	m := family.Import{ID: id}
	if w.rng.IntN(4) == 0 {
		m.Expires, m.ValidTo = true, w.now+int64(1+w.rng.IntN(40))*tickMillis
	}
	return m
}

// bringMissing imports what members lack, each by its own callers.
func (w *world) bringMissing(k int) {
	for r := range w.regions {
		l := w.local(r, k)
		if !w.regions[r].up || !l.Live() || w.rng.IntN(4) == 0 {
			continue
		}
		for i := range l.Record.Materials {
			if id := l.Record.Materials[i].ID; !slices.Contains(l.Held, id) {
				w.ask(r, k, "Import (again)", family.ImportMaterial{Import: w.importOf(id)})
				break
			}
		}
	}
}

// placed is an import that happened.
type placed struct {
	region int
	inc    family.Version
	id     family.MaterialID
}

// imported judges a member whose material callers bring.
func (j *judge) imported(w *world, r, k int) {
	l, name := w.local(r, k), regionNames[r]
	if !l.Live() {
		return
	}
	for _, id := range l.Held {
		if !slices.ContainsFunc(l.Record.Materials, func(m family.Material) bool { return m.ID == id }) {
			w.fail(SameBytesOnly, "key %d: %s holds %s, which its record does not list", k, name, short(id))
		}
	}
	if l.State != family.Enabled {
		return
	}
	for i := range l.Record.Materials {
		if id := l.Record.Materials[i].ID; id != l.Record.Pending && !slices.Contains(l.Held, id) {
			w.fail(EnabledIsComplete, "key %d: %s is enabled without %s", k, name, short(id))
		}
	}
}

// everywhere judges the first use of an imported material: every member's callers brought it, though it
// may have been taken away since.
func (j *judge) everywhere(w *world, r, k int, id family.MaterialID) {
	w.count("external: rotated")
	v, l := &j.keys[k], w.local(r, k)
	for _, m := range l.Record.Members {
		if m.Gone || v.fenced[indexOf(m.Region)] || v.forced {
			continue
		}
		if !slices.Contains(v.placed, placed{indexOf(m.Region), m.Inc, id}) {
			w.fail(MaterialBeforeUse, "key %d: %s activates %s, which was never imported in %s", k, regionNames[r], short(id), m.Region)
		}
	}
}
