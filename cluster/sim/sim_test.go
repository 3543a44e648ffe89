package sim

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// enough is how many seeds must reach everything that needed lists.
const enough = 4000

// TestSeeds runs fresh worlds for MERIDIAN_SIM_SECONDS, 20 if unset, half of them with operators
// who are wrong. MERIDIAN_SIM_SEEDS bounds the number of worlds of each half, MERIDIAN_SIM_BASE is
// the first.
func TestSeeds(t *testing.T) {
	seconds := setting(t, "MERIDIAN_SIM_SECONDS", 20)
	if testing.Short() {
		seconds = 2
	}
	for _, hostile := range []bool{false, true} {
		report := Run(Options{
			For: time.Duration(seconds) * time.Second / 2, Hostile: hostile,
			Seeds: setting(t, "MERIDIAN_SIM_SEEDS", 0), Base: setting(t, "MERIDIAN_SIM_BASE", 0),
		})
		t.Logf("hostile %v: %v\n%v", hostile, report, report.Coverage)
		for _, f := range report.Failures {
			t.Error(f)
		}
		if report.Seeds < enough || len(report.Failures) > 0 {
			continue
		}
		for _, name := range needed(hostile) {
			if report.Coverage[name] == 0 {
				t.Errorf("hostile %v: %q never happened", hostile, name)
			}
		}
	}
}

// needed lists what a run must have reached to say anything. A halt by alarm is not in the list:
// it must never happen.
func needed(hostile bool) []string {
	names := []string{
		"FamilyCreated", "ReplicaAdded", "ReplicaReported", "MemberGone", "HandoffBegun", "HandoffAborted",
		"PrimaryRelinquished", "PrimaryTaken", "RotationStarted", "RotationActivated", "RotationSet",
		"StatusReceived", "RecordAccepted", "ReplicaCreated", "ReplicaRefused", "ReplicaCompleted",
		"MaterialImported", "Frozen", "Thawed", "HandoffRefused", "KeyEnabled", "KeyDisabled",
		"DeletionScheduled", "ReplicaDeletionAwaited", "DeletionCancelled", "KeyDeleted", "StatusAdvanced",
		"done: Encrypt", "fault: Region outage", "fault: broker wiped", "fault: dropped", "fault: one-way cut",
		"fault: record without secrets", "fault: repeated", "fault: swizzled links", "fault: flapping link",
		"fault: broker rolled back", "fault: leader lost, applied", "fault: leader lost, not applied", "retried after a lost leader",
		"MaterialAdded", "MaterialRemoved", "MaterialPlaced", "MaterialErased", "ImportAwaited", "external: rotated",
	}
	commands := []string{
		"Replicate", "UpdatePrimary", "Rotate", "SetRotation", "Enable", "Disable",
		"ScheduleDeletion", "CancelDeletion", "Import (new)", "Import (again)", "DeleteMaterial",
	}
	if !hostile {
		names = append(names, "fault: Region restored", "message of an earlier life", "material lost with a history",
			"FamilySuspended", "PeerHeard", "FamilyResumed", "PrimaryResumed")
	}
	if hostile {
		names = append(names, "MemberFenced", "PrimaryForced", "Orphaned", "OrphanReleased", "MaterialSalvaged",
			"fault: status without secrets", "fault: misjudgement", "FamilyEnded")
		commands = append(commands, "FenceLost", "ForcePromote")
	}
	for _, c := range commands {
		names = append(names, "done: "+c, "refused: "+c)
	}
	return append(names, "done: Rotate (automatic)")
}

func setting(t *testing.T, name string, otherwise uint64) uint64 {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestSeedRepeats holds that a seed is one history: alone, and among others in one world.
func TestSeedRepeats(t *testing.T) {
	o := Options{Hostile: true}
	for seed := range uint64(5) {
		var first, second bytes.Buffer
		Trace(seed, o, &first)
		w := newWorld(o)
		w.run(seed + 100)
		w.trace = &second
		w.run(seed)
		if first.Len() == 0 || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("seed %d has two histories of %d and %d bytes", seed, first.Len(), second.Len())
		}
	}
}

// TestFailureRepeats holds that a seed which breaks a promise breaks it in its trace too, and says
// how to see it. Nothing is sent again here, so most seeds do.
func TestFailureRepeats(t *testing.T) {
	o := Options{Base: 1, Seeds: 20, MaxFailures: 20, noAntiEntropy: true}
	report := Run(o)
	if len(report.Failures) == 0 {
		t.Fatal("a world in which nothing is sent again breaks no promise")
	}
	for _, f := range report.Failures {
		var out bytes.Buffer
		traced := Trace(f.Seed, o, &out)
		if traced == nil || *traced != *f {
			t.Errorf("run: %v\ntrace: %v", f, traced)
		}
		if !strings.Contains(f.Error(), "meridian sim --seed "+strconv.FormatUint(f.Seed, 10)) || !strings.Contains(out.String(), "broken: ") {
			t.Errorf("the failure does not say how to see it again: %v", f)
		}
	}
}

// TestRunStops holds the bounds of a run.
func TestRunStops(t *testing.T) {
	if r := Run(Options{Seeds: 7, Workers: 3}); r.Seeds != 7 {
		t.Errorf("asked for 7 seeds, ran %d", r.Seeds)
	}
	if r := Run(Options{Seeds: 1000, Workers: 2, MaxFailures: 3, noAntiEntropy: true}); len(r.Failures) < 3 || len(r.Failures) > 4 {
		t.Errorf("asked to stop after 3 failures, got %d", len(r.Failures))
	}
}

func BenchmarkSeed(b *testing.B) {
	w := newWorld(Options{})
	for seed := uint64(1); b.Loop(); seed++ {
		if f := w.run(seed); f != nil {
			b.Fatal(f)
		}
	}
}
