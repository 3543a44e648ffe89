package family

// Mutant names a planted defect: one rule of the protocol left out or done wrongly. Builds with the
// tag `mutants` can switch one on; the simulation must then find a broken invariant.
type Mutant string

// The planted defects.
const (
	ActivateEarly    Mutant = "ActivateEarly"    // a rotation does not wait for the members
	NoVerCheck       Mutant = "NoVerCheck"       // older records are accepted
	CreateBeforeMats Mutant = "CreateBeforeMats" // a replica is enabled before its materials came
	LateRelinquish   Mutant = "LateRelinquish"   // the role is offered, and kept until the offer is acknowledged
	NoFreeze         Mutant = "NoFreeze"         // the role is offered to a member that did not freeze
	NoTombstone      Mutant = "NoTombstone"      // a deleted member is made again by the record that made it
	PendDelIsGone    Mutant = "PendDelIsGone"    // a member pending deletion counts as gone
	UnfreezeAlone    Mutant = "UnfreezeAlone"    // a frozen member thaws after some time
	NoAttemptCheck   Mutant = "NoAttemptCheck"   // the consent to an earlier hand-off counts
	NoIncCheck       Mutant = "NoIncCheck"       // the holdings of an earlier incarnation count: known to be harmless
	NoSalvage        Mutant = "NoSalvage"        // an orphan erases its secrets at once
)
