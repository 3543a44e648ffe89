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
