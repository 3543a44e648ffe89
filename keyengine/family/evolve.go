package family

import "slices"

// Evolve applies e to l. It only assigns: whether e may happen was decided when it did, and an old
// log must read the same for ever. Slices and pointers in l are replaced, never changed in place.
func Evolve(region string, l *Local, e Event) {
	if r, ok := WrittenRecord(e); ok {
		l.Record, l.Signature = r, nil
		evolvePrimary(region, l, e)
		return
	}
	switch e := e.(type) {
	case StatusReceived:
		l.View = withStatus(l.View, e.Status)
	case RecordAccepted:
		accept(region, l, e.Record, e.Signature, e.Certificates)
	case ReplicaCreated:
		accept(region, l, e.Record, e.Signature, e.Certificates)
		reset(l, Creating)
		l.Inc = e.Inc
		if mutant(CreateBeforeMats) {
			l.State = Enabled
		}
	case ReplicaRefused:
		accept(region, l, e.Record, e.Signature, e.Certificates)
		reset(l, Deleted)
		l.Inc, l.Reason = e.Inc, e.Reason
	case Orphaned:
		accept(region, l, e.Record, e.Signature, e.Certificates)
		reset(l, Deleted)
		l.Inc, l.Reason, l.Orphan = e.Inc, e.Reason, true
	case OrphanReleased:
		l.Orphan, l.Held = false, nil
	case ReplicaCompleted:
		l.Complete, l.State = true, e.State
	case MaterialImported:
		l.Held = union(l.Held, e.Materials)
	case Frozen:
		l.Updating, l.Ready = true, e.Attempt
	case Thawed:
		l.Updating, l.Ready = false, 0
	case HandoffRefused:
		l.Refused, l.Reason = e.Attempt, e.Reason
	case StatusAdvanced:
		l.SV = e.SV
	case MaterialPlaced:
		l.Held, l.Imports = union(l.Held, []MaterialID{e.Import.ID}), withImport(l.Imports, e.Import)
	case MaterialErased:
		l.Held, l.Imports = without(l.Held, e.Materials), erasedImports(l.Imports, e.Materials, &l.Record)
	case FamilySuspended:
		l.Suspended, l.Awaits = true, e.Awaits
	case PeerHeard:
		heard(l, e)
	case FamilyResumed:
		endSearch(l)
	case AlarmRaised:
		l.Halted = e.Reason
	default:
		evolveState(l, e)
	}
}

func evolvePrimary(region string, l *Local, e Event) {
	switch e := e.(type) {
	case FamilyCreated:
		l.State, l.Complete = e.State, true
		l.Inc, l.Held = e.Record.Version, ids(e.Record.Materials)
	case HandoffBegun:
		l.Updating, l.HandoffAt = true, e.At
	case HandoffAborted:
		l.Updating, l.HandoffAt = false, 0
	case PrimaryRelinquished:
		l.View, l.HandoffAt = nil, 0
		l.Certificates = withCertificates(l.Certificates, []Certificate{e.Certificate})
	case PrimaryTaken:
		l.Updating, l.Ready, l.View = false, 0, nil
	case PrimaryForced:
		l.Updating, l.Ready, l.View, l.HandoffAt = false, 0, nil, 0
		l.Certificates = withCertificates(l.Certificates, []Certificate{e.Certificate})
	case PrimaryResumed:
		endSearch(l)
		l.Updating, l.Ready, l.View, l.HandoffAt = false, 0, nil, 0
		l.Certificates = withCertificates(l.Certificates, []Certificate{e.Certificate})
	case RotationStarted:
		l.Held = union(l.Held, []MaterialID{e.Record.Pending})
	case MaterialSalvaged:
		l.Held = union(l.Held, e.Materials)
	}
}

func evolveState(l *Local, e Event) {
	switch e := e.(type) {
	case KeyEnabled:
		l.State = Enabled
	case KeyDisabled:
		l.State = Disabled
	case ImportAwaited:
		l.State = PendingImport
	case DeletionScheduled:
		l.State, l.DeletionAt, l.WindowDays = PendingDeletion, e.At, e.WindowDays
	case ReplicaDeletionAwaited:
		l.State, l.DeletionAt, l.WindowDays = PendingReplicaDeletion, 0, e.WindowDays
	case DeletionCancelled:
		l.State, l.DeletionAt, l.WindowDays = Disabled, 0, 0
	case KeyDeleted:
		reset(l, Deleted)
		l.Held = nil
	}
}

// heard notes that a Region was heard, or given up.
func heard(l *Local, e PeerHeard) {
	l.Awaits = slices.DeleteFunc(slices.Clone(l.Awaits), func(r string) bool { return r == e.Region })
	l.Known = e.Known
	if e.Lost {
		l.Lost = append(slices.Clone(l.Lost), e.Region)
	}
}

func endSearch(l *Local) { l.Suspended, l.Awaits, l.Lost, l.Known = false, nil, nil, 0 }

// accept replaces the record by one that another Region wrote. What this Region knew as primary of
// its members is worth nothing once another is primary.
func accept(region string, l *Local, r Record, signature []byte, certificates []Certificate) {
	if r.Primary != region {
		l.View, l.HandoffAt = nil, 0
	}
	l.Record, l.Signature = r, signature
	l.Certificates = withCertificates(l.Certificates, certificates)
}

// reset begins a member's life, or its end, in state: nothing of an earlier life but the held
// materials, the record and the status number goes over.
func reset(l *Local, state State) {
	l.State, l.Updating, l.Complete, l.Orphan = state, false, false, false
	l.Ready, l.Refused, l.Reason = 0, 0, ""
	l.DeletionAt, l.WindowDays, l.HandoffAt = 0, 0, 0
	l.Imports = nil
}
