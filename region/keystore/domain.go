package keystore

import (
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
