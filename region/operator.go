package region

import (
	"context"
	"errors"
	"slices"

	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// Declared is what an operator's act did to one key.
type Declared struct {
	Ref    keyengine.Ref
	Before family.Version // of the record, before the act
	After  family.Version // of the record that the act wrote; Before where it wrote none
	// Dropped are the materials that the record listed and that are not here: nobody gives them any more, unless
	// the old primary's Region returns.
	Dropped []family.MaterialID
}

// Fencing is what FenceLost did.
type Fencing struct {
	Fenced []Declared
	// Headless are keys whose primary is in the lost Region: somebody has to choose another one (ForcePromote).
	Headless []keyengine.Ref
}

// FenceLost declares, at the leader, that a Region will never return: its members of all families whose primary is
// here end, so that rotations and deletions wait for them no longer, and families of a new life wait no longer for its
// word. It may be repeated after whatever ended it.
func (r *Region) FenceLost(ctx context.Context, lost string) (f Fencing, err error) {
	if !arn.ValidRegion(lost) || lost == r.Place.Region {
		return f, kmsapi.Errorf(kmsapi.ValidationException, "%.64q is not another Region.", lost)
	}
	p, err := r.decider()
	if err != nil {
		return f, err
	}
	var concerned []Declared
	r.snapshot(func(v *keyengine.View) {
		for ref, l := range v.Families() {
			switch {
			case waitsFor(l, r.Place.Region, lost):
				concerned = append(concerned, Declared{Ref: ref, Before: l.Record.Version})
			case l.Live() && l.Record.Primary == lost:
				f.Headless = append(f.Headless, ref)
			}
		}
	})
	for _, d := range concerned {
		err := r.decideOwn(ctx, p, keyengine.FenceLost{Ref: d.Ref, Region: lost}, nil)
		var fault *kmsapi.Fault
		if errors.As(err, &fault) { // it changed since it was looked at: nothing waits for the lost Region there
			continue
		}
		if err != nil {
			return f, err
		}
		r.declare(&d)
		f.Fenced = append(f.Fenced, d)
		r.Logger.Warn("an operator declared a Region lost for ever: its member of the key is fenced out", "lost", lost,
			"account", d.Ref.Account, "key", d.Ref.KeyID, "before", d.Before.String(), "after", d.After.String())
	}
	return f, nil
}

// waitsFor says whether the member in Region here waits for the one in a lost Region, or for that Region's word.
func waitsFor(l *family.Local, here, lost string) bool {
	if l.Suspended {
		return family.WaitsFor(here, l, lost)
	}
	return l.Live() && l.Record.Primary == here && slices.ContainsFunc(l.Record.Members, func(m family.Member) bool {
		return m.Region == lost && !m.Gone
	})
}

// ForcePromote makes the member of this Region primary, at the leader, without the consent of the old one, which is
// fenced out: an operator says that its Region will never return. What only the old primary's Region had is lost if
// that is true.
func (r *Region) ForcePromote(ctx context.Context, ref keyengine.Ref) (d Declared, err error) {
	p, err := r.decider()
	if err != nil {
		return d, err
	}
	d.Ref = ref
	before, known := r.view().Family(ref)
	if !known {
		return d, kmsapi.Errorf(kmsapi.NotFoundException, "%s has no key %.100s.", r.Place.Region, ref)
	}
	old := before.Record.Primary
	d.Before = before.Record.Version
	if err := r.decideOwn(ctx, p, keyengine.ForcePromote{Ref: ref}, nil); err != nil {
		return d, err
	}
	after := r.declare(&d)
	for _, m := range before.Record.Materials {
		if !slices.ContainsFunc(after.Materials, func(kept family.Material) bool { return kept.ID == m.ID }) {
			d.Dropped = append(d.Dropped, m.ID)
		}
	}
	r.Logger.Warn("an operator made this Region's member primary without the old one's consent: the old one is fenced out", "old", old,
		"account", ref.Account, "key", ref.KeyID, "before", d.Before.String(), "after", d.After.String(), "dropped", len(d.Dropped))
	return d, nil
}

// declare notes the version that a family's record has now, and returns the record.
func (r *Region) declare(d *Declared) (now family.Record) {
	d.After = d.Before
	if l, ok := r.view().Family(d.Ref); ok {
		now, d.After = l.Record, l.Record.Version
	}
	return now
}
