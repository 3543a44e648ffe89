package sim

import (
	"slices"

	"meridian/keyengine/family"
)

// backup is a Region's state as it was kept.
type backup struct {
	seen [regionCount]uint64
	keys [keyCount]kept
}

type kept struct {
	local family.Local
	log   int // events until then, in sampled seeds
}

// restoreOrBackUp keeps the state of a Region, or brings a kept one back.
func (w *world) restoreOrBackUp(r int) {
	if w.regions[r].backup == nil || w.rng.IntN(3) == 0 {
		w.backUp(r)
		return
	}
	w.restore(r)
}

func (w *world) backUp(r int) {
	g := &w.regions[r]
	g.backup = &backup{seen: g.seen}
	for k := range g.keys {
		g.backup.keys[k] = kept{g.keys[k].local, len(g.keys[k].log)}
	}
	w.options.Watch.BackedUp(regionNames[r])
	w.tracef("%s is backed up", regionNames[r])
}

// restore makes a Region forget what it did since its backup, and begins a new life of it.
func (w *world) restore(r int) {
	g := &w.regions[r]
	w.count("fault: Region restored")
	g.up, g.seen = true, g.backup.seen
	g.life++
	w.options.Watch.Restored(regionNames[r], g.life)
	w.tracef("%s is restored from its backup; life %d", regionNames[r], g.life)
	for k := range g.keys {
		old := &g.backup.keys[k]
		m := &g.keys[k]
		w.judge.loses(w, r, k, &m.local, &old.local)
		*m = member{local: old.local, log: m.log[:min(old.log, len(m.log)):min(old.log, len(m.log))]}
		w.judge.forget(w, r, k)
		if m.local.Record.Multi {
			e := family.FamilySuspended{Awaits: family.Awaited(regionNames[r], regionNames[:], &m.local.Record)}
			w.coverage["FamilySuspended"]++
			family.Evolve(regionNames[r], &m.local, e)
			if w.sampled() {
				m.log = append(m.log, e)
			}
			w.sendOwed(r, k)
		}
	}
}

// loses notes what a restored Region held and holds no more.
func (j *judge) loses(w *world, r, k int, was, is *family.Local) {
	v := &j.keys[k]
	for _, id := range was.Held {
		if !slices.Contains(is.Held, id) && !slices.Contains(v.lost, lost{r, id}) {
			v.lost = append(v.lost, lost{r, id})
		}
	}
}

// found forgets what a Region had lost and holds again.
func (v *verdict) found(r int, ids []family.MaterialID) {
	v.lost = slices.DeleteFunc(v.lost, func(o lost) bool { return o.region == r && slices.Contains(ids, o.id) })
}

// lost makes the judge forget materials that no Region has any more: a history was lost, and callers deleted the rest.
func (j *judge) lost(w *world, k int) {
	v := &j.keys[k]
	v.used = slices.DeleteFunc(v.used, func(id family.MaterialID) bool {
		if w.someHold(k, id) {
			return false
		}
		w.count("material lost with a history")
		return true
	})
}

// nothingLeft reports whether a family lost all its materials: its primary has heard everybody, and nobody has one.
func (w *world) nothingLeft(k int, p *family.Local) bool {
	if p.Record.Origin == originExternal || !p.Record.Current.IsZero() {
		return false
	}
	for q := range w.regions {
		if len(w.local(q, k).Held) > 0 {
			return false
		}
	}
	w.count("family that lost all")
	return true
}

// forget makes the judge forget what no Region knows any more: materials that only the lost history
// used, and ends of lives that did not happen.
func (j *judge) forget(w *world, r, k int) {
	v, l := &j.keys[k], w.local(r, k)
	j.lost(w, k)
	v.dead = slices.DeleteFunc(v.dead, func(d life) bool {
		return d.region == r && (l.Inc.Less(d.inc) || l.Inc == d.inc && l.Live())
	})
	if !l.Record.Multi { // nobody else knows of it: it goes on from where it is
		v.written = slices.DeleteFunc(v.written, func(o family.Record) bool { return l.Record.Version.Less(o.Version) })
	}
	v.best = family.Record{}
	for q := range w.regions {
		if o := w.local(q, k); v.best.Version.Less(o.Record.Version) {
			v.best = o.Record
		}
	}
}
