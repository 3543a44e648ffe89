package node

import (
	"encoding/json"
	"time"

	"meridian/cluster/control"
	"meridian/eventlog/codec"
	"meridian/region/keystore"
)

// describe says what the events of a stored record are. A record that this program cannot read would
// have stopped the node before.
func (n *Node) describe(stored keystore.Stored) []control.Event {
	record, err := codec.DecodeRecord(stored.Record)
	if err != nil {
		n.config.Logger.Error("event log row cannot be read", "seq", stored.Seq, "err", err)
		return nil
	}
	at := time.UnixMilli(record.At).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	events := make([]control.Event, 0, len(record.Events))
	command, left := 0, 0 // events of record.Commands[command-1] that are left
	for i, encoded := range record.Events {
		for left == 0 && command < len(record.Commands) {
			left = record.Commands[command].Events
			command++
		}
		left--
		e := control.Event{Region: n.config.Region.Name, Seq: stored.Seq, I: i, Time: at}
		if command > 0 {
			e.RequestID = record.Commands[command-1].RequestID
		}
		var content []byte
		if e.Type, e.Key, content, err = codec.Describe(encoded); err != nil {
			content, _ = json.Marshal(map[string]string{"error": err.Error()})
		}
		e.Data = content
		events = append(events, e)
	}
	return events
}
