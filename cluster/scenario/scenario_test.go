package scenario_test

import (
	"bytes"
	"testing"

	"meridian/cluster/scenario"
	"meridian/cluster/virtual"
)

// TestLibraryInTheSimulation plays every scenario of the library in virtual time.
func TestLibraryInTheSimulation(t *testing.T) {
	all, err := scenario.Library()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			w, err := virtual.New(virtual.Options{Seed: 1, Regions: s.Regions, Nodes: s.Nodes})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			var out bytes.Buffer
			report := scenario.Run(t.Context(), s, w, &out)
			t.Log(out.String())
			if report.Verdict != scenario.Passed {
				t.Errorf("%s: %s", report.Verdict, report.Reason)
			}
		})
	}
}
