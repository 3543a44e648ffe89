package keyengine

import (
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// The states a caller sees, as the API spells them.
const (
	stateCreating               = "Creating"
	stateEnabled                = "Enabled"
	stateDisabled               = "Disabled"
	statePendingImport          = "PendingImport"
	statePendingDeletion        = "PendingDeletion"
	statePendingReplicaDeletion = "PendingReplicaDeletion"
	stateUpdating               = "Updating"
)

// shown is the state that a caller sees.
func shown(l *family.Local) string {
	if l.Updating && l.State == family.Enabled {
		return stateUpdating
	}
	return l.State.String()
}

// stateSet is a set of states that an operation refuses.
type stateSet uint8

const (
	onDisabled stateSet = 1 << iota
	onPending           // PendingDeletion, PendingReplicaDeletion
	onImport
	onCreating
	onUpdating
)

// refusedOn is the key state table, the other way round: in which states an operation is refused.
// CancelKeyDeletion is not here, it is refused in all states but the pending ones.
func refusedOn(op string) stateSet {
	switch op {
	case "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
		"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
		"Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "GetPublicKey", "CreateGrant", "UpdatePrimaryRegion":
		return onDisabled | onPending | onImport | onCreating
	case "EnableKeyRotation", "DisableKeyRotation": // of a PendingImport key the origin forbids it
		return onDisabled | onPending | onCreating
	case "ReplicateKey", "RotateKeyOnDemand":
		return onDisabled | onPending | onImport | onCreating | onUpdating
	case "EnableKey", "DisableKey":
		return onPending | onImport | onCreating | onUpdating
	case "ScheduleKeyDeletion":
		return onPending | onUpdating
	case "GetParametersForImport":
		return onPending | onCreating | onUpdating
	case "ImportKeyMaterial":
		return onPending | onCreating
	case "DeleteImportedKeyMaterial":
		return onCreating | onUpdating
	case "CreateAlias", "UpdateAlias", "TagResource", "UntagResource", "UpdateKeyDescription":
		return onPending
	}
	return 0
}

// check refuses op if the state of t does not allow it.
func (t *target) check(op string) error {
	if err := t.checkOwner(op); err != nil {
		return err
	}
	now := shown(t.local)
	if op == "CancelKeyDeletion" {
		if now == statePendingDeletion || now == statePendingReplicaDeletion {
			return nil
		}
		return fault(kmsapi.KMSInvalidStateException, "%s is not pending deletion.", t.arn)
	}
	if refusedOn(op)&setOf(now) == 0 {
		return nil
	}
	if now != stateCreating && now != stateUpdating { // those pass, a key's kind does not
		if err := t.wrongKind(op); err != nil {
			return err
		}
	}
	return inState(t.arn, now)
}

// wrongKind refuses what a key can never do, in whatever state: to take imported material, or to be
// rotated by itself.
func (t *target) wrongKind(op string) error {
	origin := t.local.Record.Origin
	switch op {
	case "EnableKeyRotation", "DisableKeyRotation":
		if err := t.rotates(); err != nil {
			return err
		}
		if origin == originAWS {
			return nil
		}
	case "GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial":
		if origin == originExternal {
			return nil
		}
	default:
		return nil
	}
	return fault(kmsapi.UnsupportedOperationException, "%s origin is %s which is not valid for this operation.", t.arn, origin)
}

func setOf(shown string) stateSet {
	switch shown {
	case stateDisabled:
		return onDisabled
	case statePendingDeletion, statePendingReplicaDeletion:
		return onPending
	case statePendingImport:
		return onImport
	case stateCreating:
		return onCreating
	case stateUpdating:
		return onUpdating
	}
	return 0
}

// inState is the fault of a call that the state of a key forbids.
func inState(keyARN, shown string) error {
	words := "unavailable"
	switch shown {
	case stateDisabled:
		return fault(kmsapi.DisabledException, "%s is disabled.", keyARN)
	case statePendingDeletion:
		words = "pending deletion"
	case statePendingReplicaDeletion:
		words = "pending replica deletion"
	case statePendingImport:
		words = "pending import"
	case stateCreating:
		words = "creating"
	case stateUpdating:
		words = "updating"
	}
	return fault(kmsapi.KMSInvalidStateException, "%s is %s.", keyARN, words)
}

// refused is the fault of a caller whose command the protocol refuses. The state table was asked
// before, so most of these speak of the other Region or of the key's kind.
func (t *target) refused(r *family.Refusal) error {
	where, state := t.arn, r.State.String()
	switch {
	case r.Region != "":
		where = t.view.place.keyARN(r.Region, t.ref)
	case t.other != "":
		where = t.view.place.keyARN(t.other, t.ref)
	}
	switch r.Cause {
	case family.NotFound:
		return fault(kmsapi.NotFoundException, "Key '%s' does not exist", t.arn)
	case family.AlreadyExists:
		return fault(kmsapi.AlreadyExistsException, "%s already exists.", where)
	case family.NotMultiRegion:
		return fault(kmsapi.UnsupportedOperationException, "%s is not a multi-Region key.", t.arn)
	case family.NotPrimary:
		return fault(kmsapi.UnsupportedOperationException, "%s is not a multi-Region primary key.", t.arn)
	case family.StateDisabled:
		return inState(t.arn, stateDisabled)
	case family.StatePending:
		return inState(t.arn, state)
	case family.StatePendingImport:
		return inState(t.arn, statePendingImport)
	case family.StateCreating:
		return inState(t.arn, stateCreating)
	case family.StateUpdating:
		return inState(t.arn, stateUpdating)
	case family.NotPendingDeletion:
		return fault(kmsapi.KMSInvalidStateException, "%s is not pending deletion.", t.arn)
	case family.NoReplica:
		return fault(kmsapi.NotFoundException, "Key '%s' does not exist", where)
	case family.TargetIsSelf:
		return fault(kmsapi.UnsupportedOperationException, "%s is already the multi-Region primary key.", t.arn)
	case family.TargetNotEnabled:
		return inState(where, state)
	case family.RotationInProgress:
		return fault(kmsapi.ConflictException, "A rotation of %s is already in progress.", t.arn)
	case family.MaterialKnown:
		return fault(kmsapi.IncorrectKeyMaterialException, "The key material is already associated with %s.", t.arn)
	case family.MaterialUnknown:
		return fault(kmsapi.IncorrectKeyMaterialException, "The key material is not associated with %s.", t.arn)
	case family.MaterialPending:
		return fault(kmsapi.KMSInvalidStateException, "%s has key material that is pending rotation.", t.arn)
	case family.NothingToRotate:
		return fault(kmsapi.KMSInvalidStateException, "%s has no key material that is pending rotation.", t.arn)
	case family.NotEverywhere:
		return fault(kmsapi.KMSInvalidStateException, "%s has key material that is pending import, here or in a replica.", t.arn)
	}
	return inState(t.arn, "")
}
