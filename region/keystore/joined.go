package keystore

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// unflushedTables is how many of the database's tables in memory, at the most, were in its write-ahead log alone. Two it
// keeps; the rest is room for batches that have a log of their own.
const unflushedTables = 4

// joined refuses a state with a hole in it. The database begins with the tables that its MANIFEST names and replays what
// it finds of its write-ahead log on top, and never asks whether the one joins on to the other: where a damaged byte cuts
// the MANIFEST short, the newest batches are put on tables of long ago. Each batch with a record has its row of the event
// log, so a hole is one there, and lies no deeper than the write-ahead log reaches.
func (g *generation) joined(m Meta, deep uint64) error {
	it, err := g.db.NewIter(&pebble.IterOptions{LowerBound: []byte("e/"), UpperBound: end([]byte("e/"))})
	if err != nil {
		return fmt.Errorf("read event log: %w", err)
	}
	defer it.Close() // its error is that of Error
	next := Stored{Seq: m.Seq + 1}
	for ok := it.Last(); ok && deep > 0; ok = it.Prev() {
		value, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("read event log: %w", err)
		}
		e, err := decodeStored(it.Key(), value)
		if err != nil {
			return err
		}
		if err := e.before(next, m); err != nil {
			return err
		}
		next, deep = e, deep-min(deep, uint64(len(value)))
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("read event log: %w", err)
	}
	if deep == 0 {
		return nil
	}
	return Stored{Chain: ChainStart(m.ClusterID, m.Region, m.Life)}.before(next, m)
}

// before refuses a record, or the beginning of all, that next does not follow on. Next is behind the last record where
// its seq is.
func (e Stored) before(next Stored, m Meta) error {
	switch {
	case e.Seq+1 != next.Seq:
		return fmt.Errorf("it is damaged: record %d follows record %d", next.Seq, e.Seq)
	case next.Seq <= m.Seq && ChainNext(e.Chain, next.Record) != next.Chain:
		return fmt.Errorf("it is damaged: the chain breaks at record %d", next.Seq)
	case next.Seq > m.Seq && (e.Chain != m.Chain || e.Digest != m.Digest):
		return errors.New("it is damaged: its last record is not the one that its position names")
	}
	return nil
}
