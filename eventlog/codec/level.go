package codec

import (
	"slices"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/family"
)

// raise is a version of an event that came with a feature level above the first. An event is written in the oldest
// version that can say it, so that a Region whose level is lower never sees the newer one: the engine leaves empty what
// came with a level that the Region has not reached.
type raise struct {
	number  uint16
	version uint8
	level   uint32
	needs   func(event any) bool // whether it takes this version to say event
}

// raises are the versions of events that came with feature levels above the first, the oldest first.
func raises() []raise { return append(withCallers(), next()...) }

// withCallers are the events that hold a family's record, from the level on at which it may say who asked, and the event
// that says who can read that.
func withCallers() (list []raise) {
	list = append(list, raise{number: 18, version: 1, level: keyengine.LevelCaller, needs: func(any) bool { return true }})
	for _, k := range shared() {
		if _, holds := recordIn(k.example); holds {
			list = append(list, raise{number: k.number, version: k.version + 1, level: keyengine.LevelCaller, needs: saysWhoAsked})
		}
	}
	return list
}

// saysWhoAsked reports whether the record of an event says who asked.
func saysWhoAsked(event any) bool {
	r, ok := recordIn(event)
	if !ok {
		return false
	}
	asked := r.Handoff != nil && (r.Handoff.By != "" || len(r.Handoff.Caller) > 0)
	return asked || slices.ContainsFunc(r.Members, func(m family.Member) bool { return m.Init != nil && len(m.Init.Caller) > 0 })
}

// recordIn is the family's record that an event holds.
func recordIn(event any) (r family.Record, holds bool) {
	switch e := event.(type) {
	case family.RecordAccepted:
		return e.Record, true
	case family.ReplicaCreated:
		return e.Record, true
	case family.ReplicaRefused:
		return e.Record, true
	case family.Orphaned:
		return e.Record, true
	case family.Event:
		return family.WrittenRecord(e)
	}
	return r, false
}

// versionOf is the oldest version that can say event.
func (k kind) versionOf(event any) uint8 {
	v := k.version
	for _, r := range raises() {
		if r.number == k.number && (v == 0 || r.needs(event)) {
			v = max(v, r.version)
		}
	}
	return v
}

// newest is the newest version of the event's body.
func (k kind) newest() uint8 {
	v := k.version
	for _, r := range raises() {
		if r.number == k.number {
			v = max(v, r.version)
		}
	}
	return v
}

// Level returns the feature level that a Region must have before the event may be in its log. It knows the events that
// Decode knows.
func Level(e eventlog.Event) uint32 {
	i := slices.IndexFunc(raises(), func(r raise) bool { return r.number == e.Type && r.version == e.Version })
	if i < 0 {
		return 1
	}
	return raises()[i].level
}
