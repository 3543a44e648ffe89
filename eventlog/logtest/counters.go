package logtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"meridian/eventlog"
	"meridian/keyengine/canonical"
	"meridian/keyengine/rows"
)

// Counters is a domain whose rows are counters. A record adds to some and deletes others; nothing in
// it is idempotent, so one that is applied twice, or not, shows.
type Counters struct{}

// Event types of Counters.
const (
	Add    uint16 = 1 // adds 1 to the counter named by the body
	Drop   uint16 = 2 // deletes the counter
	Demand uint16 = 3 // demands the secret named by the body
	Forget uint16 = 4 // ends the demand and deletes the secret
)

// Event is an event of Counters about the row named.
func Event(kind uint16, name string) eventlog.Event {
	return eventlog.Event{Type: kind, Version: 1, Body: canonical.Marshal(name)}
}

// Entry is an entry of the log with a record of that stamp.
func Entry(term uint64, at int64, events []eventlog.Event, secrets ...eventlog.Secret) []byte {
	entry := Framed(canonical.Marshal(eventlog.Record{Version: eventlog.RecordVersion, Term: term, At: at, Events: events}))
	if len(secrets) > 0 {
		entry = append(entry, canonical.Marshal(secrets)...)
	}
	return entry
}

// Framed is the beginning of an entry with these bytes as its record, and all of one without secrets.
func Framed(record []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(record))), record...)
}

// AddTo is an entry that adds 1 to each counter named.
func AddTo(term uint64, names ...string) []byte {
	var events []eventlog.Event
	for _, n := range names {
		events = append(events, Event(Add, n))
	}
	return Entry(term, 0, events)
}

// Count reads a counter.
func Count(r rows.Reader, name string) uint64 {
	v, ok := r.Get(counterKey(name))
	if !ok {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// SecretID is the id of the secret of that name.
func SecretID(name string) (id [32]byte) {
	copy(id[:], name)
	return id
}

func counterKey(name string) []byte { return []byte("k/" + name) }
func demandKey(name string) []byte  { return []byte("f/" + name) }

// Split parts an entry into its record and its secrets.
func (Counters) Split(entry []byte) (record []byte, secrets []eventlog.Secret, err error) {
	if len(entry) < 4 {
		return nil, nil, errors.New("short entry")
	}
	n := binary.BigEndian.Uint32(entry)
	if uint64(n) > uint64(len(entry)-4) {
		return nil, nil, errors.New("record is longer than its entry")
	}
	record, rest := entry[4:4+n], entry[4+n:]
	if len(rest) > 0 {
		err = canonical.Unmarshal(rest, &secrets)
	}
	return record, secrets, err
}

// Decode reads a record.
func (Counters) Decode(record []byte) (*eventlog.Record, error) {
	var r eventlog.Record
	if err := canonical.Unmarshal(record, &r); err != nil {
		return nil, err
	}
	for i, e := range r.Events {
		var name string
		if e.Type < Add || e.Type > Forget || e.Version != 1 {
			return nil, fmt.Errorf("event %d: unknown type %d, version %d", i, e.Type, e.Version)
		}
		if err := canonical.Unmarshal(e.Body, &name); err != nil {
			return nil, err
		}
	}
	return &r, nil
}

// Evolve changes counters and demands, and keeps an index row under o/ for each counter.
func (Counters) Evolve(w rows.Writer, _ uint64, r *eventlog.Record) error {
	for _, e := range r.Events {
		var name string
		if err := canonical.Unmarshal(e.Body, &name); err != nil {
			return err
		}
		switch e.Type {
		case Add:
			n := Count(w, name) + 1
			w.Put(counterKey(name), binary.BigEndian.AppendUint64(nil, n))
			w.Put([]byte("o/"+name), []byte{1})
		case Drop:
			w.Delete(counterKey(name))
			w.Delete([]byte("o/" + name))
		case Demand:
			w.Put(demandKey(name), []byte{})
		case Forget:
			id := SecretID(name)
			w.Delete(demandKey(name))
			w.Delete(append([]byte("m/"), id[:]...))
		}
	}
	return nil
}

// Materials yields the ids of the secrets that are demanded.
func (Counters) Materials(r rows.Reader) iter.Seq[[32]byte] {
	return func(yield func([32]byte) bool) {
		for k := range r.Scan([]byte("f/"), nil) {
			if !yield(SecretID(string(k[2:]))) {
				return
			}
		}
	}
}
