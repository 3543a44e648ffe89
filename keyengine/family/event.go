package family

// Event is something that happened to one member of a family in its own Region. Events that write
// the family's record carry the whole new record, so that a log can be read without its past.
type Event interface{ event() }

// Events of the primary: each but HandoffAborted's consequences is one write of the record.
type (
	// FamilyCreated begins a family with this Region as its only member and primary.
	FamilyCreated struct {
		Record Record `cbor:"1,keyasint"`
		State  State  `cbor:"2,keyasint"` // Enabled, or PendingImport
	}
	// ReplicaAdded lists a new member, which the record's arrival there will create.
	ReplicaAdded struct {
		Record Record `cbor:"1,keyasint"`
		Region string `cbor:"2,keyasint"`
	}
	// ReplicaReported drops a member's Init: the member is there.
	ReplicaReported struct {
		Record Record `cbor:"1,keyasint"`
		Region string `cbor:"2,keyasint"`
	}
	// MemberGone marks a member that is deleted for good, or was never made.
	MemberGone struct {
		Record Record `cbor:"1,keyasint"`
		Region string `cbor:"2,keyasint"`
		Reason string `cbor:"3,keyasint,omitempty"` // the member's, if it refused to be made
	}
	// MemberFenced marks a member that an operator declared lost.
	MemberFenced struct {
		Record Record `cbor:"1,keyasint"`
		Region string `cbor:"2,keyasint"`
	}
	// HandoffBegun announces the wish to hand the primary role over.
	HandoffBegun struct {
		Record Record `cbor:"1,keyasint"`
		At     int64  `cbor:"2,keyasint"`
	}
	// HandoffAborted takes the wish back: the target refused, did not answer in time, or is lost.
	HandoffAborted struct {
		Record Record `cbor:"1,keyasint"`
		Reason string `cbor:"2,keyasint,omitempty"`
	}
	// PrimaryRelinquished gives the role up and offers it, in one.
	PrimaryRelinquished struct {
		Record      Record      `cbor:"1,keyasint"`
		Certificate Certificate `cbor:"2,keyasint"`
	}
	// PrimaryTaken is the first write of the new primary.
	PrimaryTaken struct {
		Record Record `cbor:"1,keyasint"`
	}
	// PrimaryForced makes this member primary by an operator's word.
	PrimaryForced struct {
		Record      Record      `cbor:"1,keyasint"`
		Certificate Certificate `cbor:"2,keyasint"`
	}
	// RotationStarted adds a pending material; its secret is in this Region.
	RotationStarted struct {
		Record Record `cbor:"1,keyasint"`
	}
	// RotationActivated makes the pending material the current one.
	RotationActivated struct {
		Record Record `cbor:"1,keyasint"`
	}
	// RotationSet changes the automatic rotation.
	RotationSet struct {
		Record Record `cbor:"1,keyasint"`
	}
	// MaterialSalvaged takes materials into the family that only another member knew.
	MaterialSalvaged struct {
		Record    Record       `cbor:"1,keyasint"`
		Materials []MaterialID `cbor:"2,keyasint"` // sorted; their secrets are in this Region now
	}
	// MaterialAdded lists an imported material: the first becomes current, another is pending.
	MaterialAdded struct {
		Record Record `cbor:"1,keyasint"`
	}
	// MaterialRemoved drops the pending imported material from the family.
	MaterialRemoved struct {
		Record Record `cbor:"1,keyasint"`
	}
	// PrimaryResumed is the first write of a primary in a new life of its Region.
	PrimaryResumed struct {
		Record      Record      `cbor:"1,keyasint"`
		Certificate Certificate `cbor:"2,keyasint"`
	}
	// FamilyEnded is the last write: the primary is deleted as the last of its family.
	FamilyEnded struct {
		Record Record `cbor:"1,keyasint"`
	}
	// StatusReceived replaces what the primary knows about a member.
	StatusReceived struct {
		Status Status `cbor:"1,keyasint"`
	}
)

// Events of any member.
type (
	// RecordAccepted replaces the record by a newer one.
	RecordAccepted struct {
		Record       Record        `cbor:"1,keyasint"`
		Signature    []byte        `cbor:"2,keyasint,omitempty"`
		Certificates []Certificate `cbor:"3,keyasint,omitempty"` // those not known before
	}
	// ReplicaCreated makes this Region's member, or makes it anew. It cannot be used yet.
	ReplicaCreated struct {
		Record       Record        `cbor:"1,keyasint"`
		Signature    []byte        `cbor:"2,keyasint,omitempty"`
		Certificates []Certificate `cbor:"3,keyasint,omitempty"`
		Inc          Version       `cbor:"4,keyasint"`
	}
	// ReplicaRefused leaves a tombstone where a member was asked for, so that the primary learns.
	ReplicaRefused struct {
		Record       Record        `cbor:"1,keyasint"`
		Signature    []byte        `cbor:"2,keyasint,omitempty"`
		Certificates []Certificate `cbor:"3,keyasint,omitempty"`
		Inc          Version       `cbor:"4,keyasint"`
		Reason       string        `cbor:"5,keyasint"`
	}
	// ReplicaCompleted notes that every material of the record has been here.
	ReplicaCompleted struct {
		State State `cbor:"1,keyasint"` // Enabled or PendingImport after Creating, else unchanged
	}
	// MaterialImported notes materials whose secrets came to this Region.
	MaterialImported struct {
		Materials []MaterialID `cbor:"1,keyasint"` // sorted
	}
	// Frozen makes this member wait for the primary role: it refuses what would make it unfit.
	Frozen struct {
		Attempt uint32 `cbor:"1,keyasint"`
	}
	// Thawed ends the waiting, for the role or, at an old primary, for its acceptance.
	Thawed struct{}
	// HandoffRefused says no to the role.
	HandoffRefused struct {
		Attempt uint32 `cbor:"1,keyasint"`
		Reason  string `cbor:"2,keyasint,omitempty"`
	}
	// KeyEnabled lets this member be used.
	KeyEnabled struct{}
	// KeyDisabled stops its use.
	KeyDisabled struct{}
	// DeletionScheduled sets the date of this member's end.
	DeletionScheduled struct {
		At         int64  `cbor:"1,keyasint"`
		WindowDays uint16 `cbor:"2,keyasint"`
	}
	// ReplicaDeletionAwaited stores the window of a primary that still has replicas.
	ReplicaDeletionAwaited struct {
		WindowDays uint16 `cbor:"1,keyasint"`
	}
	// DeletionCancelled ends either waiting.
	DeletionCancelled struct{}
	// KeyDeleted is this member's end. Its secrets are gone; a tombstone stays.
	KeyDeleted struct{}
	// Orphaned ends a member that a newer record does not know as it is: an operator declared its
	// Region lost, or promoted another. Its secrets stay until the family has them.
	Orphaned struct {
		Record       Record        `cbor:"1,keyasint"`
		Signature    []byte        `cbor:"2,keyasint,omitempty"`
		Certificates []Certificate `cbor:"3,keyasint,omitempty"`
		Inc          Version       `cbor:"4,keyasint"`
		Reason       string        `cbor:"5,keyasint,omitempty"` // why it does not join again, if it was asked to
	}
	// OrphanReleased erases an orphan's secrets: the family has them.
	OrphanReleased struct{}
	// StatusAdvanced gives a changed Status its number.
	StatusAdvanced struct {
		SV uint64 `cbor:"1,keyasint"`
	}
	// MaterialPlaced notes an imported material whose secret callers brought to this Region, or new
	// terms for one that is here.
	MaterialPlaced struct {
		Import Import `cbor:"1,keyasint"`
	}
	// MaterialErased erases imported secrets in this Region: a caller's wish, their date, or because the
	// family does not list them any more.
	MaterialErased struct {
		Materials []MaterialID `cbor:"1,keyasint"` // sorted
	}
	// ImportAwaited makes this member wait for material to be imported.
	ImportAwaited struct{}
	// FamilySuspended begins the search for what this Region forgot, in a new life of it. See rule R13.
	FamilySuspended struct {
		Awaits []string `cbor:"1,keyasint,omitempty"` // the Regions that must be heard, sorted
	}
	// PeerHeard notes that a Region has nothing newer than what is here, or is lost for ever.
	PeerHeard struct {
		Region string `cbor:"1,keyasint"`
		Lost   bool   `cbor:"2,keyasint,omitempty"` // an operator said so
		Known  uint64 `cbor:"3,keyasint,omitempty"` // how many new lives of other Regions were known then
	}
	// FamilyResumed ends the search where another Region is primary.
	FamilyResumed struct{}
	// AlarmRaised halts this member: a promise of the protocol is broken. See rule R14.
	AlarmRaised struct {
		Reason string `cbor:"1,keyasint"`
	}
)

// Events returns one zero value of each type of event. New types are added at the end: the place
// in this list is the type's number in stored logs.
func Events() []Event {
	return []Event{
		FamilyCreated{},
		ReplicaAdded{},
		ReplicaReported{},
		MemberGone{},
		MemberFenced{},
		HandoffBegun{},
		HandoffAborted{},
		PrimaryRelinquished{},
		PrimaryTaken{},
		PrimaryForced{},
		RotationStarted{},
		RotationActivated{},
		RotationSet{},
		MaterialSalvaged{},
		StatusReceived{},
		RecordAccepted{},
		ReplicaCreated{},
		ReplicaRefused{},
		ReplicaCompleted{},
		MaterialImported{},
		Frozen{},
		Thawed{},
		HandoffRefused{},
		KeyEnabled{},
		KeyDisabled{},
		DeletionScheduled{},
		ReplicaDeletionAwaited{},
		DeletionCancelled{},
		KeyDeleted{},
		Orphaned{},
		OrphanReleased{},
		StatusAdvanced{},
		AlarmRaised{},
		MaterialAdded{},
		MaterialRemoved{},
		MaterialPlaced{},
		MaterialErased{},
		ImportAwaited{},
		PrimaryResumed{},
		FamilyEnded{},
		FamilySuspended{},
		PeerHeard{},
		FamilyResumed{},
	}
}

func (FamilyCreated) event()          {}
func (ReplicaAdded) event()           {}
func (ReplicaReported) event()        {}
func (MemberGone) event()             {}
func (MemberFenced) event()           {}
func (HandoffBegun) event()           {}
func (HandoffAborted) event()         {}
func (PrimaryRelinquished) event()    {}
func (PrimaryTaken) event()           {}
func (PrimaryForced) event()          {}
func (RotationStarted) event()        {}
func (RotationActivated) event()      {}
func (RotationSet) event()            {}
func (MaterialSalvaged) event()       {}
func (StatusReceived) event()         {}
func (RecordAccepted) event()         {}
func (ReplicaCreated) event()         {}
func (ReplicaRefused) event()         {}
func (ReplicaCompleted) event()       {}
func (MaterialImported) event()       {}
func (Frozen) event()                 {}
func (Thawed) event()                 {}
func (HandoffRefused) event()         {}
func (KeyEnabled) event()             {}
func (KeyDisabled) event()            {}
func (DeletionScheduled) event()      {}
func (ReplicaDeletionAwaited) event() {}
func (DeletionCancelled) event()      {}
func (KeyDeleted) event()             {}
func (Orphaned) event()               {}
func (OrphanReleased) event()         {}
func (StatusAdvanced) event()         {}
func (AlarmRaised) event()            {}
func (MaterialAdded) event()          {}
func (MaterialRemoved) event()        {}
func (MaterialPlaced) event()         {}
func (MaterialErased) event()         {}
func (ImportAwaited) event()          {}
func (PrimaryResumed) event()         {}
func (FamilyEnded) event()            {}
func (FamilySuspended) event()        {}
func (PeerHeard) event()              {}
func (FamilyResumed) event()          {}

// WrittenRecord returns the record that e writes, where e is one of the primary's own writes.
func WrittenRecord(e Event) (Record, bool) {
	switch e := e.(type) {
	case FamilyCreated:
		return e.Record, true
	case ReplicaAdded:
		return e.Record, true
	case ReplicaReported:
		return e.Record, true
	case MemberGone:
		return e.Record, true
	case MemberFenced:
		return e.Record, true
	case HandoffBegun:
		return e.Record, true
	case HandoffAborted:
		return e.Record, true
	case PrimaryRelinquished:
		return e.Record, true
	case PrimaryTaken:
		return e.Record, true
	case PrimaryForced:
		return e.Record, true
	case RotationStarted:
		return e.Record, true
	case RotationActivated:
		return e.Record, true
	case RotationSet:
		return e.Record, true
	case MaterialSalvaged:
		return e.Record, true
	case MaterialAdded:
		return e.Record, true
	case MaterialRemoved:
		return e.Record, true
	case PrimaryResumed:
		return e.Record, true
	case FamilyEnded:
		return e.Record, true
	}
	return Record{}, false
}
