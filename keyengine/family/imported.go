package family

import "slices"

// Imported material (origin EXTERNAL). Which materials a key has is in the record, as for any key; but
// the secrets never travel: each Region gets the same bytes from its own callers, may lose them at a
// date of its own, and cannot be used while it lacks one. New material begins at the primary.

// originExternal is the origin of families whose materials callers bring.
const originExternal = "EXTERNAL"

// Import is what a Region knows of a material that its callers brought. It stays when the secret goes,
// without its date, as long as the family lists the material.
type Import struct {
	ID          MaterialID `cbor:"1,keyasint"`
	Expires     bool       `cbor:"2,keyasint,omitempty"`
	ValidTo     int64      `cbor:"3,keyasint,omitempty"` // when the secret is erased, ms since 1970 UTC
	Description string     `cbor:"4,keyasint,omitempty"`
}

func (r *Record) external() bool { return r.Origin == originExternal }

// Permanent reports whether the material of that id is associated with the key for good: it is listed,
// and not pending.
func (r *Record) Permanent(id MaterialID) bool { return id != r.Pending && lists(r.Materials, id) }

// holdsPermanent reports whether held has all that a key with imported material needs to be used.
func holdsPermanent(held []MaterialID, r *Record) bool {
	for i := range r.Materials {
		if id := r.Materials[i].ID; id != r.Pending && !has(held, id) {
			return false
		}
	}
	return !r.Current.IsZero()
}

// EverywhereHeld reports whether, as far as region knows, every member that is not gone holds the
// material. Only the primary knows of others.
func EverywhereHeld(region string, l *Local, id MaterialID) bool {
	d := decision{here: Here{Region: region}, l: *l}
	return l.Record.Primary == region && d.allHold(id)
}

// Expiry returns when the first of the materials held here expires. A member of a hand-off keeps what
// it has: the role is on its way to a member that is whole.
func Expiry(l *Local) (at int64, ok bool) {
	if !l.Live() || l.Updating || l.Suspended || l.Halted != "" {
		return 0, false
	}
	for i := range l.Imports {
		if m := &l.Imports[i]; m.Expires && has(l.Held, m.ID) && (!ok || m.ValidTo < at) {
			at, ok = m.ValidTo, true
		}
	}
	return at, ok
}

// ImportOf returns what is known of a material's import; nothing but the id if it never was imported here.
func (l *Local) ImportOf(id MaterialID) Import {
	for i := range l.Imports {
		if l.Imports[i].ID == id {
			return l.Imports[i]
		}
	}
	return Import{ID: id}
}

func (d *decision) mustBeExternal() error {
	if !d.l.Record.external() {
		return refuse(NotImportable)
	}
	return nil
}

// mayImport refuses the states in which a key takes no material.
func (d *decision) mayImport() error {
	switch s := d.l.State; s {
	case Creating:
		return &Refusal{Cause: StateCreating, State: s}
	case PendingDeletion, PendingReplicaDeletion:
		return &Refusal{Cause: StatePending, State: s}
	}
	return d.mustLive()
}

func (d *decision) importMaterial(c ImportMaterial) error {
	if err := first(d.mayImport(), d.mustBeExternal()); err != nil {
		return err
	}
	known := lists(d.l.Record.Materials, c.Import.ID)
	switch {
	case !c.New && !known:
		return refuse(MaterialUnknown)
	case c.New && known:
		return refuse(MaterialKnown)
	case c.New:
		if err := d.addMaterial(c.Import.ID); err != nil {
			return err
		}
	}
	if !has(d.l.Held, c.Import.ID) || d.l.ImportOf(c.Import.ID) != c.Import {
		d.emit(MaterialPlaced{Import: c.Import})
	}
	if d.l.State == PendingImport && holdsPermanent(d.l.Held, &d.l.Record) {
		d.emit(KeyEnabled{})
	}
	return nil
}

// addMaterial lists a material: the first becomes current, another waits for a rotation.
func (d *decision) addMaterial(id MaterialID) error {
	switch {
	case !d.isPrimary():
		return first(d.lostRole(), refuse(NotPrimary))
	case !d.l.Record.Pending.IsZero():
		return refuse(MaterialPending)
	}
	r := d.next()
	r.Materials = append(r.Materials[:len(r.Materials):len(r.Materials)],
		Material{ID: id, Number: nextNumber(r.Materials), CreatedAt: d.here.Now})
	if r.Current.IsZero() {
		r.Current = id
	} else {
		r.Pending = id
	}
	d.emit(MaterialAdded{Record: r})
	return nil
}

// deleteMaterial erases a material here. One that is pending at the primary leaves the family, and so
// all its members.
func (d *decision) deleteMaterial(id MaterialID) error {
	if d.l.State == Creating {
		return &Refusal{Cause: StateCreating, State: Creating}
	}
	if err := first(d.mustLive(), d.mustRest(), d.mustBeExternal()); err != nil {
		return err
	}
	if id.IsZero() {
		id = d.l.Record.Current
	} else if !lists(d.l.Record.Materials, id) {
		return refuse(MaterialUnknown)
	}
	if id == d.l.Record.Pending && !id.IsZero() && d.isPrimary() {
		r := d.next()
		r.Materials = slices.DeleteFunc(slices.Clone(r.Materials), func(m Material) bool { return m.ID == id })
		r.Pending = MaterialID{}
		d.emit(MaterialRemoved{Record: r})
		d.dropStrays()
		return nil
	}
	d.erase([]MaterialID{id})
	return nil
}

// erase lets go of secrets that are here. What a key needs to be used then has to be imported again.
func (d *decision) erase(materials []MaterialID) {
	materials = intersection(materials, d.l.Held)
	if len(materials) == 0 {
		return
	}
	whole := holdsPermanent(d.l.Held, &d.l.Record)
	d.emit(MaterialErased{Materials: materials})
	d.await(whole)
}

// await makes a key wait for its callers that was whole and is not any more. A key that was not keeps
// its state: it may be Disabled, because its deletion was cancelled.
func (d *decision) await(whole bool) {
	if whole && !mutant(StayEnabled) && (d.l.State == Enabled || d.l.State == Disabled) && !holdsPermanent(d.l.Held, &d.l.Record) {
		d.emit(ImportAwaited{})
	}
}

// expire erases what is beyond its date.
func (d *decision) expire() {
	if at, ok := Expiry(&d.l); !ok || at > d.here.Now {
		return
	}
	var due []MaterialID
	for i := range d.l.Imports {
		if m := &d.l.Imports[i]; m.Expires && m.ValidTo <= d.here.Now {
			due = append(due, m.ID)
		}
	}
	d.erase(due)
}

// followImports is what a newer record means for imported materials: those that it does not list any
// more go, and it may list one that this member never got.
func (d *decision) followImports(whole bool) {
	if !mutant(KeepStrays) {
		d.dropStrays()
	}
	d.await(whole)
}

// dropStrays erases all that is held or known of materials that the family does not list any more.
func (d *decision) dropStrays() {
	var strays []MaterialID
	for _, id := range d.l.Held {
		if !lists(d.l.Record.Materials, id) {
			strays = append(strays, id)
		}
	}
	for i := range d.l.Imports {
		if id := d.l.Imports[i].ID; !lists(d.l.Record.Materials, id) {
			strays = union(strays, []MaterialID{id})
		}
	}
	if len(strays) > 0 {
		d.emit(MaterialErased{Materials: strays})
	}
}

// rotateImported makes the pending material current, once every member has it.
func (d *decision) rotateImported() error {
	switch id := d.l.Record.Pending; {
	case id.IsZero():
		return refuse(NothingToRotate)
	case !d.allHold(id) && !mutant(RotateUnheld):
		return refuse(NotEverywhere)
	}
	d.activate()
	return nil
}

// intersection returns the ids of set that are in other, as a set.
func intersection(set, other []MaterialID) []MaterialID {
	var out []MaterialID
	for _, id := range other {
		if has(set, id) {
			out = append(out, id)
		}
	}
	return out
}

// without returns set without the ids of less, in a new slice.
func without(set, less []MaterialID) []MaterialID {
	return slices.DeleteFunc(slices.Clone(set), func(id MaterialID) bool { return has(less, id) })
}

// withImport returns imports with m put in its place, sorted by id, in a new slice.
func withImport(imports []Import, m Import) []Import {
	out := slices.DeleteFunc(slices.Clone(imports), func(old Import) bool { return old.ID == m.ID })
	out = append(out, m)
	slices.SortFunc(out, func(a, b Import) int { return a.ID.Compare(b.ID) })
	return out
}

// erasedImports returns imports after the secrets of ids went: what is listed keeps its description.
func erasedImports(imports []Import, ids []MaterialID, r *Record) []Import {
	var out []Import
	for _, m := range imports {
		if has(ids, m.ID) {
			if m.Description == "" || !lists(r.Materials, m.ID) {
				continue
			}
			m = Import{ID: m.ID, Description: m.Description}
		}
		out = append(out, m)
	}
	return out
}
