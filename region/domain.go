package region

import (
	"fmt"
	"iter"

	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/rows"
)

// Domain is what records mean to this Region. The store applies every record through it, and
// verification replays them through it.
type Domain struct{ Place keyengine.Place }

// Split parts an entry of the log into the record and the secrets beside it.
func (d Domain) Split(entry []byte) (record []byte, secrets []eventlog.Secret, err error) {
	return codec.SplitEntry(entry)
}

// Decode reads a record.
func (d Domain) Decode(record []byte) (*eventlog.Record, error) { return codec.DecodeRecord(record) }

// Evolve makes a record part of the state in w. An error means that this program is too old for the
// record or that the record is damaged: a node that meets one stops.
func (d Domain) Evolve(w rows.Writer, _ uint64, rec *eventlog.Record) error {
	for i, encoded := range rec.Events {
		e, err := codec.Decode(encoded)
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		keyengine.Evolve(w, d.Place, e)
	}
	for _, c := range rec.Commands {
		reply, err := rememberedReply(c)
		if err != nil {
			return fmt.Errorf("command %s: %w", c.RequestID, err)
		}
		keyengine.EvolveCommand(w, rec.At, c.Dedup, c.Operation, reply)
	}
	return nil
}

// rememberedReply is the JSON that a command's repeat is answered with; nil: nothing is remembered.
func rememberedReply(c eventlog.Command) (reply []byte, err error) {
	if len(c.Dedup) == 0 {
		return nil, nil
	}
	err = canonical.Unmarshal(c.Reply, &reply)
	return reply, err
}

// Materials yields the ids of the materials whose secrets the state demands.
func (d Domain) Materials(r rows.Reader) iter.Seq[[32]byte] {
	return func(yield func([32]byte) bool) {
		for _, id := range keyengine.NewView(r, d.Place).Materials() {
			if !yield(id) {
				return
			}
		}
	}
}

// CheckIndexes returns how the derived rows differ from what the state demands.
func (d Domain) CheckIndexes(r rows.Reader) []string { return keyengine.CheckIndexes(r, d.Place) }
