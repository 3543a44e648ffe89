package replication

import (
	"time"

	"meridian/keyengine"
	"meridian/keyengine/family"
)

// What a lag profile holds back. A message is due at the Region time of the change that it is owed for, plus the delay
// of its class: both are functions of what is logged and of the profile's seed, so that it does not matter who leads.
// Several changes that one record carries are due with the first of them; the record is built when it leaves.

// dueOf returns when messages about a family may leave for a Region. m is what that Region has confirmed.
func (s *session) dueOf(ref keyengine.Ref, l *family.Local, to string, m memory) Dues {
	profile := s.config.Dial.Now().Lag
	return s.calendar.Dues(&profile, s.config.Place.Region, ref, l, to, Confirmed{m.inc, m.sv}, s.config.Region.Now())
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
	if p.record && wait(due.Record) {
		p.record = false
	}
	if len(p.carried) > 0 && wait(due.Materials) {
		p.carried, p.bare = nil, true
	}
	if p.bare && p.told {
		p.record = false // it went without its materials before
	}
	if p.status && wait(due.Status) {
		p.status = false
	}
}

// holds reports whether the record of l, or what it carries, must not go to a Region yet.
func (s *session) holds(ref keyengine.Ref, l *family.Local, to string) (record, materials bool) {
	due, now := s.dueOf(ref, l, to, memory{}), s.config.Region.Now()
	return due.Record > now, due.Materials > now
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
