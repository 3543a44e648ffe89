package replication

import (
	"fmt"
	"slices"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/replication/lagprofile"
)

// What a lag profile holds back. A message is due at the Region time of the change that it is owed for, plus the delay
// of its class: both are functions of what is logged and of the profile's seed, so that it does not matter who leads.
// Several changes that one record carries are due with the first of them; the record is built when it leaves.

// dues are when what is to be said to a Region may leave, in Region time.
type dues struct{ record, materials, status int64 }

// dueOf returns when messages about a family may leave for a Region. m is what that Region has confirmed.
func (s *session) dueOf(ref keyengine.Ref, l *family.Local, to string, m memory) (d dues) {
	profile := s.config.Dial.Now().Lag
	if profile.Instant() {
		return d
	}
	now, here := s.config.Region.Now(), s.config.Place.Region
	after := func(base int64, c lagprofile.Class, what string) int64 {
		return base + profile.Delay(lagprofile.Link{From: here, To: to}, c, ref.KeyID, what).Milliseconds()
	}
	member, status := memberOf(l, to), statusOf(l, to)
	class := recordClass(here, l, member, status)
	switch {
	case status != nil && member != nil && status.Inc == member.Inc:
		d.record = after(s.moments.record(ref, l, status.Applied, now), class, "after "+status.Applied.String())
	case class == lagprofile.Appearance:
		d.record = after(s.moments.written(ref, l, member.Inc, now), class, "of "+member.Inc.String())
	default: // nobody knows what the other Region has
		d.record = after(s.moments.written(ref, l, l.Record.Version, now), class, "of "+l.Record.Version.String())
	}
	d.materials = d.record
	if isBirth(member, status) {
		birth := after(s.moments.written(ref, l, member.Inc, now), lagprofile.Creation, "since "+member.Inc.String())
		d.materials = max(d.record, birth)
	}
	if isBirth(member, status) && l.Record.Origin == originExternal { // without material the record is the birth
		d.record = d.materials
	}
	d.status = after(s.moments.status(ref, l, m, now), lagprofile.Status, fmt.Sprintf("%v %d", l.Inc, l.SV))
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

// hold takes out of a parcel what is not due yet, and notes when the first of it will be.
func (l *link) hold(ref keyengine.Ref, p *parcel, m memory) {
	if !p.record && !p.status {
		return
	}
	now, due := l.config.Region.Now(), l.dueOf(ref, p.local, l.to, m)
	wait := func(at int64) bool {
		if at <= now {
			return false
		}
		if p.due == 0 || at < p.due {
			p.due = at
		}
		return true
	}
	if p.record && wait(due.record) {
		p.record = false
	}
	if len(p.carried) > 0 && wait(due.materials) {
		p.carried, p.bare = nil, true
	}
	if p.bare && p.told {
		p.record = false // it went without its materials before
	}
	if p.status && wait(due.status) {
		p.status = false
	}
}

// holds reports whether the record of l, or what it carries, must not go to a Region yet.
func (s *session) holds(ref keyengine.Ref, l *family.Local, to string) (record, materials bool) {
	due, now := s.dueOf(ref, l, to, memory{}), s.config.Region.Now()
	return due.record > now, due.materials > now
}

// untilDue is how long a timer waits for a Region time.
func (s *session) untilDue(due int64) time.Duration {
	return max(time.Duration(due-s.config.Region.Now())*time.Millisecond, time.Millisecond)
}

// recheck has every link look again at what it held back: time has moved, or the profile is another.
func (r *Relay) recheck() {
	if s := r.started(); s != nil {
		for _, l := range s.links {
			l.recheck()
		}
	}
}

func (l *link) recheck() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for ref, it := range l.items {
		if it.due != 0 && it.timer != nil {
			l.queue(ref, now)
		}
	}
	l.poke()
}

// TimeMoved says that the Region's time has been moved ahead: what became due leaves.
func (r *Relay) TimeMoved() { r.recheck() }

// dialled says that the dials were turned.
func (r *Relay) dialled() {
	r.recheck()
	s := r.started()
	if s == nil {
		return
	}
	for _, l := range s.links {
		l.mu.Lock()
		if s.paused(l.to) {
			l.down()
		} else if !l.up && !l.probing {
			l.probeDelay, l.probeAt = probeFirst, time.Now()
		}
		l.poke()
		l.mu.Unlock()
	}
}

// paused reports whether nothing goes on between this Region and another.
func (s *session) paused(region string) bool {
	return s.config.Dial.Pauses(s.config.Place.Region, region)
}
