package virtual

import (
	"context"
	"slices"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/replication"
	"meridian/replication/lagprofile"
)

// How the synchronisation is set, as package replication does it: what a lag profile holds back stays out of the bag of
// messages until its Region time; where synchronisation is paused nothing is sent, and what arrives is lost.

// SetLag implements world.World.
func (w *World) SetLag(_ context.Context, p lagprofile.Profile) error {
	return w.turn(func(d *replication.Dials) { d.Lag = p })
}

// PauseSync implements world.World.
func (w *World) PauseSync(_ context.Context, region string) error {
	return w.turn(func(d *replication.Dials) {
		d.Paused = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(d.Paused), w.named(region)...))))
	})
}

// ResumeSync implements world.World.
func (w *World) ResumeSync(_ context.Context, region string) error {
	return w.turn(func(d *replication.Dials) {
		d.Paused = slices.DeleteFunc(slices.Clone(d.Paused), func(r string) bool { return slices.Contains(w.named(region), r) })
	})
}

func (w *World) named(region string) []string {
	if region == "" {
		return w.Regions()
	}
	return []string{region}
}

func (w *World) turn(change func(*replication.Dials)) error {
	d := w.dial.Now()
	d.Format, d.Version = replication.DialFormat, d.Version+1
	change(&d)
	return w.dial.Set(d)
}

// note remembers when families changed.
func (n *node) note(at int64, refs []keyengine.Ref) {
	profile := n.site.world.dial.Now().Lag
	if profile.Instant() {
		return
	}
	n.of.View(func(v *keyengine.View) {
		for _, ref := range refs {
			if l, ok := v.Family(ref); ok && l.Record.Multi {
				n.dates.Note(&profile, ref, l, at)
			}
		}
	})
}

// dues are when a node, as the leader, may say something about a family to a Region.
func (n *node) dues(ref keyengine.Ref, l *family.Local, to string) replication.Dues {
	profile := n.site.world.dial.Now().Lag
	if profile.Instant() {
		return replication.Dues{}
	}
	var confirmed replication.Confirmed
	if m := n.site.told[told{to, ref, false}]; m.heard {
		confirmed = replication.Confirmed{Inc: m.inc, SV: m.sv}
	}
	return n.dates.Dues(&profile, n.site.name, ref, l, to, confirmed, n.of.Now())
}

// heldBack adds to a lag what a profile holds back, and until when.
func (r relay) heldBack(lag *replication.Lag) {
	profile := r.site.world.dial.Now().Lag
	if profile.Instant() {
		return
	}
	families := map[keyengine.Ref]*family.Local{}
	r.of.View(func(v *keyengine.View) {
		for ref, l := range v.Families() {
			if l.Record.Multi {
				families[ref] = l
			}
		}
	})
	now := r.of.Now()
	for ref, l := range families {
		due, held, obliged := r.dues(ref, l, lag.To), false, false
		wait := func(at int64) {
			if at > now {
				held = true
				if lag.NextDue == 0 || at < lag.NextDue {
					lag.NextDue = at
				}
			}
		}
		for _, o := range family.Obligations(r.site.name, l) {
			obliged = obliged || o.To == lag.To
			switch {
			case o.To != lag.To:
			case o.What == family.SendRecord:
				wait(due.Record)
				wait(due.Materials)
			case o.What == family.SendStatus:
				wait(due.Status)
			}
		}
		if m := r.site.told[told{lag.To, ref, false}]; family.SendsStatusTo(r.site.name, l) == lag.To && !(m.heard && m.inc == l.Inc && m.sv == l.SV) {
			if !obliged { // else it is counted already
				lag.PendingKeys++
			}
			wait(due.Status)
		}
		if held {
			lag.DelayedKeys++
		}
	}
}
