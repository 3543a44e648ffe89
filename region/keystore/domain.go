package keystore

import (
	"fmt"
	"iter"

	"meridian/eventlog"
	"meridian/keyengine/rows"
)

// Domain gives the bytes of the log their meaning. Its methods are functions of their arguments
// alone: the same record on the same rows makes the same rows on every node.
//
// An error of Split, Decode or Evolve on a committed entry stops the node. To skip what one cannot
// read would be to differ from the nodes that can.
type Domain interface {
	// Split parts an entry of the log into the record and the secrets beside it.
	Split(entry []byte) (record []byte, secrets []eventlog.Secret, err error)
	// Decode reads a record, down to its last event: an unknown event type or version is an error.
	Decode(record []byte) (*eventlog.Record, error)
	// Evolve changes the rows by the events of a decoded record, and by what its commands leave
	// behind for their repeats. Seq is the record's own. Rows under e/ and x/ are out of its reach;
	// those under m/ it may delete but must not read, since a replay of the event log has none.
	Evolve(w rows.Writer, seq uint64, record *eventlog.Record) error
	// Materials yields the ids of the secrets that the rows demand, in any order; Verify holds
	// them against m/.
	Materials(r rows.Reader) iter.Seq[[32]byte]
}

// IndexChecker is a Domain that can recompute its derived rows (o/, t/) from the others. Verify asks
// it, since a replay alone would repeat a mistake of Evolve.
type IndexChecker interface {
	// CheckIndexes says what differs, a line for each row.
	CheckIndexes(r rows.Reader) []string
}

// Leveled is a Domain whose log may come to hold what older programs do not know. A Domain that is not has one level.
type Leveled interface {
	// Level is the feature level that the rows have reached, from 1.
	Level(r rows.Reader) uint32
	// Newest is the newest feature level that this program knows. A state that has reached a higher one is refused.
	Newest() uint32
}

func levelOf(d Domain, r rows.Reader) uint32 {
	if l, ok := d.(Leveled); ok {
		return l.Level(r)
	}
	return 1
}

func newestOf(d Domain) uint32 {
	if l, ok := d.(Leveled); ok {
		return l.Newest()
	}
	return 1
}

// knows refuses rows of a feature level that this program does not know.
func knows(d Domain, level uint32) error {
	if newest := newestOf(d); level == 0 || level > newest {
		return fmt.Errorf("the state has feature level %d, this program knows %d: %w", level, newest, eventlog.ErrNewer)
	}
	return nil
}
