package sim

import (
	"bytes"
	"reflect"

	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

// decide asks the protocol. In sampled seeds it looks whether the question changed the state.
func (w *world) decide(r int, l *family.Local, c family.Command) ([]family.Event, error) {
	if !w.sampled() {
		return family.Decide(w.here(r), l, c)
	}
	before := canonical.Marshal(*l)
	events, err := family.Decide(w.here(r), l, c)
	if !bytes.Equal(before, canonical.Marshal(*l)) {
		w.fail(DecideIsPure, "%T in %s changed the state", c, regionNames[r])
	}
	return events, err
}

// checkReplay takes each member's events through their stored form and replays them from nothing.
func (w *world) checkReplay() {
	for r := range w.regions {
		for k := range keyCount {
			m := &w.regions[r].keys[k]
			var replayed family.Local
			for _, e := range m.log {
				stored, err := throughStore(e)
				if err != nil {
					w.fail(EvolveIsReplay, "%s of %s cannot be read again: %v", family.EventName(e), regionNames[r], err)
					return
				}
				family.Evolve(regionNames[r], &replayed, stored)
			}
			if !bytes.Equal(canonical.Marshal(replayed), canonical.Marshal(m.local)) {
				w.fail(EvolveIsReplay, "key %d: %s differs from its events", k, regionNames[r])
			}
		}
	}
}

// throughStore encodes and decodes e.
func throughStore(e family.Event) (family.Event, error) {
	fresh := reflect.New(reflect.TypeOf(e))
	if err := canonical.Unmarshal(canonical.Marshal(e), fresh.Interface()); err != nil {
		return nil, err
	}
	return fresh.Elem().Interface().(family.Event), nil
}
