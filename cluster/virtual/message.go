package virtual

import (
	"context"
	"slices"
	"time"

	"meridian/cluster/world"
	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/primitive"
)

// How messages are sent.
const (
	sendAgain   = time.Second // what is owed and was not heard
	compareEach = time.Minute // two Regions compare what they have
)

// message is a record or a status on its way to another Region.
type message struct {
	src, dst *site
	at       time.Duration // when it arrives
	number   uint64        // order of what arrives at the same time
	ref      keyengine.Ref
	record   *record        // one of the two
	status   *family.Status // of src's member
	carried  []material
}

// record is a family's record with what proves it.
type record struct {
	record       family.Record
	certificates []family.Certificate
}

// material is key material out of its wrapping.
type material struct {
	id   family.MaterialID
	open primitive.Material
}

// told names what a Region says to another about a family.
type told struct {
	dst    string
	ref    keyengine.Ref
	record bool // else: the status
}

// mark is what was said last.
type mark struct {
	version family.Version // of the record
	bare    bool           // which went without materials that a lag profile holds back
	inc     family.Version // of the status
	sv      uint64
	heard   bool          // it arrived
	again   time.Duration // not before
}

// send puts into the bag what the state of every Region owes.
func (w *World) send(context.Context) {
	compare := w.Now()/compareEach != (w.Now()-tick)/compareEach
	for _, s := range w.regions {
		l := s.leader()
		if l == nil || l.away() {
			continue
		}
		type owed struct {
			ref   keyengine.Ref
			local *family.Local
		}
		var all []owed
		l.of.View(func(v *keyengine.View) {
			for ref, local := range v.Families() {
				if local.Record.Multi {
					all = append(all, owed{ref, local})
				}
			}
		})
		for _, o := range all {
			s.sendOwed(l, o.ref, o.local)
			if compare {
				s.compare(l, o.ref, o.local)
			}
		}
	}
}

// sendOwed sends what is owed for one family.
func (s *site) sendOwed(l *node, ref keyengine.Ref, local *family.Local) {
	if family.Completable(local) {
		_ = l.of.Propose(context.Background(), keyengine.FinishCreate{Ref: ref}, nil) // tried again in the next tick
	}
	for _, o := range family.Obligations(s.name, local) {
		if o.What == family.SendRecord {
			s.sendRecord(l, o.To, ref, local, false)
		} else {
			s.sendStatus(l, o.To, ref, local, true)
		}
	}
	if to := family.SendsStatusTo(s.name, local); to != "" {
		s.sendStatus(l, to, ref, local, false)
	}
}

// sendRecord sends a record, unless the same was sent a moment ago and nothing forces it, or it is held back.
func (s *site) sendRecord(l *node, to string, ref keyengine.Ref, local *family.Local, force bool) {
	dst := s.world.site(to)
	name := told{to, ref, true}
	m, due := s.told[name], l.dues(ref, local, to)
	ids := family.Carries(s.name, local, family.Obligation{To: to, What: family.SendRecord})
	bare := len(ids) > 0 && due.Materials > l.of.Now()
	same := m.version == local.Record.Version && m.bare == bare
	switch {
	case dst == nil, s.world.dial.Pauses(s.name, to), due.Record > l.of.Now():
		return
	case bare && same, !force && same && s.world.Now() < m.again:
		return
	case bare:
		ids = nil
	}
	s.told[name] = mark{version: local.Record.Version, bare: bare, again: s.world.Now() + s.patience(to)}
	s.world.put(&message{
		src: s, dst: dst, ref: ref, carried: s.open(l, local, ref, ids),
		record: &record{local.Record, local.Certificates},
	})
}

// sendStatus sends what a member says about itself, unless it was heard, or sent a moment ago. Owed means that it
// must be said even so: it brings materials.
func (s *site) sendStatus(l *node, to string, ref keyengine.Ref, local *family.Local, owed bool) {
	dst := s.world.site(to)
	name := told{to, ref, false}
	m := s.told[name]
	same := m.inc == local.Inc && m.sv == local.SV
	switch {
	case dst == nil, s.world.dial.Pauses(s.name, to), same && (m.heard && !owed || s.world.Now() < m.again):
		return
	case l.dues(ref, local, to).Status > l.of.Now():
		return
	}
	s.told[name] = mark{inc: local.Inc, sv: local.SV, again: s.world.Now() + s.patience(to)}
	status := family.StatusOf(s.name, local)
	ids := family.Carries(s.name, local, family.Obligation{To: to, What: family.SendStatus})
	s.world.put(&message{src: s, dst: dst, ref: ref, status: &status, carried: s.open(l, local, ref, ids)})
}

// compare sends a record to each member that has an older one: what two Regions find out when they compare.
func (s *site) compare(l *node, ref keyengine.Ref, local *family.Local) {
	for i := range local.Record.Members {
		m := &local.Record.Members[i]
		dst := s.world.site(m.Region)
		if dst == nil || dst == s || dst.leader() == nil || s.world.cut(s.name, m.Region) {
			continue
		}
		if other := dst.local(ref); other.Record.Version.Less(local.Record.Version) && (other.Live() || !m.Gone) {
			s.sendRecord(l, m.Region, ref, local, true)
		}
	}
}

// patience is how long a Region waits for word of what it sent.
func (s *site) patience(to string) time.Duration {
	return sendAgain + 2*s.world.latency(s.name, to)
}

// open takes materials out of their wrapping.
func (s *site) open(l *node, local *family.Local, ref keyengine.Ref, ids []family.MaterialID) (out []material) {
	for _, id := range ids {
		var leaf uint64
		var wrapped []byte
		var ok bool
		l.of.View(func(v *keyengine.View) { leaf, wrapped, ok = v.Secret(id) })
		if !ok {
			continue
		}
		if m, err := s.ring.Unwrap(leaf, s.binding(ref, id, local.Record.Spec), wrapped); err == nil {
			out = append(out, material{id, m})
		}
	}
	return out
}

// local is a Region's state of a family; empty: it has none.
func (s *site) local(ref keyengine.Ref) (l *family.Local) {
	l = new(family.Local)
	leader := s.leader()
	if leader == nil {
		leader = s.nodes[0]
	}
	leader.of.View(func(v *keyengine.View) {
		if found, ok := v.Family(ref); ok {
			l = found
		}
	})
	return l
}

// put lets a message start on its way.
func (w *World) put(m *message) {
	if f, ok := w.between(world.Drop, m.src.name, m.dst.name); ok && w.random.Float64() < f.P {
		return
	}
	w.sent++
	m.number, m.at = w.sent, w.Now()+w.latency(m.src.name, m.dst.name)
	w.bag = append(w.bag, m)
}

// latency is how long a message takes.
func (w *World) latency(src, dst string) time.Duration {
	d := w.options.Latency
	if f, ok := w.between(world.Delay, src, dst); ok {
		d += f.Latency
	}
	return d
}

// deliver gives the Regions what arrives by now, in order. What meets a cut, or a Region without a leader, is lost.
func (w *World) deliver(ctx context.Context) {
	var arrived []*message
	w.bag = slices.DeleteFunc(w.bag, func(m *message) bool {
		if m.at <= w.Now() {
			arrived = append(arrived, m)
			return true
		}
		return false
	})
	slices.SortFunc(arrived, func(a, b *message) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return int(a.number - b.number)
	})
	for _, m := range arrived {
		if l := m.dst.leader(); l != nil && !l.away() && !w.cut(m.src.name, m.dst.name) && !w.dial.Pauses(m.src.name, m.dst.name) {
			w.receive(ctx, l, m)
		}
	}
}
