package sim

import (
	"slices"

	"meridian/keyengine/family"
)

// message is a command on its way to another Region.
type message struct {
	to, from, key int8
	command       family.Command      // nil: a question of a suspended member
	version       family.Version      // the record's, or the status' Applied
	life          uint64              // of from
	held          []family.MaterialID // by the member that asks
}

const (
	netLimit = 4000
	netKept  = 2000
)

// sendOwed sends what the state owes, right after it changed.
func (w *world) sendOwed(r, k int) {
	m := &w.regions[r].keys[k]
	w.sendObligations(r, k)
	if m.sent != m.local.SV {
		m.sent = m.local.SV
		w.sendStatus(r, k)
	}
}

func (w *world) sendObligations(r, k int) {
	name, l := regionNames[r], w.local(r, k)
	for _, o := range family.Obligations(name, l) {
		switch o.What {
		case family.SendStatus:
			w.sendStatus(r, k)
		case family.SendQuestion:
			w.send(message{to: int8(indexOf(o.To)), from: int8(r), key: int8(k), version: l.Record.Version, held: l.Held})
		default:
			w.sendRecord(r, k, o)
		}
	}
}

// sendRecord sends the record, with the secrets that the receiver lacks unless the sender does not
// know how to seal to it.
func (w *world) sendRecord(r, k int, o family.Obligation) {
	m := &w.regions[r].keys[k]
	carried := family.Carries(regionNames[r], &m.local, o)
	if len(carried) > 0 && w.rng.Float64() < w.bare {
		carried = nil
		w.count("fault: record without secrets")
	}
	v := m.local.Record.Version
	if m.offer == nil || m.offered != v {
		m.offer, m.offered = family.ReceiveRecord{From: regionNames[r], Record: m.local.Record, Certificates: m.local.Certificates}, v
	}
	c := m.offer
	if len(carried) > 0 {
		c = family.ReceiveRecord{From: regionNames[r], Record: m.local.Record, Certificates: m.local.Certificates, Carried: carried}
	}
	w.send(message{to: int8(indexOf(o.To)), from: int8(r), key: int8(k), command: c, version: v})
}

func (w *world) sendStatus(r, k int) {
	name, l := regionNames[r], w.local(r, k)
	to := family.SendsStatusTo(name, l)
	if to == "" {
		return
	}
	carried := family.Carries(name, l, family.Obligation{To: to, What: family.SendStatus})
	if len(carried) > 0 && w.rng.Float64() < w.bare {
		carried = nil
		w.count("fault: status without secrets")
	}
	c := family.ReceiveStatus{Status: family.StatusOf(name, l), Carried: carried}
	w.send(message{to: int8(indexOf(to)), from: int8(r), key: int8(k), command: c, version: l.Record.Version})
}

func (w *world) send(m message) {
	m.life = w.regions[m.from].life
	if w.rng.Float64() < w.drop {
		w.count("fault: dropped")
		return
	}
	w.net = append(w.net, m)
	if w.rng.Float64() < w.repeat {
		w.count("fault: repeated")
		w.net = append(w.net, m)
	}
	if len(w.net) > netLimit {
		w.net = append(w.net[:0], w.net[len(w.net)-netKept:]...)
		w.count("fault: overflow")
	}
}

// deliver gives any one message to its Region, or loses it there.
func (w *world) deliver() {
	i := w.rng.IntN(len(w.net))
	m := w.net[i]
	last := len(w.net) - 1
	w.net[i] = w.net[last]
	w.net[last] = message{}
	w.net = w.net[:last]
	if !w.regions[m.to].up || w.cut[m.from][m.to] {
		return
	}
	w.receive(m)
}

func (w *world) receive(m message) {
	to, k := int(m.to), int(m.key)
	seen := &w.regions[to].seen[m.from]
	if m.life < *seen && !w.options.noLifeCheck {
		w.count("message of an earlier life")
		return
	}
	*seen = max(*seen, m.life)
	if m.command == nil {
		w.answer(m)
		return
	}
	if w.trace != nil {
		w.traceMessage(m)
	}
	c := m.command
	if r, ok := c.(family.ReceiveRecord); ok {
		c = w.prepare(m, &r, c)
	}
	_ = w.apply(to, k, c) // messages are never refused
	l := w.local(to, k)
	if _, answer := c.(family.Hear); answer {
		if m.version.Less(l.Record.Version) && family.Outdated(l, regionNames[m.from], m.version) {
			w.sendRecord(to, k, family.Obligation{To: regionNames[m.from], What: family.SendRecord})
		}
		return
	}
	if family.MustTell(l, m.version) {
		w.sendRecord(to, k, family.Obligation{To: regionNames[m.from], What: family.SendRecord})
	}
	// The answer shows the sender of a status that its record is newer: perhaps it never arrived, or was forgotten.
	if _, status := c.(family.ReceiveStatus); status && l.Record.Version.Less(m.version) && w.regions[m.from].up {
		w.sendRecord(int(m.from), k, family.Obligation{To: regionNames[m.to], What: family.SendRecord})
	}
}

// compare is anti-entropy between two Regions: who has the newer record tells the other, though no state
// may say that it is owed, for the other may have forgotten it.
func (w *world) compare(r, k int) {
	if !w.mortal {
		return
	}
	q := w.rng.IntN(regionCount)
	if q != r && w.regions[q].up && w.local(q, k).Record.Version.Less(w.local(r, k).Record.Version) {
		w.sendRecord(r, k, family.Obligation{To: regionNames[q], What: family.SendRecord})
	}
}

// answer says what a Region has to one in a new life: its record, secrets that are missing there, and how
// much it knows.
func (w *world) answer(m message) {
	to, k := int(m.to), int(m.key)
	l, asker := w.local(to, k), regionNames[m.from]
	missing := make([]family.MaterialID, 0, len(l.Held))
	for _, id := range l.Held {
		if !slices.Contains(m.held, id) {
			missing = append(missing, id)
		}
	}
	back := message{to: m.from, from: m.to, key: m.key, version: l.Record.Version}
	if gives := family.Gives(asker, l, missing); m.version.Less(l.Record.Version) || len(gives) > 0 {
		if w.rng.Float64() < w.bare {
			gives = nil
		}
		back.command = family.ReceiveRecord{From: regionNames[to], Record: l.Record, Certificates: l.Certificates, Carried: gives}
		w.send(back)
	}
	var lacks []family.MaterialID
	if l.Live() && l.Record.Origin != originExternal {
		lacks = family.Lacks(l)
	}
	back.command = family.Hear{From: regionNames[to], Life: m.life, Lives: slices.Clone(w.lives(to)), Version: l.Record.Version, Held: missing, Lacks: lacks}
	w.send(back)
}

// prepare plays what the receiving Region adds to a record before it decides: its own consent to
// become a member, and whether the secrets come with the record or in a second entry.
func (w *world) prepare(m message, r *family.ReceiveRecord, c family.Command) family.Command {
	to, k := int(m.to), int(m.key)
	l := w.local(to, k)
	if l.Live() {
		return c
	}
	switch x := w.rng.IntN(32); {
	case x == 0:
		refused := *r
		refused.Refuse = "the quota is used up"
		return refused
	case x < 12 && len(r.Carried) > 0:
		w.regions[to].keys[k].brought = brought{r.Carried, m.from, m.life, r.Record.Version}
		bare := *r
		bare.Carried = nil
		return bare
	}
	return c
}

func (w *world) traceMessage(m message) {
	switch c := m.command.(type) {
	case family.ReceiveRecord:
		w.tracef("%s key %d <- record %v from %s, %d secrets", regionNames[m.to], m.key, m.version, regionNames[m.from], len(c.Carried))
	case family.Hear:
		w.tracef("%s key %d <- answer of %s: %v", regionNames[m.to], m.key, c.From, c.Version)
	case family.ReceiveStatus:
		w.tracef("%s key %d <- status from %s: %s, %d secrets", regionNames[m.to], m.key, regionNames[m.from], c.Status, len(c.Carried))
	}
}
