package node

import (
	"testing"

	"meridian/cluster/layout"
	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/region/keystore"
)

// TestEventsThatAreRecorded gives one record of the log with an event of each kind, and looks at what is recorded.
func TestEventsThatAreRecorded(t *testing.T) {
	ref := keyengine.Ref{Account: "111122223333", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab"}
	current, next := family.MaterialID{1}, family.MaterialID{2}
	rotated := family.Record{Current: next, Materials: []family.Material{{ID: current, Type: family.OnDemand}, {ID: next, Type: family.Automatic}}}
	byCaller := family.Record{Current: current, Materials: rotated.Materials}
	const here, there = "arn:aws:kms:eu-west-1:111122223333:key/", "arn:aws:kms:us-east-1:111122223333:key/"
	due := keyengine.RunDue{}.Operation()
	table := []struct {
		operation string
		event     family.Event
		want      string // name, key, rotation, code; empty: not recorded
	}{
		{"ReceiveRecord", family.ReplicaCreated{}, "CreateKey " + here + "  "},
		{"ReceiveRecord", family.ReplicaRefused{Reason: "LimitExceededException: too many"}, "CreateKey " + here + "  LimitExceededException"},
		{"ReceiveRecord", family.RecordAccepted{Record: family.Record{Primary: "us-east-1"}}, "SynchronizeMultiRegionKey " + there + "  "},
		{"ReceiveRecord", family.PrimaryTaken{}, ""},
		{"ReceiveRecord", family.Frozen{Attempt: 1}, "UpdatePrimaryRegion " + here + "  "},
		{"ReceiveRecord", family.HandoffRefused{Attempt: 1, Reason: "AccessDeniedException: no"}, "UpdatePrimaryRegion " + here + "  AccessDeniedException"},
		{"ReceiveRecord", family.HandoffRefused{Attempt: 1, Reason: "Disabled"}, "UpdatePrimaryRegion " + here + "  KMSInvalidStateException"},
		{due, family.RotationActivated{Record: rotated}, "RotateKey " + here + " AUTOMATIC "},
		{"RotateKeyOnDemand", family.RotationActivated{Record: byCaller}, "RotateKey " + here + " ON_DEMAND "},
		{due, family.KeyDeleted{}, "DeleteKey " + here + "  "},
		{due, family.MaterialErased{Materials: []family.MaterialID{current}}, "DeleteExpiredKeyMaterial " + here + "  "},
		{"DeleteImportedKeyMaterial", family.MaterialErased{Materials: []family.MaterialID{current}}, ""},
		{"EnableKey", family.KeyEnabled{}, ""},
	}
	record := eventlog.Record{Version: eventlog.RecordVersion, Term: 3, At: 1_700_000_000_000}
	var want []string
	for _, row := range table {
		record.Commands = append(record.Commands, eventlog.Command{RequestID: "r", Operation: row.operation, Events: 1})
		record.Events = append(record.Events, codec.Encode(keyengine.FamilyEvent{Ref: ref, Event: row.event}))
		if row.want != "" {
			want = append(want, row.want)
		}
	}
	n := &Node{config: Config{Cluster: layout.Cluster{ID: "c"}, Region: layout.Region{Name: "eu-west-1"}}}
	stored := keystore.Stored{Seq: 7, Record: canonical.Marshal(record)}
	events := n.eventsOf(stored)
	if len(events) != len(want) {
		t.Fatalf("%d events are recorded, want %d: %+v", len(events), len(want), events)
	}
	ids := map[string]bool{}
	for i, e := range events {
		code := ""
		if e.Fault != nil {
			code = e.Fault.Code
		}
		key := e.Key
		key.ID = ""
		if got := e.Name + " " + key.String() + " " + e.RotationType + " " + code; got != want[i] || e.Key.ID != ref.KeyID || e.At != record.At {
			t.Errorf("recorded is %q, want %q: %+v", got, want[i], e)
		}
		ids[e.ID] = true
	}
	if len(ids) != len(events) {
		t.Errorf("%d ids for %d events", len(ids), len(events))
	}
	for i, e := range (&Node{config: n.config}).eventsOf(stored) {
		if e.ID != events[i].ID {
			t.Errorf("another node gives %s the id %s, not %s", e.Name, e.ID, events[i].ID)
		}
	}
}
