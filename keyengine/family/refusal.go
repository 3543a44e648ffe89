package family

import "fmt"

// Cause is why a caller's command is refused.
type Cause uint8

// The causes of a refusal. "Self" causes speak of the key the command names in this Region, "target"
// causes of the Region the command names.
const (
	NotFound           Cause = iota + 1 // no such key here, or deleted
	AlreadyExists                       // Create of a family that is there; Replicate to a Region that has a member
	NotMultiRegion                      // the key is single-Region
	NotPrimary                          // this member is a replica
	StateDisabled                       // the key is Disabled
	StatePending                        // PendingDeletion or PendingReplicaDeletion: see Refusal.State
	StatePendingImport                  // PendingImport
	StateCreating                       // Creating, or not complete yet
	StateUpdating                       // Updating
	NotPendingDeletion                  // CancelDeletion of a key that is not pending deletion
	NoReplica                           // the target Region has no member
	TargetIsSelf                        // the target is this Region
	TargetNotEnabled                    // the target's member is not Enabled: see Refusal.State
	RotationInProgress                  // a pending material exists
	StateOrphan                         // fenced out
	StateHalted                         // halted by an alarm: see Local.Halted
	AlreadyPrimary                      // ForcePromote of the primary
	NotImportable                       // the key's material is not imported
	MaterialKnown                       // ImportMaterial of new material that the family lists
	MaterialUnknown                     // the family does not list the material
	MaterialPending                     // new material while another waits for a rotation
	NothingToRotate                     // Rotate of origin EXTERNAL without a pending material
	NotEverywhere                       // … that a member does not hold
	StateSuspended                      // R13: this Region may have forgotten what it wrote
)

// Refusal is the error of a caller's command.
type Refusal struct {
	Cause  Cause
	State  State  // the state that stands in the way, where one does
	Region string // the Region whose state that is, where it is not this one
}

var causeTexts = [...]string{
	NotFound:           "there is no such key",
	AlreadyExists:      "there is such a key already",
	NotMultiRegion:     "the key is a single-Region key",
	NotPrimary:         "the key is not the primary",
	StateDisabled:      "the key is disabled",
	StatePending:       "the key is pending deletion",
	StatePendingImport: "the key is pending import",
	StateCreating:      "the key is creating",
	StateUpdating:      "the key is updating",
	NotPendingDeletion: "the key is not pending deletion",
	NoReplica:          "there is no replica in that Region",
	TargetIsSelf:       "the Region named is the key's own",
	TargetNotEnabled:   "the replica in that Region is not enabled",
	RotationInProgress: "a rotation is in progress",
	StateOrphan:        "the key was fenced out of its family",
	StateHalted:        "the key was halted by an alarm",
	AlreadyPrimary:     "the key is the primary",
	NotImportable:      "the key's material is not imported",
	MaterialKnown:      "the material is associated with the key already",
	MaterialUnknown:    "the material is not associated with the key",
	MaterialPending:    "another material waits for a rotation",
	NothingToRotate:    "no material waits for a rotation",
	NotEverywhere:      "a member lacks the material that waits",
	StateSuspended:     "the Region was restored and has not heard from every other Region yet",
}

func (c Cause) String() string {
	if int(c) < len(causeTexts) && causeTexts[c] != "" {
		return causeTexts[c]
	}
	return fmt.Sprintf("Cause(%d)", uint8(c))
}

// Error says why, for people; callers get the API's own words.
func (r *Refusal) Error() string {
	switch {
	case r.Region != "":
		return fmt.Sprintf("%v (%s: %v)", r.Cause, r.Region, r.State)
	case r.State != None:
		return fmt.Sprintf("%v (%v)", r.Cause, r.State)
	}
	return r.Cause.String()
}
