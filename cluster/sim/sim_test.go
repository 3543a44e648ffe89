package sim

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// TestSeeds runs fresh worlds for MERIDIAN_SIM_SECONDS, half of them with operators who are wrong.
func TestSeeds(t *testing.T) {
	seconds := setting(t, "MERIDIAN_SIM_SECONDS", 20)
	for _, hostile := range []bool{false, true} {
		report := Run(Options{For: time.Duration(seconds) * time.Second / 2, Seeds: setting(t, "MERIDIAN_SIM_SEEDS", 0), Base: setting(t, "MERIDIAN_SIM_BASE", 0), Hostile: hostile})
		t.Logf("hostile %v: %v", hostile, report)
		t.Logf("coverage:\n%v", report.Coverage)
		for _, f := range report.Failures {
			t.Error(f)
		}
	}
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
