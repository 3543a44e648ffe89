package codec

import (
	"encoding/binary"
	"errors"
	"fmt"

	"meridian/eventlog"
	"meridian/keyengine/canonical"
)

// Bounds of an entry of the log.
const (
	MaxEntryBytes   = 4 << 20
	MaxCommands     = 1024
	MaxEvents       = 16384
	MaxSecrets      = 1024
	MaxWrappedBytes = 64 << 10
	maxReplyBytes   = 1 << 20
	dedupBytes      = 32
)

// lengthBytes is the length of a length: unsigned, big-endian.
const lengthBytes = 4

// ErrEntry is wrapped by every error about an entry's frame.
var ErrEntry = errors.New("malformed log entry")

// EncodeEntry makes a log entry: the record, then the secrets, each part after its length. A caller
// that builds a batch stops before MaxEntryBytes.
func EncodeEntry(rec *eventlog.Record, secrets []eventlog.Secret) []byte {
	record := canonical.Marshal(rec)
	beside := canonical.Marshal(secrets)
	entry := make([]byte, 0, len(record)+len(beside)+2*lengthBytes)
	entry = binary.BigEndian.AppendUint32(entry, uint32(len(record)))
	entry = append(entry, record...)
	entry = binary.BigEndian.AppendUint32(entry, uint32(len(beside)))
	return append(entry, beside...)
}

// SplitEntry takes an entry apart. The record's bytes are those that the chain hashes; they are a
// part of data, not a copy.
func SplitEntry(data []byte) (record []byte, secrets []eventlog.Secret, err error) {
	if len(data) > MaxEntryBytes {
		return nil, nil, fmt.Errorf("%w: %d bytes, at most %d", ErrEntry, len(data), MaxEntryBytes)
	}
	record, rest, ok := part(data)
	if !ok {
		return nil, nil, fmt.Errorf("%w: record cut off", ErrEntry)
	}
	beside, rest, ok := part(rest)
	if !ok || len(rest) != 0 {
		return nil, nil, fmt.Errorf("%w: secrets cut off or followed by more", ErrEntry)
	}
	if err := canonical.Unmarshal(beside, &secrets); err != nil {
		return nil, nil, fmt.Errorf("%w: secrets: %w", ErrEntry, err)
	}
	if len(secrets) > MaxSecrets {
		return nil, nil, fmt.Errorf("%w: %d secrets, at most %d", ErrEntry, len(secrets), MaxSecrets)
	}
	for _, s := range secrets {
		if len(s.Wrapped) > MaxWrappedBytes {
			return nil, nil, fmt.Errorf("%w: secret of %d bytes, at most %d", ErrEntry, len(s.Wrapped), MaxWrappedBytes)
		}
	}
	return record, secrets, nil
}

func part(data []byte) (first, rest []byte, ok bool) {
	if len(data) < lengthBytes {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(data)
	rest = data[lengthBytes:]
	if uint64(n) > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:n:n], rest[n:], true
}

// DecodeRecord reads a record. It checks the record's own shape; Decode reads its events.
func DecodeRecord(b []byte) (*eventlog.Record, error) {
	if len(b) > MaxEntryBytes {
		return nil, fmt.Errorf("record of %d bytes: at most %d", len(b), MaxEntryBytes)
	}
	rec := new(eventlog.Record)
	if err := canonical.Unmarshal(b, rec); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if rec.Version == 0 || rec.Version > eventlog.RecordVersion {
		return nil, fmt.Errorf("record version %d is unknown to this program: %w", rec.Version, eventlog.ErrNewer)
	}
	if err := checkRecord(rec); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return rec, nil
}

func checkRecord(rec *eventlog.Record) error {
	if len(rec.Commands) > MaxCommands || len(rec.Events) > MaxEvents {
		return fmt.Errorf("%d commands, %d events: at most %d and %d", len(rec.Commands), len(rec.Events), MaxCommands, MaxEvents)
	}
	events := 0
	for _, c := range rec.Commands {
		switch {
		case c.Events < 0 || c.Events > len(rec.Events):
			return fmt.Errorf("command with %d events", c.Events)
		case len(c.Dedup) != 0 && len(c.Dedup) != dedupBytes:
			return fmt.Errorf("de-duplication key of %d bytes", len(c.Dedup))
		case len(c.Reply) > maxReplyBytes:
			return fmt.Errorf("reply of %d bytes", len(c.Reply))
		}
		events += c.Events
	}
	if events != len(rec.Events) {
		return fmt.Errorf("%d events, but the commands have %d", len(rec.Events), events)
	}
	return nil
}
