package cluster

import (
	"encoding/json"
	"slices"

	"meridian/cluster/control"
)

// FellDue is something that happened because its time had come, or as a consequence of that.
type FellDue struct {
	Time   string `json:"time"` // RFC 3339, Region time
	Region string `json:"region"`
	Key    string `json:"key"`   // key id
	Event  string `json:"event"` // its type
	What   string `json:"what"`
}

// meaning says what an event tells people; false: a caller's request led to it, or it is only how Regions follow
// each other.
func meaning(e control.Event) (FellDue, bool) {
	f := FellDue{Time: e.Time, Region: e.Region, Key: e.Key, Event: e.Type}
	if e.RequestID != "" || e.Key == "" || slices.Contains(talk(), e.Type) {
		return f, false
	}
	var data struct {
		At     int64  `json:"at"`
		Region string `json:"region"`
		Reason string `json:"reason"`
	}
	_ = json.Unmarshal(e.Data, &data) // what is missing is left out
	switch e.Type {
	case "KeyDeleted":
		f.What = "deleted"
	case "DeletionScheduled":
		f.What = "last replica gone, will be deleted at " + stampOf(data.At)
	case "MemberGone":
		f.What = "replica in " + data.Region + " gone"
	case "RotationStarted":
		f.What = "automatic rotation begun"
	case "RotationActivated":
		f.What = "new key material in use"
	case "PrimaryTaken":
		f.What = "primary role taken"
	case "HandoffAborted":
		f.What = "hand-off of the primary role given up"
		if data.Reason != "" {
			f.What += ": " + data.Reason
		}
	default:
		f.What = e.Type
	}
	return f, true
}

// talk are the events by which Regions follow each other.
func talk() []string {
	return []string{
		"MaterialsWrapped", "StatusReceived", "StatusAdvanced", "RecordAccepted", "ReplicaReported", "MaterialImported", "ReplicaCompleted",
		"MaterialSalvaged", "KeyCreated", "ReplicaCreated", "Frozen", "Thawed",
		"PrimaryRelinquished", "FamilyEnded", "FamilySuspended", "PeerHeard", "FamilyResumed",
	}
}
