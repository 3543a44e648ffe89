package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestScenarios plays scenarios of the library on real processes: thirteen, or all with MERIDIAN_SCENARIOS=all.
func TestScenarios(t *testing.T) {
	c := breakable(t)
	names := []string{
		"replica-stuck-in-creating", "promote-during-a-partition", "lost-answer-and-retry", "two-promotions-from-two-sides",
		"rotation-while-a-replica-is-away", "independent-properties-stay-local", "reimport-in-one-region", "one-way-cut",
		"updating-refuses-management", "decrypt-through-every-fault", "synchronisation-is-paused", "fence-a-lost-replica",
		"rolling-restart",
	}
	if os.Getenv("MERIDIAN_SCENARIOS") == "all" {
		names = nil
		var all []struct{ Name string }
		out, err := c.run("scenario", "list", "-o", "json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			names = append(names, s.Name)
		}
	}
	var table strings.Builder
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			out, err := c.run("scenario", "run", name, "--world", "cluster", "--fencing")
			lines := strings.Split(strings.TrimSpace(out), "\n")
			last := lines[len(lines)-1]
			table.WriteString(name + ": " + last + "\n")
			if strings.HasPrefix(last, "skipped: ") {
				t.Skip(last)
			}
			if err != nil {
				t.Error(err)
				if err := c.mend(); err != nil { // the next one is not to fail for it
					t.Error(err)
				}
			}
		})
	}
	t.Log("on real processes:\n" + table.String())
}
