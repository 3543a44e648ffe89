package node

import (
	"context"
	"fmt"
	"iter"

	"meridian/cluster/control"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/rows"
	"meridian/region/keystore"
)

// past is a Region's state at a point of its history, of one key alone: every event of that key and of every alias, for
// an alias moves between keys. No other event changes what is shown of the key, so the memory it takes does not grow
// with the log.
type past struct {
	keyID string
	place keyengine.Place
	rows  rows.Memory
	seq   uint64 // of the last record that counts
	at    int64  // its Region time
}

// replay evolves the records up to a point. It reads the log from its first record, and ends early when nobody waits
// for it any more.
func (p *past) replay(ctx context.Context, log iter.Seq[keystore.Stored], until control.Point) error {
	for stored := range log {
		if until.Seq > 0 && stored.Seq > until.Seq {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("replay the event log: %w", err)
		}
		record, err := codec.DecodeRecord(stored.Record)
		if err != nil {
			return fmt.Errorf("replay record %d: %w", stored.Seq, err)
		}
		if until.AtMillis > 0 && record.At > until.AtMillis {
			return nil
		}
		for _, encoded := range record.Events {
			e, err := codec.Decode(encoded)
			if err != nil {
				return fmt.Errorf("replay record %d: %w", stored.Seq, err)
			}
			if p.concerns(e) {
				keyengine.Evolve(&p.rows, p.place, e)
			}
		}
		p.seq, p.at = stored.Seq, record.At
	}
	return nil
}

func (p *past) concerns(e keyengine.Event) bool {
	switch e.(type) {
	case keyengine.AliasCreated, keyengine.AliasUpdated, keyengine.AliasDeleted:
		return true
	}
	return codec.KeyOf(e) == p.keyID
}
