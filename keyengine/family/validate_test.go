package family

import (
	"testing"

	"meridian/keyengine/canonical"
)

func TestValidateRecord(t *testing.T) {
	if r := settled(Enabled).Record; r.Validate() != nil {
		t.Fatalf("a good record is refused: %v", r.Validate())
	}
	for name, spoil := range map[string]func(r *Record){
		"no version":             func(r *Record) { r.Version = Version{} },
		"generation of nobody":   func(r *Record) { r.Version.Gen = 1 },
		"version at the end":     func(r *Record) { r.Version.Seq = MaxCount + 1 },
		"no key id":              func(r *Record) { r.KeyID = "" },
		"no members":             func(r *Record) { r.Members = nil },
		"too many members":       func(r *Record) { r.Members = make([]Member, MaxMembers+1) },
		"nameless member":        func(r *Record) { r.Members[0].Region = "" },
		"members unsorted":       func(r *Record) { r.Members[0].Region = "Z" },
		"member twice":           func(r *Record) { r.Members[1].Region = "A" },
		"member from the future": func(r *Record) { r.Members[1].Inc.Seq = 9 },
		"fenced but there":       func(r *Record) { r.Members[1].Fenced = true },
		"primary gone":           func(r *Record) { r.Members[0].Gone = true },
		"primary elsewhere":      func(r *Record) { r.Primary = "C" },
		"writer elsewhere":       func(r *Record) { r.Writer = "C" },
		"writer not primary":     func(r *Record) { r.Writer = "B" },
		"hand-off to nobody":     func(r *Record) { r.Handoff = &Handoff{To: "C"} },
		"hand-off to itself":     func(r *Record) { r.Handoff = &Handoff{To: "A"} },
		"hand-off of old":        func(r *Record) { r.Handoff, r.Attempt = &Handoff{To: "B", Attempt: 1}, 2 },
		"nameless material":      func(r *Record) { r.Materials[0].ID = MaterialID{} },
		"material twice":         func(r *Record) { r.Materials = append(r.Materials, Material{ID: r.Materials[0].ID, Number: 2}) },
		"materials unsorted":     func(r *Record) { r.Materials = append(r.Materials, Material{ID: material("m2"), Number: 1}) },
		"too many materials":     func(r *Record) { r.Materials = make([]Material, MaxMaterials+1) },
		"unlisted current":       func(r *Record) { r.Current = material("m2") },
		"unlisted pending":       func(r *Record) { r.Pending = material("m2") },
	} {
		r := settled(Enabled).Record
		spoil(&r)
		if r.Validate() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

func TestValidateStatus(t *testing.T) {
	good := StatusOf("A", settled(Enabled))
	if err := good.Validate(); err != nil {
		t.Fatalf("a good status is refused: %v", err)
	}
	for name, spoil := range map[string]func(s *Status){
		"nobody's":       func(s *Status) { s.From = "" },
		"no life":        func(s *Status) { s.Inc = Version{} },
		"nothing known":  func(s *Status) { s.Applied = Version{} },
		"no state":       func(s *Status) { s.State = None },
		"unknown state":  func(s *Status) { s.State = Deleted + 1 },
		"holds too much": func(s *Status) { s.Held = make([]MaterialID, MaxHeld+1) },
		"holds twice":    func(s *Status) { s.Held = []MaterialID{material("m1"), material("m1")} },
		"talks too much": func(s *Status) { s.Reason = string(make([]byte, MaxReason+1)) },
	} {
		s := good
		spoil(&s)
		if s.Validate() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

// FuzzReceive gives records and statuses of any content, once valid, to members of all kinds. What
// they decide must evolve, and leave a record that is valid again.
func FuzzReceive(f *testing.F) {
	f.Add(canonical.Marshal(settled(Enabled).Record), canonical.Marshal(StatusOf("B", settled(Enabled))), byte(0))
	f.Add(canonical.Marshal(updating().Record), canonical.Marshal(StatusOf("B", settled(Deleted))), byte(3))
	f.Fuzz(func(t *testing.T, record, status []byte, which byte) {
		members := []*Local{nil, settled(Enabled), updating(), orphaned(), settled(Creating), settled(PendingReplicaDeletion), settled(Deleted)}
		l := &Local{}
		if m := members[int(which)%len(members)]; m != nil {
			l = m
		}
		region := []string{"A", "B", "C"}[int(which/8)%3]
		var commands []Command
		var r Record
		if canonical.Unmarshal(record, &r) == nil && r.Validate() == nil {
			commands = append(commands, ReceiveRecord{Record: r, Carried: ids(r.Materials)})
		}
		var s Status
		if canonical.Unmarshal(status, &s) == nil && s.Validate() == nil {
			commands = append(commands, ReceiveStatus{Status: s, Carried: s.Held})
		}
		for _, c := range append(commands, FinishCreate{}, Tick{}) {
			events, err := Decide(Here{Region: region, HandoffTimeout: 1}, l, c)
			if err != nil {
				t.Fatalf("%T is refused: %v", c, err)
			}
			for _, e := range events {
				Evolve(region, l, e)
				if Describe(e) == "" {
					t.Fatalf("%T has no description", e)
				}
			}
			Obligations(region, l)
			if err := l.Record.Validate(); err != nil && !l.Record.Version.IsZero() {
				t.Fatalf("%T leaves an invalid record: %v", c, err)
			}
		}
	})
}
