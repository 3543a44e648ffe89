package family

// Here is where and when a command is decided.
type Here struct {
	Region         string
	Now            int64    // Region time, ms since 1970 UTC
	HandoffTimeout int64    // ms; see rule R6
	Life           uint64   // of the Region's history, from 1; 0 is 1. See rule R13
	Peers          []string // the Regions of the cluster
	Lives          []Life   // of them, as far as this Region has met them
}

// Life is how often a Region's history was begun anew, from 1.
type Life struct {
	_      struct{} `cbor:",toarray"`
	Region string
	Life   uint64
}

// Command is a wish that Decide turns into events or refuses.
type Command interface{ command() }

// The commands of callers. Decide refuses them with a *Refusal.
type (
	// Create makes a family of one member, this Region, its primary. The record given is complete
	// but for Version, Primary, Writer, Members, Materials and Current, which Decide fills in.
	// Material is zero for origin EXTERNAL, whose family begins in PendingImport.
	Create struct {
		Record   Record
		Material MaterialID
	}
	// Replicate adds a member.
	Replicate struct {
		To   string
		Init Init
		Life uint64 // of the Region To, as far as it is known; 0 is 1
	}
	// UpdatePrimary begins a hand-off of the primary role. By and Caller say who asked: the other Region
	// decides about the caller, too.
	UpdatePrimary struct {
		To     string
		By     string
		Caller []byte
	}
	// Rotate adds a pending material. With origin EXTERNAL it makes the pending material current instead,
	// and Material and Type are ignored.
	Rotate struct {
		Material MaterialID
		Type     RotationType
	}
	// SetRotation changes the automatic rotation.
	SetRotation struct{ Rotation Rotation }
	// Enable lets this member alone be used again.
	Enable struct{}
	// Disable stops the use of this member alone.
	Disable struct{}
	// ScheduleDeletion begins the waiting period.
	ScheduleDeletion struct{ WindowDays uint16 }
	// CancelDeletion ends it.
	CancelDeletion struct{}
	// ImportMaterial brings the secret of a material of origin EXTERNAL to this Region: one that the
	// family lists already, or a New one, which only the primary takes.
	ImportMaterial struct {
		Import Import
		New    bool
	}
	// DeleteMaterial erases an imported material in this Region; the current one if Material is zero.
	DeleteMaterial struct{ Material MaterialID }
)

// The commands of the protocol itself. They are never refused; what changes nothing has no events.
type (
	// ReceiveRecord is a record that arrived From a Region (empty: from its primary), with the materials whose secrets
	// came along and could be opened. Refuse, when not empty, is this Region's reason not to become a
	// member (no permission, no quota, a bad policy) or not to take the primary role (no permission): it
	// counts only where the record would create a member, or offers a hand-off that is not consented to yet.
	ReceiveRecord struct {
		From         string
		Record       Record
		Signature    []byte
		Certificates []Certificate
		Carried      []MaterialID
		Refuse       string
	}
	// ReceiveStatus is a member's status that arrived, with the materials whose secrets came along.
	ReceiveStatus struct {
		Status  Status
		Carried []MaterialID
	}
	// FinishCreate is the second log entry of a replica's birth: the secrets of Materials are here. They came From a
	// Region with a record of the version Of.
	FinishCreate struct {
		From      string
		Of        Version
		Materials []MaterialID
	}
	// Hear is what another Region answered to the question of a suspended member (R13): the version of its
	// record, zero if it has none, and the materials it holds and lacks.
	// Life is the life of this Region in which it asked, Lives are those of all Regions as the other knew them when it
	// answered: of an earlier one it has taken in nothing since.
	Hear struct {
		From    string
		Life    uint64
		Lives   []Life
		Version Version
		Held    []MaterialID
		Lacks   []MaterialID // of its record
	}
	// Tick is the passing of time: due deletions and the hand-off's time-out.
	Tick struct{}
)

// The commands of an operator.
type (
	// FenceLost declares a member's Region lost for ever. A suspended member only waits for it no longer.
	FenceLost struct{ Region string }
	// ForcePromote makes this member primary without the old primary's consent.
	ForcePromote struct{}
)

func (Create) command()           {}
func (Replicate) command()        {}
func (UpdatePrimary) command()    {}
func (Rotate) command()           {}
func (SetRotation) command()      {}
func (Enable) command()           {}
func (Disable) command()          {}
func (ScheduleDeletion) command() {}
func (CancelDeletion) command()   {}
func (ImportMaterial) command()   {}
func (DeleteMaterial) command()   {}
func (ReceiveRecord) command()    {}
func (ReceiveStatus) command()    {}
func (FinishCreate) command()     {}
func (Hear) command()             {}
func (Tick) command()             {}
func (FenceLost) command()        {}
func (ForcePromote) command()     {}
