package keyengine

import (
	"encoding/binary"

	"meridian/keyengine/rows"
)

// RememberedFor is how long, in ms of logged time, the reply of a command answers its repeats.
const RememberedFor = 15 * 60 * 1000

// forgetAtOnce bounds how many expired replies one command of a record removes. It is more than one,
// so that the rows shrink when the load falls.
const forgetAtOnce = 4

// remembered is the value of a row d/r/.
type remembered struct {
	Operation string `cbor:"1,keyasint"`
	Reply     []byte `cbor:"2,keyasint"`
	Until     int64  `cbor:"3,keyasint"`
}

func replyRow(dedup []byte) []byte { return append([]byte(prefixReply), dedup...) }

func expiryRow(until int64, dedup []byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte(prefixExpiry), uint64(until))
	return append(b, dedup...)
}

// OldestReplies is the prefix of the rows of which each command takes out the first ones, whose time is over.
func OldestReplies() []byte { return []byte(prefixExpiry) }

// EvolveCommand is the part of a record that belongs to one of its commands: the reply by which a
// repeat is answered, and the removal of what is of no use any more: replies whose time is over and
// grants of deleted keys. at is the record's time; dedup
// is empty where there is nothing to remember. Call it once for each command, in order, after the
// record's events.
func EvolveCommand(w rows.Writer, at int64, dedup []byte, operation string, reply []byte) {
	s := state{Writer: w}
	s.sweepGrants()
	for _, k := range keysWith(s, []byte(prefixExpiry), forgetAtOnce) {
		tail := k[len(prefixExpiry):]
		if len(tail) < 8 || int64(binary.BigEndian.Uint64(tail)) > at {
			break
		}
		s.Delete(replyRow(tail[8:]))
		s.Delete(k)
	}
	if len(dedup) == 0 {
		return
	}
	if old, ok := load[remembered](s, replyRow(dedup)); ok {
		s.Delete(expiryRow(old.Until, dedup))
	}
	until := at + RememberedFor
	s.put(replyRow(dedup), &remembered{Operation: operation, Reply: reply, Until: until})
	s.mark(expiryRow(until, dedup))
}

// Remembered returns what the command under this de-duplication key was and what it was answered.
func (v *View) Remembered(dedup []byte) (operation string, reply []byte, ok bool) {
	m, ok := load[remembered](v.rows, replyRow(dedup))
	if !ok {
		return "", nil, false
	}
	return m.Operation, m.Reply, true
}
