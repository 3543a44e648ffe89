//go:build mutants

package sim

import (
	"testing"

	"meridian/keyengine/family"
)

const (
	mutantSeeds   = 20_000
	harmlessSeeds = 20_000
)

// TestMutantsDie plants one defect after another. A simulation that does not find them proves
// nothing when it finds nothing. Run it with -tags mutants; -v prints the list.
func TestMutantsDie(t *testing.T) {
	defer family.Plant("")
	for _, mutant := range []struct {
		name    family.Mutant
		hostile bool
		rare    bool // the random run need not find it within so few seeds; see the list in keyengine/family/DESIGN.md
	}{
		{name: family.ActivateEarly},
		{name: family.NoVerCheck},
		{name: family.CreateBeforeMats},
		{name: family.LateRelinquish},
		{name: family.NoFreeze},
		{name: family.NoTombstone},
		{name: family.PendDelIsGone},
		{name: family.UnfreezeAlone},
		{name: family.NoAttemptCheck, rare: true},
		{name: family.NoSalvage, hostile: true},
		{name: family.NoSuspension},
		{name: family.SameEpoch},
		{name: family.OldNumbers},
		{name: family.OldAnswers, rare: true},
		{name: family.OldWorld, rare: true},
		{name: family.EarlyRelease, rare: true},
		{name: family.SecondHand, rare: true},
		{name: family.OtherTerms, rare: true},
		{name: family.RotateUnheld},
		{name: family.KeepStrays},
		{name: family.StayEnabled},
		{name: "NoAntiEntropy"},
		{name: "NoLifeCheck", rare: true},
	} {
		t.Run(string(mutant.name), func(t *testing.T) {
			family.Plant(mutant.name)
			report := Run(Options{
				Seeds: mutantSeeds, Hostile: mutant.hostile, Workers: 1, MaxFailures: 1,
				noAntiEntropy: mutant.name == "NoAntiEntropy", noLifeCheck: mutant.name == "NoLifeCheck",
			})
			switch {
			case len(report.Failures) > 0:
				f := report.Failures[0]
				t.Logf("%-16s dies at seed %-6d %s: %s", mutant.name, f.Seed, f.Invariant, f.Detail)
			case mutant.rare:
				t.Logf("%-16s survives %d seeds", mutant.name, report.Seeds)
			default:
				t.Errorf("%s survives %d seeds", mutant.name, report.Seeds)
			}
		})
	}
}

// TestHarmlessMutantSurvives holds that NoIncCheck changes nothing one can see: a member made anew
// cannot be used before it holds all that its record lists. If it dies, that reasoning is wrong.
func TestHarmlessMutantSurvives(t *testing.T) {
	defer family.Plant("")
	family.Plant(family.NoIncCheck)
	for _, hostile := range []bool{false, true} {
		for _, f := range Run(Options{Seeds: harmlessSeeds, Hostile: hostile}).Failures {
			t.Error(f)
		}
	}
}
