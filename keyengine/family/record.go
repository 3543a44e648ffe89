package family

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
)

// Version totally orders all records of one key family, lexicographically in field order.
type Version struct {
	_     struct{} `cbor:",toarray"`
	Gen   uint32   // moves where the right to write is not handed over: by an operator's promotion, and by a rebirth
	GenBy string   // the Region that opened it; empty in generation 0
	Epoch uint32   // moves by a hand-off of the primary role
	Seq   uint32   // moves by any other write of the primary
}

// Compare returns -1, 0 or +1.
func (v Version) Compare(w Version) int {
	switch {
	case v.Gen != w.Gen:
		return order(v.Gen < w.Gen)
	case v.GenBy != w.GenBy:
		return strings.Compare(v.GenBy, w.GenBy)
	case v.Epoch != w.Epoch:
		return order(v.Epoch < w.Epoch)
	case v.Seq != w.Seq:
		return order(v.Seq < w.Seq)
	}
	return 0
}

// Less reports whether v is older than w.
func (v Version) Less(w Version) bool { return v.Compare(w) < 0 }

// sameTerm reports whether v and w are versions of one primary's term.
func (v Version) sameTerm(w Version) bool {
	return v.Gen == w.Gen && v.GenBy == w.GenBy && v.Epoch == w.Epoch
}

// IsZero reports whether v is no version at all: versions of records start at epoch 1.
func (v Version) IsZero() bool { return v == Version{} }

func (v Version) String() string {
	if v.Gen == 0 {
		return fmt.Sprintf("%d.%d", v.Epoch, v.Seq)
	}
	return fmt.Sprintf("%d@%s.%d.%d", v.Gen, v.GenBy, v.Epoch, v.Seq)
}

func order(less bool) int {
	if less {
		return -1
	}
	return +1
}

// MaterialID names key material, the same in every Region: SHA-256 over a prefix, the key id and 32
// random bytes (AWS_KMS) or the material itself (EXTERNAL).
type MaterialID [32]byte

func (id MaterialID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id names nothing.
func (id MaterialID) IsZero() bool { return id == MaterialID{} }

// Compare orders ids by bytes.
func (id MaterialID) Compare(other MaterialID) int {
	return bytes.Compare(id[:], other[:])
}

// RotationType says why a material came to be.
type RotationType uint8

// The types of a rotation. The first material of a key has none.
const (
	Initial RotationType = iota
	Automatic
	OnDemand
)

// Material is one material of a family, without its secret.
type Material struct {
	ID        MaterialID   `cbor:"1,keyasint"`
	Number    uint32       `cbor:"2,keyasint"`           // 1, 2, … in the order of creation at the primary
	CreatedAt int64        `cbor:"3,keyasint"`           // Region time of the primary, ms since 1970 UTC
	Type      RotationType `cbor:"4,keyasint,omitempty"` // why it was made
	RotatedAt int64        `cbor:"5,keyasint,omitempty"` // when it became current; 0 for the first and for a pending one
}

// Rotation is the automatic rotation of a family.
type Rotation struct {
	Enabled    bool   `cbor:"1,keyasint,omitempty"`
	PeriodDays uint16 `cbor:"2,keyasint,omitempty"`
	NextAt     int64  `cbor:"3,keyasint,omitempty"` // ms since 1970 UTC
}

// Handoff is the primary's intent to give up its role.
type Handoff struct {
	To      string `cbor:"1,keyasint"`
	Attempt uint32 `cbor:"2,keyasint"`
	By      string `cbor:"3,keyasint,omitempty"` // ARN of the caller
	Caller  []byte `cbor:"4,keyasint,omitempty"` // the caller as the other Region needs to know it
}

// Tag is a tag of a replica to be made.
type Tag struct {
	_     struct{} `cbor:",toarray"`
	Key   string
	Value string
}

// Init is what ReplicateKey gives a new replica for its independent properties. It is in the record
// until the replica has reported, is used at creation alone, and never changes a living member.
type Init struct {
	Policy       string `cbor:"1,keyasint,omitempty"` // empty: the default policy
	Description  string `cbor:"2,keyasint,omitempty"`
	Tags         []Tag  `cbor:"3,keyasint,omitempty"`
	By           string `cbor:"4,keyasint,omitempty"` // ARN of the caller
	BypassSafety bool   `cbor:"5,keyasint,omitempty"` // BypassPolicyLockoutSafetyCheck
	Caller       []byte `cbor:"6,keyasint,omitempty"` // the caller as the other Region needs to know it
}

// Member is one Region's place in a family.
type Member struct {
	Region string  `cbor:"1,keyasint"`
	Inc    Version `cbor:"2,keyasint"`           // the incarnation: the version of the record that added it
	Gone   bool    `cbor:"3,keyasint,omitempty"` // irrevocably deleted, or fenced
	Fenced bool    `cbor:"4,keyasint,omitempty"` // declared lost by an operator
	Init   *Init   `cbor:"5,keyasint,omitempty"`
	Life   uint64  `cbor:"6,keyasint,omitempty"` // of the Region when it was listed, if greater than 1
}

// Record is what all members of a family share. One Region writes it, the primary; its Version
// orders all records of the family there will ever be. Records are values: a Record that somebody
// else can see is never changed, only replaced.
type Record struct {
	Version   Version    `cbor:"1,keyasint"`
	Partition string     `cbor:"2,keyasint"`
	Account   string     `cbor:"3,keyasint"`
	KeyID     string     `cbor:"4,keyasint"`
	Primary   string     `cbor:"5,keyasint"`
	Writer    string     `cbor:"6,keyasint"` // the Region that wrote it; of (e+1, 0) the old primary
	Multi     bool       `cbor:"7,keyasint,omitempty"`
	Spec      string     `cbor:"8,keyasint"`            // KeySpec
	Usage     string     `cbor:"9,keyasint"`            // KeyUsage
	Origin    string     `cbor:"10,keyasint"`           // Origin
	Members   []Member   `cbor:"11,keyasint"`           // sorted by Region
	Materials []Material `cbor:"12,keyasint,omitempty"` // sorted by Number, then ID
	Current   MaterialID `cbor:"13,keyasint"`           // encrypts; zero: none yet
	Pending   MaterialID `cbor:"14,keyasint"`           // distributed, not active yet; zero: none
	PendingAt int64      `cbor:"15,keyasint,omitempty"` // when the pending rotation began
	Rotation  Rotation   `cbor:"16,keyasint"`
	Handoff   *Handoff   `cbor:"17,keyasint,omitempty"`
	Attempt   uint32     `cbor:"18,keyasint,omitempty"` // number of hand-offs ever begun
	Ended     bool       `cbor:"19,keyasint,omitempty"` // the last record there is: the primary is deleted too
}

// State is the life of a member, without the overlay Updating.
type State uint8

// The states of a member. The order is part of the stored form.
const (
	None State = iota
	Creating
	Enabled
	Disabled
	PendingImport
	PendingDeletion
	PendingReplicaDeletion
	Deleted // a tombstone: the record stays for ever, the secrets of its materials do not
)

var stateNames = [...]string{"None", "Creating", "Enabled", "Disabled", "PendingImport", "PendingDeletion", "PendingReplicaDeletion", "Deleted"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Status is what a member says about itself. It is level-triggered: only the newest counts, and
// saying it twice changes nothing.
type Status struct {
	From     string       `cbor:"1,keyasint"`
	Inc      Version      `cbor:"2,keyasint"`
	SV       uint64       `cbor:"3,keyasint"` // grows only when the content changes
	State    State        `cbor:"4,keyasint"`
	Complete bool         `cbor:"5,keyasint,omitempty"`  // material was complete once: see Local
	Applied  Version      `cbor:"6,keyasint"`            // of the member's record
	Held     []MaterialID `cbor:"7,keyasint,omitempty"`  // sorted
	Ready    uint32       `cbor:"8,keyasint,omitempty"`  // attempt for which this member is frozen and consents
	Refused  uint32       `cbor:"9,keyasint,omitempty"`  // attempt that this member refuses
	Reason   string       `cbor:"10,keyasint,omitempty"` // why a replica could not be made, or a hand-off was refused
}

// Certificate proves one hand-off: the Region that had the role gave it to another.
type Certificate struct {
	Gen       uint32 `cbor:"1,keyasint,omitempty"`
	GenBy     string `cbor:"2,keyasint,omitempty"`
	Epoch     uint32 `cbor:"3,keyasint"` // the epoch that it opens
	From      string `cbor:"4,keyasint"`
	To        string `cbor:"5,keyasint"`
	Signature []byte `cbor:"6,keyasint,omitempty"` // by From; made when sent, so empty in From's own state
}

// Local is one Region's state of one family: what a row f/ holds.
type Local struct {
	State        State         `cbor:"1,keyasint"`
	Updating     bool          `cbor:"2,keyasint,omitempty"` // shown as Updating; cryptography goes on
	Complete     bool          `cbor:"3,keyasint,omitempty"` // every material of the creating record arrived once
	Orphan       bool          `cbor:"4,keyasint,omitempty"` // fenced out; keeps material until the family has taken it
	Inc          Version       `cbor:"5,keyasint"`
	Record       Record        `cbor:"6,keyasint"`
	Signature    []byte        `cbor:"7,keyasint,omitempty"` // of Record, by its writer; empty where this Region is the writer
	Held         []MaterialID  `cbor:"8,keyasint,omitempty"` // sorted; materials whose secret is in this Region
	SV           uint64        `cbor:"9,keyasint,omitempty"`
	Ready        uint32        `cbor:"10,keyasint,omitempty"`
	Refused      uint32        `cbor:"11,keyasint,omitempty"`
	Reason       string        `cbor:"12,keyasint,omitempty"`
	View         []Status      `cbor:"13,keyasint,omitempty"` // at the primary: the newest Status of each member, sorted by From
	DeletionAt   int64         `cbor:"14,keyasint,omitempty"` // in PendingDeletion, ms since 1970 UTC
	WindowDays   uint16        `cbor:"15,keyasint,omitempty"` // in PendingDeletion and PendingReplicaDeletion
	HandoffAt    int64         `cbor:"16,keyasint,omitempty"` // when this Region, as primary, began the hand-off
	Certificates []Certificate `cbor:"17,keyasint,omitempty"` // sorted by generation and epoch
	Halted       string        `cbor:"18,keyasint,omitempty"` // rule R14: the broken promise that stopped this member; cryptography goes on
	Suspended    bool          `cbor:"20,keyasint,omitempty"` // rule R13: nothing is written until Awaits were heard; cryptography goes on
	Awaits       []string      `cbor:"21,keyasint,omitempty"` // while Suspended: the Regions that were not heard yet, sorted
	Lost         []string      `cbor:"22,keyasint,omitempty"` // while Suspended: the Regions that an operator gave up
	Known        uint64        `cbor:"23,keyasint,omitempty"` // while Suspended: new lives of other Regions known when one was heard last
	Imports      []Import      `cbor:"19,keyasint,omitempty"` // origin EXTERNAL: what is known of the materials imported here, sorted by ID
}
