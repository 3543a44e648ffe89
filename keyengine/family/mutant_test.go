//go:build mutants

package family

import (
	"strings"
	"testing"
)

// TestStaleConsentKills plants the one defect that random histories find too rarely. It must break
// the story of the stale consent: the role goes to a disabled key, which halts.
func TestStaleConsentKills(t *testing.T) {
	const story = `
		A create m1
		A replicate B
		A -> B record
		B finish
		B -> A status
		A update-primary B
		A -> B record
		B -> A status as stale
		wait 1h
		A tick
		A -> B record
		B disable
		A update-primary B
		deliver stale
		A -> B record
	`
	defer Plant("")
	for _, planted := range []Mutant{"", NoAttemptCheck} {
		Plant(planted)
		if got, want := strings.Contains(play(t, story), "AlarmRaised"), planted != ""; got != want {
			t.Errorf("planted %q: alarm %v, want %v", planted, got, want)
		}
	}
}
