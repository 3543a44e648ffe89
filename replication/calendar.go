package replication

import (
	"fmt"
	"slices"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/replication/lagprofile"
)

// Dues are when what is to be said to a Region about a family may leave, in Region time.
type Dues struct{ Record, Materials, Status int64 }

// Confirmed is the status of a Region's own member that another Region is known to have.
type Confirmed struct {
	Inc family.Version
	SV  uint64
}

// A Calendar knows when multi-Region families changed, and by that when a lag profile lets word of it leave. The zero
// Calendar is ready, and safe for concurrent use.
type Calendar struct{ moments moments }

// Note remembers that a family changed, by a record of the Region time at.
func (c *Calendar) Note(p *lagprofile.Profile, ref keyengine.Ref, l *family.Local, at int64) {
	c.moments.note(ref, l, at, at-p.Longest().Milliseconds())
}

// Dues returns when messages about a family may leave Region here for another, which has confirmed a status.
func (c *Calendar) Dues(p *lagprofile.Profile, here string, ref keyengine.Ref, l *family.Local, to string, confirmed Confirmed, now int64) (d Dues) {
	if p.Instant() {
		return d
	}
	after := func(base int64, c lagprofile.Class, what string) int64 {
		return base + p.Delay(lagprofile.Link{From: here, To: to}, c, ref.KeyID, what).Milliseconds()
	}
	member, status := memberOf(l, to), statusOf(l, to)
	class := recordClass(here, l, member, status)
	switch {
	case status != nil && member != nil && status.Inc == member.Inc:
		d.Record = after(c.moments.record(ref, l, status.Applied, now), class, "after "+status.Applied.String())
	case class == lagprofile.Appearance:
		d.Record = after(c.moments.written(ref, l, member.Inc, now), class, "of "+member.Inc.String())
	default: // nobody knows what the other Region has
		d.Record = after(c.moments.written(ref, l, l.Record.Version, now), class, "of "+l.Record.Version.String())
	}
	d.Materials = d.Record
	if isBirth(member, status) {
		birth := after(c.moments.written(ref, l, member.Inc, now), lagprofile.Creation, "since "+member.Inc.String())
		d.Materials = max(d.Record, birth)
	}
	if isBirth(member, status) && l.Record.Origin == originExternal { // without material the record is the birth
		d.Record = d.Materials
	}
	d.Status = after(c.moments.status(ref, l, confirmed, now), lagprofile.Status, fmt.Sprintf("%v %d", l.Inc, l.SV))
	return d
}

// recordClass is what a record of l is about, seen from a member.
func recordClass(here string, l *family.Local, member *family.Member, status *family.Status) lagprofile.Class {
	r := &l.Record
	switch {
	case member != nil && !member.Gone && member.Init != nil && (status == nil || status.Inc != member.Inc):
		return lagprofile.Appearance
	case r.Handoff != nil, r.Primary != here, r.Writer != r.Primary:
		return lagprofile.Primary
	case status == nil, status.Applied.Gen != r.Version.Gen, status.Applied.Epoch != r.Version.Epoch:
		return lagprofile.Primary // the role was just taken: nothing is known of the members yet
	case !r.Pending.IsZero() && !slices.Contains(status.Held, r.Pending):
		return lagprofile.Material
	}
	return lagprofile.Properties
}

// isBirth reports whether a member has not been complete yet.
func isBirth(member *family.Member, status *family.Status) bool {
	if member == nil || member.Gone {
		return false
	}
	if status == nil || status.Inc != member.Inc {
		return member.Init != nil
	}
	return !status.Complete
}

func memberOf(l *family.Local, region string) *family.Member {
	for i := range l.Record.Members {
		if l.Record.Members[i].Region == region {
			return &l.Record.Members[i]
		}
	}
	return nil
}

func statusOf(l *family.Local, region string) *family.Status {
	for i := range l.View {
		if l.View[i].From == region {
			return &l.View[i]
		}
	}
	return nil
}
