package codec

import (
	"slices"

	"meridian/eventlog"
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
