package sim

import (
	"reflect"
	"slices"

	"meridian/keyengine/family"
)

// judge watches all Regions at once, which nobody in the real system can.
type judge struct{ keys [keyCount]verdict }

// verdict is what the judge remembers of one family.
type verdict struct {
	written []family.Record     // every record ever written, in order of writing
	used    []family.MaterialID // every material that ever encrypted
	dead    []life
	best    family.Record // the greatest written
	forced  bool          // an operator promoted a member
	parted  bool          // and another, in a Region that had not heard of the first
	fenced  [regionCount]bool
	placed  []placed            // imports that happened, of origin EXTERNAL
	let     []family.MaterialID // used by one side of a split alone, and deleted there by its callers
	lost    []lost              // what restored Regions held and do not hold again yet
}

type lost struct {
	region int
	id     family.MaterialID
}

type life struct {
	region int
	inc    family.Version
}

func (j *judge) reset() {
	for k := range j.keys {
		v := &j.keys[k]
		*v = verdict{written: v.written[:0], used: v.used[:0], dead: v.dead[:0], let: v.let[:0], placed: v.placed[:0], lost: v.lost[:0]}
	}
}

// split reports whether both sides of a parting fenced each other, or each promoted a member of its own: operators erred
// then, and DecryptAnywhere holds after healing only.
func (v *verdict) split() bool {
	if v.parted {
		return true
	}
	n := 0
	for _, f := range v.fenced {
		if f {
			n++
		}
	}
	return v.forced && n > 1
}

// event judges one event when it has been applied.
func (j *judge) event(w *world, r, k int, before *family.Local, e family.Event) {
	v := &j.keys[k]
	if _, promoted := e.(family.PrimaryForced); promoted && before.Record.Version.Gen < v.best.Version.Gen {
		v.parted = true
	}
	if record, ok := family.WrittenRecord(e); ok {
		j.wrote(w, r, k, record)
	}
	switch e := e.(type) {
	case family.MaterialImported:
		v.found(r, e.Materials)
	case family.MaterialSalvaged:
		v.found(r, e.Materials)
	case family.MaterialPlaced:
		v.placed = append(v.placed, placed{r, w.local(r, k).Inc, e.Import.ID})
	case family.RotationActivated:
		if w.external(r, k) {
			j.everywhere(w, r, k, e.Record.Current)
			return
		}
		j.distributed(w, r, k, e.Record.Current)
	case family.ReplicaCreated:
		if slices.Contains(v.dead, life{r, e.Inc}) {
			w.fail(NoResurrection, "key %d: %s lives again as %v", k, regionNames[r], e.Inc)
		}
		v.ended(r, before)
	case family.ReplicaRefused:
		v.dead = append(v.dead, life{r, e.Inc})
	case family.Orphaned:
		v.ended(r, before)
	case family.PrimaryResumed:
		j.lost(w, k)
	case family.KeyDeleted:
		v.ended(r, before)
		if before.Record.Primary == regionNames[r] && !v.forced {
			j.lastOne(w, r, k)
		}
	case family.AlarmRaised:
		w.fail(NoBrokenPromise, "key %d: %s halts: %s", k, regionNames[r], e.Reason)
	}
}

func (v *verdict) ended(r int, before *family.Local) {
	if before.Live() {
		v.dead = append(v.dead, life{r, before.Inc})
	}
}

// wrote judges a record that Region r wrote.
func (j *judge) wrote(w *world, r, k int, record family.Record) {
	v := &j.keys[k]
	if err := record.Validate(); err != nil {
		w.fail(RecordIsValid, "key %d: %s writes %v: %v", k, regionNames[r], record.Version, err)
	}
	for i := len(v.written) - 1; i >= 0; i-- {
		o := &v.written[i]
		if o.Version == record.Version && !reflect.DeepEqual(*o, record) {
			w.fail(SingleWriter, "key %d: %s and %s wrote two records %v", k, o.Writer, record.Writer, record.Version)
		}
		if o.Version.Epoch == record.Version.Epoch && o.Version.Gen == record.Version.Gen &&
			o.Version.GenBy == record.Version.GenBy && o.Primary != record.Primary {
			w.fail(AtMostOnePrimaryPerEpoch, "key %d: %v names %s, %v names %s", k, o.Version, o.Primary, record.Version, record.Primary)
		}
	}
	v.written = append(v.written, record)
	if v.best.Version.Less(record.Version) {
		v.best = record
	}
}

// distributed judges the first use of a material: all members that are not gone must hold it.
func (j *judge) distributed(w *world, r, k int, id family.MaterialID) {
	l := w.local(r, k)
	for _, m := range l.Record.Members {
		o := w.local(indexOf(m.Region), k)
		if o.Suspended || o.Inc.Less(m.Inc) && w.regions[indexOf(m.Region)].life > 1 { // it held the material, and forgot it
			continue
		}
		if m.Gone || j.keys[k].fenced[indexOf(m.Region)] || j.keys[k].forced && l.Record.Version.Gen < o.Record.Version.Gen || m.Inc.Less(o.Inc) {
			continue
		}
		if o.Inc != m.Inc || o.Live() && !slices.Contains(o.Held, id) {
			w.fail(MaterialBeforeUse, "key %d: %s activates %s, which %s lacks", k, regionNames[r], short(id), m.Region)
		}
	}
}

// lastOne judges the end of a primary.
func (j *judge) lastOne(w *world, r, k int) {
	for q := range w.regions {
		if q != r && w.local(q, k).Live() && !w.local(q, k).Suspended && !j.keys[k].fenced[q] {
			w.fail(NoLostReplica, "key %d: primary %s is deleted while %s is %v", k, regionNames[r], regionNames[q], w.local(q, k).State)
		}
	}
}

// frozen judges a command that changed something while the key was Updating.
func (j *judge) frozen(w *world, r, k int, c family.Command) {
	switch c.(type) {
	case family.Replicate, family.Rotate, family.Enable, family.Disable, family.ScheduleDeletion, family.CancelDeletion:
		w.fail(UpdatingIsFrozen, "key %d: %s did %T while updating", k, regionNames[r], c)
	}
}

// use judges an encryption.
func (j *judge) use(w *world, r, k int, id family.MaterialID) {
	v := &j.keys[k]
	if id.IsZero() || !slices.Contains(w.local(r, k).Held, id) {
		if !v.split() && !w.local(r, k).Suspended {
			w.fail(CryptoContinuity, "key %d: %s cannot encrypt with %s", k, regionNames[r], short(id))
		}
		return
	}
	if slices.Contains(v.used, id) {
		return
	}
	v.used = append(v.used, id)
	for q := range w.regions {
		j.decrypts(w, q, k)
	}
}

// decrypts judges that a member can decrypt all there is.
func (j *judge) decrypts(w *world, r, k int) {
	v, l := &j.keys[k], w.local(r, k)
	if !l.Live() || !l.Complete || l.Suspended || v.fenced[r] || v.split() || l.Record.Origin == originExternal {
		return
	}
	for _, id := range v.used {
		if slices.Contains(l.Held, id) {
			continue
		}
		for _, m := range v.best.Members {
			if m.Region == regionNames[r] && m.Inc == l.Inc && !m.Gone {
				w.fail(DecryptAnywhere, "key %d: %s lacks %s, which was used", k, regionNames[r], short(id))
			}
		}
	}
}

// change judges what a command did to one member.
func (j *judge) change(w *world, r, k int, before *family.Local, c family.Command) {
	v, l, name := &j.keys[k], w.local(r, k), regionNames[r]
	if l.Record.Version.Less(before.Record.Version) || l.Inc.Less(before.Inc) || l.SV < before.SV {
		w.fail(VersionMonotone, "key %d: %s went from %v, %v, %d to %v, %v, %d", k, name,
			before.Record.Version, before.Inc, before.SV, l.Record.Version, l.Inc, l.SV)
	}
	if !v.forced {
		j.onePrimary(w, k)
	}
	if l.State == family.Enabled && !l.Complete {
		w.fail(EnabledIsComplete, "key %d: %s", k, name)
	}
	if l.Updating && l.State != family.Enabled {
		w.fail(UpdatingIsFrozen, "key %d: %s is updating and %v", k, name, l.State)
	}
	if l.State == family.Enabled && !v.split() && !l.Suspended && !slices.Contains(l.Held, l.Record.Current) {
		w.fail(CryptoContinuity, "key %d: %s is enabled without its current material", k, name)
	}
	if l.Record.Origin == originExternal {
		j.imported(w, r, k)
	} else {
		j.decrypts(w, r, k)
		j.kept(w, r, k, before, c)
	}
	j.independent(w, r, k, before, c)
	if w.sampled() {
		j.numbered(w, r, k, before)
	}
}

func (j *judge) onePrimary(w *world, k int) {
	first := -1
	for q := range w.regions {
		if !w.isPrimary(q, k) {
			continue
		}
		if first >= 0 {
			w.fail(AtMostOnePrimary, "key %d: %s and %s", k, regionNames[first], regionNames[q])
		}
		first = q
	}
}

// kept judges materials that a member let go: somebody else must have them, unless callers deleted
// the key. Where both sides of a split act, that ends one side's key and what it alone used.
func (j *judge) kept(w *world, r, k int, before *family.Local, c family.Command) {
	v, l := &j.keys[k], w.local(r, k)
	if len(l.Held) >= len(before.Held) {
		return
	}
	_, deleted := c.(family.Tick)
	for _, id := range before.Held {
		if slices.Contains(l.Held, id) || !slices.Contains(v.used, id) || w.someHold(k, id) {
			continue
		}
		switch {
		case deleted && v.wasLost(id):
			v.used = slices.DeleteFunc(v.used, func(lost family.MaterialID) bool { return lost == id })
			w.count("material lost with a history")
		case deleted && v.split() || l.Record.Ended:
			v.let = append(v.let, id)
		case w.someLive(k, deleted):
			w.fail(NoSilentMaterialLoss, "key %d: %s erased %s, the last copy", k, regionNames[r], short(id))
		}
	}
}

// wasLost reports whether a Region held a material and forgot it with its history. What callers delete elsewhere before it
// is found again stays lost.
func (v *verdict) wasLost(id family.MaterialID) bool {
	return slices.ContainsFunc(v.lost, func(o lost) bool { return o.id == id })
}

func (w *world) someHold(k int, id family.MaterialID) bool {
	for q := range w.regions {
		if slices.Contains(w.local(q, k).Held, id) {
			return true
		}
	}
	return false
}

// someLive reports whether any member lives. A fenced one does not count where callers deleted the
// others: it may have been cut off before it had anything, and ends when it hears.
func (w *world) someLive(k int, deleted bool) bool {
	for q := range w.regions {
		if w.local(q, k).Live() && !(deleted && w.judge.keys[k].fenced[q]) {
			return true
		}
	}
	return false
}

// independent judges what a message did to a living member's own state.
func (j *judge) independent(w *world, r, k int, before *family.Local, c family.Command) {
	l := w.local(r, k)
	if !before.Live() || l.State == before.State {
		return
	}
	switch c.(type) {
	case family.ReceiveRecord: // only an end, or an end and a new life, can come with a record
		if l.State == family.Deleted || l.State == family.Creating && before.Inc.Less(l.Inc) {
			return
		}
		if w.external(r, k) && l.State == family.PendingImport { // a material is in use that was never imported here
			return
		}
	case family.ReceiveStatus: // only the wait for the last replica can end with a status
		if before.State == family.PendingReplicaDeletion && l.State == family.PendingDeletion {
			return
		}
	default:
		return
	}
	w.fail(IndependentStaysLocal, "key %d: %s went from %v to %v by %T", k, regionNames[r], before.State, l.State, c)
}

// numbered judges that no two contents of a status have one number.
func (j *judge) numbered(w *world, r, k int, before *family.Local) {
	name, l := regionNames[r], w.local(r, k)
	if l.SV != before.SV || family.SendsStatusTo(name, l) == "" {
		return
	}
	if !reflect.DeepEqual(family.StatusOf(name, l), family.StatusOf(name, before)) {
		w.fail(StatusIsNumbered, "key %d: %s changed status %d", k, name, l.SV)
	}
}
