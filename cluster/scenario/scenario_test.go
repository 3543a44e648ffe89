package scenario_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/cluster/live"
	"meridian/cluster/scenario"
	"meridian/cluster/virtual"
	"meridian/cluster/world"
)

var update = flag.Bool("update", false, "write the golden transcripts")

// library is the scenarios that come with the program.
func library(t *testing.T) []*scenario.Scenario {
	t.Helper()
	all, err := scenario.Library()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func simulated(t *testing.T, s *scenario.Scenario, seed uint64) world.World {
	t.Helper()
	w, err := virtual.New(virtual.Options{Seed: seed, Regions: s.Regions, Nodes: s.Nodes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestLibrarySaysWhatItTeaches: there are at least thirty, and each says what one learns and which page of AWS's
// documentation it is about.
func TestLibrarySaysWhatItTeaches(t *testing.T) {
	all := library(t)
	if len(all) < 30 {
		t.Errorf("%d scenarios", len(all))
	}
	for _, s := range all {
		if s.Title == "" || !strings.HasSuffix(s.Teaches, ".") || !strings.Contains(s.AWS, ": ") {
			t.Errorf("%s: title %q, teaches %q, aws %q", s.Name, s.Title, s.Teaches, s.AWS)
		}
	}
}

// TestLibraryInTheSimulation plays every scenario of the library in virtual time and compares what it prints. With
// -update it writes that.
func TestLibraryInTheSimulation(t *testing.T) {
	var table strings.Builder
	for _, s := range library(t) {
		t.Run(s.Name, func(t *testing.T) {
			var out bytes.Buffer
			report := scenario.Run(t.Context(), s, simulated(t, s, 1), &out)
			table.WriteString(string(report.Verdict) + "\t" + s.Name + " " + report.Reason + "\n")
			if report.Verdict != scenario.Passed {
				t.Errorf("%s: %s\n%s", report.Verdict, report.Reason, &out)
			}
			golden := filepath.Join("testdata", "sim", s.Name+".txt")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, out.Bytes()) {
				t.Errorf("transcript differs from %s:\n%s", golden, &out)
			}
		})
	}
	t.Log("in the simulation:\n" + table.String())
}

// TestSeedsDecideChances: another seed loses other messages, and the scenario passes all the same.
func TestSeedsDecideChances(t *testing.T) {
	s, err := scenario.Find("lossy-links")
	if err != nil {
		t.Fatal(err)
	}
	transcripts := map[string]bool{}
	for seed := range uint64(10) {
		var first, again bytes.Buffer
		for _, out := range []*bytes.Buffer{&first, &again} {
			if r := scenario.Run(t.Context(), s, simulated(t, s, seed), out); r.Verdict != scenario.Passed {
				t.Errorf("seed %d: %s: %s", seed, r.Verdict, r.Reason)
			}
		}
		if first.String() != again.String() {
			t.Errorf("seed %d does not repeat itself:\n%s\n%s", seed, &first, &again)
		}
		transcripts[first.String()] = true
	}
	if len(transcripts) < 2 {
		t.Error("ten seeds have the same fate")
	}
}

// TestInThisProcess plays scenarios on real nodes: a handful, or all with MERIDIAN_SCENARIOS=all.
func TestInThisProcess(t *testing.T) {
	handful := map[string]bool{
		"replica-stuck-in-creating": true, "promote-during-a-partition": true, "lost-answer-and-retry": true,
		"delete-a-primary-with-replicas": true, "rotation-while-a-replica-is-away": true,
		"lag-holds-a-rotation-back": true, "rolling-restart": true,
	}
	all := os.Getenv("MERIDIAN_SCENARIOS") == "all"
	var table strings.Builder
	for _, s := range library(t) {
		if !all && !handful[s.Name] {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			w, err := live.InProcess(t.Context(), live.Options{Regions: s.Regions, Nodes: s.Nodes})
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			report := scenario.Run(t.Context(), s, w, &out)
			table.WriteString(string(report.Verdict) + "\t" + s.Name + " " + report.Reason + "\n")
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			switch report.Verdict {
			case scenario.Passed:
			case scenario.Skipped:
				t.Skip(report.Reason)
			default:
				t.Errorf("%s: %s\n%s", report.Verdict, report.Reason, &out)
			}
		})
	}
	t.Log("in this process:\n" + table.String())
}

// played plays a text in virtual time.
func played(t *testing.T, text string) (scenario.Report, string) {
	t.Helper()
	s, err := scenario.Parse("test", text)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	return scenario.Run(context.Background(), s, simulated(t, s, 1), &out), out.String()
}
