package family

import (
	"errors"
	"reflect"
	"slices"
	"testing"
)

// settled returns a member of region A in state, the primary of a family with a replica in B.
func settled(state State) *Local {
	first := Version{Epoch: 1}
	l := &Local{
		State: state, Complete: state != Creating, Inc: first, Held: []MaterialID{material("m1")},
		Record: Record{
			Version: Version{Epoch: 1, Seq: 2}, Account: "111122223333", KeyID: "mrk-1", Primary: "A", Writer: "A", Multi: true, Origin: "AWS_KMS",
			Members:   []Member{{Region: "A", Inc: first}, {Region: "B", Inc: Version{Epoch: 1, Seq: 1}}},
			Materials: []Material{{ID: material("m1"), Number: 1}}, Current: material("m1"),
		},
	}
	l.View = []Status{{From: "B", Inc: Version{Epoch: 1, Seq: 1}, SV: 1, State: Enabled, Complete: true, Applied: l.Record.Version, Held: l.Held}}
	return l
}

func updating() *Local {
	l := settled(Enabled)
	l.Updating = true
	l.Record.Handoff, l.Record.Attempt = &Handoff{To: "B", Attempt: 1}, 1
	return l
}

func orphaned() *Local {
	l := settled(Deleted)
	l.Orphan = true
	return l
}

func halted() *Local {
	l := settled(Enabled)
	l.Halted = "a broken promise"
	return l
}

// TestStates holds each command of a caller against each state of a primary. 0 means done.
func TestStates(t *testing.T) {
	states := []struct {
		name string
		l    *Local
	}{
		{"Enabled", settled(Enabled)},
		{"Disabled", settled(Disabled)},
		{"PendingDeletion", settled(PendingDeletion)},
		{"PendingReplicaDeletion", settled(PendingReplicaDeletion)},
		{"PendingImport", settled(PendingImport)},
		{"Creating", settled(Creating)},
		{"Updating", updating()},
		{"Deleted", settled(Deleted)},
		{"None", nil},
		{"orphan", orphaned()},
		{"halted", halted()},
	}
	const done = Cause(0)
	for _, row := range []struct {
		command Command
		want    []Cause
	}{
		{Replicate{To: "C"}, []Cause{done, StateDisabled, StatePending, StatePending, StatePendingImport, StateCreating, StateUpdating, NotFound, NotFound, StateOrphan, StateHalted}},
		{UpdatePrimary{To: "B"}, []Cause{done, StateDisabled, StatePending, StatePending, StatePendingImport, StateCreating, done, NotFound, NotFound, StateOrphan, StateHalted}},
		{Rotate{Material: material("m2")}, []Cause{done, StateDisabled, StatePending, StatePending, StatePendingImport, StateCreating, StateUpdating, NotFound, NotFound, StateOrphan, StateHalted}},
		{SetRotation{Rotation{Enabled: true}}, []Cause{done, StateDisabled, StatePending, StatePending, StatePendingImport, StateCreating, done, NotFound, NotFound, StateOrphan, StateHalted}},
		{Enable{}, []Cause{done, done, StatePending, StatePending, StatePendingImport, StateCreating, StateUpdating, NotFound, NotFound, StateOrphan, StateHalted}},
		{Disable{}, []Cause{done, done, StatePending, StatePending, StatePendingImport, StateCreating, StateUpdating, NotFound, NotFound, StateOrphan, StateHalted}},
		{ScheduleDeletion{7}, []Cause{done, done, StatePending, StatePending, done, done, StateUpdating, NotFound, NotFound, StateOrphan, StateHalted}},
		{ImportMaterial{Import: Import{ID: material("m1")}}, []Cause{NotImportable, NotImportable, StatePending, StatePending, NotImportable, StateCreating, NotImportable, NotFound, NotFound, StateOrphan, StateHalted}},
		{DeleteMaterial{}, []Cause{NotImportable, NotImportable, NotImportable, NotImportable, NotImportable, StateCreating, StateUpdating, NotFound, NotFound, StateOrphan, StateHalted}},
		{CancelDeletion{}, []Cause{NotPendingDeletion, NotPendingDeletion, done, done, NotPendingDeletion, NotPendingDeletion, NotPendingDeletion, NotFound, NotFound, StateOrphan, StateHalted}},
	} {
		for i, state := range states {
			_, err := Decide(Here{Region: "A", HandoffTimeout: 1}, state.l, row.command)
			got := done
			var refusal *Refusal
			if errors.As(err, &refusal) {
				got = refusal.Cause
			}
			if got != row.want[i] {
				t.Errorf("%T in state %s: got %v, want %v", row.command, state.name, got, row.want[i])
			}
		}
	}
}

// TestDecideLeavesItsArgument runs commands that change every slice of a member.
func TestDecideLeavesItsArgument(t *testing.T) {
	heard := ReceiveStatus{Status: Status{From: "B", Inc: Version{Epoch: 1, Seq: 1}, SV: 2, State: Deleted, Applied: Version{Epoch: 1, Seq: 2}, Held: []MaterialID{material("m3")}}, Carried: []MaterialID{material("m3")}}
	for _, c := range []Command{
		Replicate{To: "C"}, Replicate{To: "0"}, Rotate{Material: material("m2")}, FenceLost{Region: "B"}, heard,
	} {
		l, same := settled(Enabled), settled(Enabled)
		l.Record.Materials = append(make([]Material, 0, 8), l.Record.Materials...) // room to write by mistake
		l.Record.Members = append(make([]Member, 0, 8), l.Record.Members...)
		l.View = append(make([]Status, 0, 8), l.View...)
		l.Held = append(make([]MaterialID, 0, 8), l.Held...)
		events, err := Decide(Here{Region: "A", HandoffTimeout: 1}, l, c)
		if err != nil || len(events) == 0 {
			t.Fatalf("%T: %v, %v", c, events, err)
		}
		if !reflect.DeepEqual(l, same) || !zero(l) {
			t.Errorf("%T changed its argument", c)
		}
	}
}

// zero reports whether the room behind the slices of l is untouched.
func zero(l *Local) bool {
	for _, m := range l.Record.Materials[len(l.Record.Materials):cap(l.Record.Materials)] {
		if m != (Material{}) {
			return false
		}
	}
	for _, m := range l.Record.Members[len(l.Record.Members):cap(l.Record.Members)] {
		if m != (Member{}) {
			return false
		}
	}
	for _, id := range l.Held[len(l.Held):cap(l.Held)] {
		if !id.IsZero() {
			return false
		}
	}
	return true
}

// TestEventsAreNumbered holds the order of the list that stored logs rely on.
func TestEventsAreNumbered(t *testing.T) {
	want := []string{
		"FamilyCreated", "ReplicaAdded", "ReplicaReported", "MemberGone", "MemberFenced",
		"HandoffBegun", "HandoffAborted", "PrimaryRelinquished", "PrimaryTaken", "PrimaryForced",
		"RotationStarted", "RotationActivated", "RotationSet", "MaterialSalvaged", "StatusReceived",
		"RecordAccepted", "ReplicaCreated", "ReplicaRefused", "ReplicaCompleted", "MaterialImported",
		"Frozen", "Thawed", "HandoffRefused", "KeyEnabled", "KeyDisabled",
		"DeletionScheduled", "ReplicaDeletionAwaited", "DeletionCancelled", "KeyDeleted",
		"Orphaned", "OrphanReleased", "StatusAdvanced", "AlarmRaised",
		"MaterialAdded", "MaterialRemoved", "MaterialPlaced", "MaterialErased", "ImportAwaited",
		"PrimaryResumed", "FamilyEnded", "FamilySuspended", "PeerHeard", "FamilyResumed",
	}
	var got []string
	for _, e := range Events() {
		got = append(got, EventName(e))
	}
	if !slices.Equal(got, want) {
		t.Errorf("events are\n%q, want\n%q", got, want)
	}
}

// TestMaterialsOfARotation holds what a caller sees of a rotation.
func TestMaterialsOfARotation(t *testing.T) {
	l := settled(Enabled)
	l.Record.Members = l.Record.Members[:1]
	l.Record.Rotation = Rotation{Enabled: true, PeriodDays: 90, NextAt: 5}
	events, err := Decide(Here{Region: "A", Now: 1000}, l, Rotate{Material: material("m2"), Type: Automatic})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		Evolve("A", l, e)
	}
	want := []Material{{ID: material("m1"), Number: 1}, {ID: material("m2"), Number: 2, CreatedAt: 1000, Type: Automatic, RotatedAt: 1000}}
	if !slices.Equal(l.Record.Materials, want) || l.Record.Current != material("m2") || !l.Record.Pending.IsZero() || l.Record.PendingAt != 0 {
		t.Errorf("record is %+v", l.Record)
	}
	if next := 1000 + 90*day; l.Record.Rotation.NextAt != next {
		t.Errorf("next rotation at %d, want %d", l.Record.Rotation.NextAt, next)
	}
}
