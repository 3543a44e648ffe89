package keystore

import (
	"errors"
	"fmt"

	"meridian/eventlog"
	"meridian/keyengine/canonical"
)

// ErrNewer is what Open returns for a state that a newer program wrote.
var ErrNewer = errors.New("state is of a newer format")

// ErrDiverged is in what Fatal is called with where this node's state is not its leader's.
var ErrDiverged = errors.New("state differs from the leader's")

// Format is the version of the rows in a store and of a snapshot; a newer one is refused.
const Format = 1

// Meta says what a store holds and how far it is.
type Meta struct {
	ClusterID string   `cbor:"1,keyasint"`
	Region    string   `cbor:"2,keyasint"`
	Life      uint64   `cbor:"3,keyasint"` // of the Region; from 1
	Index     uint64   `cbor:"4,keyasint"` // Raft index of the last applied entry
	Term      uint64   `cbor:"5,keyasint"` // and its term
	Seq       uint64   `cbor:"6,keyasint"` // of the last applied record
	At        int64    `cbor:"7,keyasint"` // Region time of that record
	Chain     [32]byte `cbor:"8,keyasint"`
	Digest    Digest   `cbor:"9,keyasint"`
}

// Position is the place of m in the log.
func (m Meta) Position() eventlog.Position {
	return eventlog.Position{Term: m.Term, Index: m.Index, Seq: m.Seq}
}

// belongs refuses a state of another cluster or Region.
func (m Meta) belongs(clusterID, region string) error {
	switch {
	case m.ClusterID != clusterID:
		return fmt.Errorf("state belongs to cluster %q, not to %q", m.ClusterID, clusterID)
	case m.Region != region:
		return fmt.Errorf("state belongs to region %q, not to %q", m.Region, region)
	}
	return nil
}

// encode puts the format before the rest, so that any build can read that much.
func (m Meta) encode() []byte { return append([]byte{Format}, canonical.Marshal(m)...) }

func decodeMeta(b []byte) (m Meta, err error) {
	if len(b) == 0 || b[0] == 0 {
		return Meta{}, errors.New("meta row: no format")
	}
	if b[0] > Format {
		return Meta{}, fmt.Errorf("%w: it has format %d, this build reads up to %d", ErrNewer, b[0], Format)
	}
	if err := canonical.Unmarshal(b[1:], &m); err != nil {
		return Meta{}, fmt.Errorf("meta row: %w", err)
	}
	return m, nil
}

// Stored is a row of the event log: a record as it was received, with its place and the chain and
// digest after it.
type Stored struct {
	Seq    uint64   `cbor:"-"` // from the key
	Index  uint64   `cbor:"1,keyasint"`
	Term   uint64   `cbor:"2,keyasint"`
	Chain  [32]byte `cbor:"3,keyasint"`
	Digest Digest   `cbor:"4,keyasint"`
	Record []byte   `cbor:"5,keyasint"`
}

func decodeStored(key, value []byte) (e Stored, err error) {
	if err := canonical.Unmarshal(value, &e); err != nil {
		return Stored{}, fmt.Errorf("event row: %w", err)
	}
	e.Seq, err = eventSeq(key)
	return e, err
}

// secretRow is the value of a row under m/.
type secretRow struct {
	_       struct{} `cbor:",toarray"`
	Leaf    uint64
	Wrapped []byte
}
