package keyengine

import "meridian/keyengine/kmsapi"

// LevelCaller is the feature level from which on a family's record says who asked for a replica or for a hand-off, so that
// the other Region decides about the same caller also when the record is all that it hears.
const LevelCaller = 2

// RaiseLevel lets the log of this Region hold the events of a feature level, for ever: all members of its log must know
// them. A level that the Region has is no error.
type RaiseLevel struct{ Level uint32 }

// LevelRaised is a greater feature level. From the next event on, what the level brings may be in the log: a program
// that does not know the level stops at this event.
type LevelRaised struct {
	Level uint32 `cbor:"1,keyasint"`
}

// PeerLevelSeen is the feature level that another Region announced last. It came with LevelCaller.
type PeerLevelSeen struct {
	Region string `cbor:"1,keyasint"`
	Level  uint32 `cbor:"2,keyasint"`
}

// Operation implements Command.
func (RaiseLevel) Operation() string { return "RaiseLevel" }

func (c RaiseLevel) decide(d *draft) (any, error) {
	if c.Level > FeatureLevel {
		return nil, fault(kmsapi.ValidationException, "feature level %d: this program knows %d", c.Level, FeatureLevel)
	}
	if c.Level > d.Level() {
		d.emit(LevelRaised(c))
	}
	return nil, nil
}

func (e LevelRaised) evolve(s state) { s.raise(rowLevel, uint64(e.Level)) }

// Level returns the feature level of this Region, from 1: the greatest whose events its log may hold.
func (v *View) Level() uint32 { return uint32(max(counter(v.rows, rowLevel), 1)) }

// An announcement is what a Region says of itself now; a Region in a new life may be at a lower level than before.
func (e PeerLevelSeen) evolve(s state) { s.set(prefixPeerLevel+e.Region, uint64(e.Level)) }

// PeerLevel returns the feature level that another Region announced last, from 1. One that was never heard may be at the
// first.
func (v *View) PeerLevel(region string) uint32 {
	return uint32(max(counter(v.rows, prefixPeerLevel+region), 1))
}

// SharedLevel returns the greatest feature level that this Region and all of regions are known to be at: what a family's
// record may use, for any of them may come to hold it. Who names no Regions may mean any, so it is the first then.
func (v *View) SharedLevel(regions []string) uint32 {
	if len(regions) == 0 {
		return 1
	}
	least := v.Level()
	for _, region := range regions {
		if region != v.place.Region {
			least = min(least, v.PeerLevel(region))
		}
	}
	return least
}

// recordable is a caller as far as a family's record may say who asked.
func (d *draft) recordable(caller []byte) []byte {
	if d.SharedLevel(d.facts.Regions) < LevelCaller {
		return nil
	}
	return caller
}
