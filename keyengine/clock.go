package keyengine

import (
	"iter"

	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// MaxClockOffset is how far, in ms, a Region's time may run ahead of its nodes' clocks: a hundred
// years, so that no date that follows from it leaves what a timestamp can say.
const MaxClockOffset = 100 * 366 * 24 * 60 * 60 * 1000

// AdvanceClock sets how far this Region's time runs ahead of its nodes' clocks, in ms. The offset is
// absolute, so that it may be given twice, and never falls: time does not go back.
type AdvanceClock struct{ Offset int64 }

// ClockAdvanced is a greater offset of this Region's time. The record that holds it is dated by the old
// one: what comes after it follows the new.
type ClockAdvanced struct {
	OffsetMillis int64 `cbor:"1,keyasint"`
}

// Operation implements Command.
func (AdvanceClock) Operation() string { return "AdvanceClock" }

func (c AdvanceClock) decide(d *draft) (any, error) {
	if c.Offset < 0 || c.Offset > MaxClockOffset {
		return nil, fault(kmsapi.ValidationException, "clock offset %d ms is not between 0 and %d", c.Offset, int64(MaxClockOffset))
	}
	if c.Offset > d.ClockOffset() {
		d.emit(ClockAdvanced{OffsetMillis: c.Offset})
	}
	return nil, nil
}

func (e ClockAdvanced) evolve(s state) { s.raise(rowClock, uint64(e.OffsetMillis)) }

// ClockOffset returns how far this Region's time runs ahead of its nodes' clocks, in ms.
func (v *View) ClockOffset() int64 { return int64(counter(v.rows, rowClock)) }

// Work is something that time alone will do to a key.
type Work struct {
	Ref  Ref
	At   int64 // Region time, ms since 1970 UTC
	What string
}

// Waiting yields the work that is not due before a time, the earliest first.
func (v *View) Waiting(from int64) iter.Seq[Work] {
	after := dueRow(from, Ref{})[:len(prefixDue)+8] // less than any row of that millisecond
	return func(yield func(Work) bool) {
		for k := range v.rows.Scan([]byte(prefixDue), after) {
			w := Work{Ref: parseRef(k[len(prefixDue)+9:]), At: dueTime(k)}
			w.What = v.dueWhat(w)
			if !yield(w) {
				return
			}
		}
	}
}

// dueWhat says what the family has to do at its time.
func (v *View) dueWhat(w Work) string {
	l, ok := v.Family(w.Ref)
	switch {
	case !ok:
	case l.State == family.PendingDeletion && l.DeletionAt == w.At:
		return "deletion"
	case l.Record.Handoff != nil && l.HandoffAt+shortestHandoff == w.At:
		return "end of the hand-off"
	case l.Record.Rotation.NextAt == w.At:
		return "automatic rotation"
	default:
		if at, expires := family.Expiry(l); expires && at == w.At {
			return "expiry of imported key material"
		}
	}
	return "work"
}
