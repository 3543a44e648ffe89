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
		if err := d.allows(w, encoded, e); err != nil {
			return fmt.Errorf("event %d (%s): %w", i, codec.Name(encoded), err)
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

// allows refuses an event that the feature level has no place for: one that begins a level beyond this program, and one
// of a level that the log has not begun, which no program of this Region may have written.
func (d Domain) allows(r rows.Reader, encoded eventlog.Event, e keyengine.Event) error {
	if raised, ok := e.(keyengine.LevelRaised); ok && raised.Level > keyengine.FeatureLevel {
		return fmt.Errorf("the Region goes on at feature level %d, this program knows %d: %w", raised.Level, keyengine.FeatureLevel, eventlog.ErrNewer)
	}
	if needs := codec.Level(encoded); needs > 1 && needs > d.Level(r) {
		return fmt.Errorf("version %d needs feature level %d, the Region has %d", encoded.Version, needs, d.Level(r))
	}
	return nil
}

// Level is the feature level that the state has reached.
func (d Domain) Level(r rows.Reader) uint32 { return keyengine.NewView(r, d.Place).Level() }

// Newest is the newest feature level that this program knows.
func (d Domain) Newest() uint32 { return keyengine.FeatureLevel }

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

// Queue is the prefix of the rows by which replies are forgotten, the oldest first.
func (d Domain) Queue() []byte { return keyengine.OldestReplies() }

// CheckIndexes returns how the derived rows differ from what the state demands.
func (d Domain) CheckIndexes(r rows.Reader) []string { return keyengine.CheckIndexes(r, d.Place) }
