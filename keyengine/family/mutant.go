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
	NoSuspension     Mutant = "NoSuspension"     // a reborn Region goes on without having heard the others
	SameEpoch        Mutant = "SameEpoch"        // a reborn primary goes on in the epoch that it remembers
	OldNumbers       Mutant = "OldNumbers"       // a reborn member numbers its status as it remembers
	OldAnswers       Mutant = "OldAnswers"       // an answer to a question of an earlier life counts
	OldWorld         Mutant = "OldWorld"         // a Region counts as heard that has not met another in its new life
	EarlyRelease     Mutant = "EarlyRelease"     // a reborn orphan erases what a reborn primary's record lists
	SecondHand       Mutant = "SecondHand"       // secrets are taken in from any member, and of any term
	OtherTerms       Mutant = "OtherTerms"       // an answer counts whose sender follows another primary
	RotateUnheld     Mutant = "RotateUnheld"     // an imported material is used before every member has it
	KeepStrays       Mutant = "KeepStrays"       // a member keeps imported material that the family dropped
	StayEnabled      Mutant = "StayEnabled"      // a member whose imported material is gone stays enabled
)
