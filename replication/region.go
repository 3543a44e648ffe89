package replication

import (
	"context"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// Region is what a Relay needs of the Region whose leader it serves. Its methods are called from
// many goroutines.
type Region interface {
	// View calls f with a consistent view of the applied state, secrets included. The view is valid
	// only until f returns; f does not call back into the Region.
	View(f func(*keyengine.View))
	// Propose decides c on the leader and returns nil once it is applied, also where the decision
	// had no events. The secrets are those of the materials that c carries; the Region keeps the
	// ones that the events took in, and no other.
	Propose(ctx context.Context, c keyengine.Command, secrets []eventlog.Secret) error
	// NextLeaf reserves a leaf of the key-encryption keys. No leaf is given out twice.
	NextLeaf() uint64
	// Precheck says whether this Region, as things are now, would refuse p; nil: it would not.
	Precheck(ctx context.Context, p Pre) *kmsapi.Fault
	// Now is the Region's time, ms since 1970 UTC.
	Now() int64
	// Life is how often the Region's history was begun anew; it starts at 1.
	Life() uint64
	// Outlived begins a life after remembered, which another Region knows of this one.
	Outlived(ctx context.Context, remembered uint64) error
}

// Peer is another Region, as the cluster's file names it.
type Peer struct {
	Region     string
	SigningKey []byte // Ed25519 public key
}

// PreOperation is what a Pre asks about.
type PreOperation string

// The operations that need another Region's consent.
const (
	PreReplicate     PreOperation = "ReplicateKey"
	PreUpdatePrimary PreOperation = "UpdatePrimaryRegion"
)

// Pre asks a Region for its consent before the primary commits to something that needs it: may this
// caller make a replica of this key at yours, is your replica fit to become the primary?
type Pre struct {
	Operation PreOperation `cbor:"1,keyasint"`
	Partition string       `cbor:"2,keyasint"`
	Account   string       `cbor:"3,keyasint"`
	KeyID     string       `cbor:"4,keyasint"`
	From      string       `cbor:"5,keyasint"` // the primary that asks; filled in and checked by the relays
	Init      family.Init  `cbor:"6,keyasint"` // By and Caller say who asks; the rest is of a replica to be made
	// Spec, Usage and Origin are those of the key that a replica is to be made of; an older Region leaves them out.
	Spec   string `cbor:"7,keyasint,omitempty"`
	Usage  string `cbor:"8,keyasint,omitempty"`
	Origin string `cbor:"9,keyasint,omitempty"`
	// Arrived says that the question comes with the record itself: for a hand-off, only whether the caller may have
	// it is left to be decided, for the family decides the rest.
	Arrived bool `cbor:"-"`
}

// Lag is how far another Region is behind this one, as this Region's leader knows it.
type Lag struct {
	To           string
	LinkUp       bool
	Level        uint32 // feature level of the pair: the least of the two Regions'
	Paused       bool   // the synchronisation between the two stands still
	PendingKeys  int    // families with something to send
	SaidKeys     int    // of them, those of which all was said: the other Region's word is waited for
	DelayedKeys  int    // of them, those that a lag profile holds back
	NextDue      int64  // Region time at which the first of those may leave; 0: there is none
	OldestMillis int64  // how long the oldest of them has waited
}
