// Package eventlog says what a Region's ordered log promises.
//
// A Region decides once, on its leader, and appends the events of that decision as a Record. Every
// node of the Region applies the same records in the same order and so holds the same state. A record
// is numbered by seq, from 1, dense; the Raft index below it is never shown to anybody.
//
// Log is implemented by raftlog (hashicorp/raft) and memlog (a model that loses leaders and outcomes
// on command); StateMachine by region/keystore.
package eventlog

import (
	"context"
	"errors"
	"io"

	"meridian/keyengine/canonical"
)

// Record is what one decision of the proposer appended: the events of a batch of commands.
type Record struct {
	Version  uint8     `cbor:"1,keyasint"` // of this form: RecordVersion
	Term     uint64    `cbor:"2,keyasint"` // of the leader that decided; a state machine refuses the record in an entry of another term
	At       int64     `cbor:"3,keyasint"` // Region time, ms since 1970 UTC; never goes back
	Commands []Command `cbor:"4,keyasint"`
	Events   []Event   `cbor:"5,keyasint"`
	// Hash is the leader's digest before this record, stated now and then. A node whose own differs
	// stops: it went another way than its leader.
	Hash *StateHash `cbor:"6,keyasint,omitempty"`
}

// StateHash is the digest of a state after a record.
type StateHash struct {
	_      struct{} `cbor:",toarray"`
	Seq    uint64
	Digest [32]byte
}

// RecordVersion is the newest version of Record.
const RecordVersion = 1

// Command is what the log remembers of one command of a record.
type Command struct {
	RequestID string        `cbor:"1,keyasint"`
	Dedup     []byte        `cbor:"2,keyasint,omitempty"` // 32 bytes: the key under which a repeat finds Reply
	Operation string        `cbor:"3,keyasint"`
	Caller    string        `cbor:"4,keyasint,omitempty"` // ARN; "meridian" for automatic work
	Reply     canonical.Raw `cbor:"5,keyasint,omitempty"` // output shape without secrets, where Dedup is set
	Events    int           `cbor:"6,keyasint"`           // how many of the record's events are this command's
}

// Event is an encoded domain event. Package codec knows the types.
type Event struct {
	_       struct{} `cbor:",toarray"`
	Type    uint16
	Version uint8
	Body    canonical.Raw
}

// Secret is wrapped key material that travels beside a record, in the same Raft entry: never in the
// event log, in its chain or in a digest.
type Secret struct {
	_       struct{} `cbor:",toarray"`
	ID      [32]byte // of the material
	Leaf    uint64   // of the key-encryption key
	Wrapped []byte
}

// Position is a place in a Region's log.
type Position struct {
	Term  uint64 // Raft term
	Index uint64 // Raft index; for the log's own use
	Seq   uint64 // of the last applied record
}

// Leadership is who leads, as one node knows it.
type Leadership struct {
	Leader bool   // this node leads and has applied everything before its term
	Term   uint64 // valid where Leader
	ID     string // of the leader (Raft server id), empty: unknown
	Addr   string // of the leader's internal port, empty: unknown
}

// ErrNewer is in every error about something in a log, or in a state, that a newer program wrote: this one can do
// nothing about it but stop, and nothing is wrong with its files.
var ErrNewer = errors.New("written by a newer program")

// Errors of a Log.
var (
	// ErrNotLeader: nothing was appended.
	ErrNotLeader = errors.New("not the leader")
	// ErrUnknown: the entry may or may not be appended, now or later.
	ErrUnknown = errors.New("outcome unknown")
	// ErrStale: the entry was appended but its stamp is of another term, so every node refused it.
	ErrStale = errors.New("record of an older term")
	// ErrClosed: the log is closed.
	ErrClosed = errors.New("log closed")
)

// Log is the ordered log of one Region, seen from one node.
type Log interface {
	// Append appends an entry (EncodeEntry) and returns when this node has applied it.
	// Errors: ErrNotLeader, ErrUnknown, ErrStale, ErrClosed, each possibly wrapped.
	Append(ctx context.Context, entry []byte) (Position, error)
	// Leadership returns who leads now. Leader is true only after a barrier in that term.
	Leadership() Leadership
	// Watch returns a channel that gets the present Leadership and then each change; only the newest
	// is kept for a slow reader. It is closed with the log.
	Watch() <-chan Leadership
	// VerifyLeader returns nil if this node was still leader at some time after the call began.
	VerifyLeader(ctx context.Context) error
	// Term is the newest term that this node knows of. A node that led in a term and knows of no newer
	// one has led ever since: nobody leads the same term twice.
	Term() uint64
	// Transfer moves leadership to another node; nil if it moved.
	Transfer(ctx context.Context) error
	// Close stops this node's part. The state machine is not closed.
	Close() error
}

// StateMachine applies entries. It is called by one goroutine at a time, except for WriteTo of a
// snapshot, which runs beside Apply.
type StateMachine interface {
	// Apply applies entries in order, in as few batches as it likes, each atomic with the applied
	// position. Entries at or below the applied index are skipped. Data is nil for entries that
	// change nothing but the applied position. A result belongs to the entry at the same place.
	Apply(entries []Entry) []Result
	// Applied is the position of the last applied entry.
	Applied() Position
	// Snapshot freezes the present state.
	Snapshot() (Snapshot, error)
	// Check reads a snapshot to its end and returns nil if Restore would take it. It may run beside
	// Apply and changes nothing.
	Check(r io.Reader) error
	// Restore replaces the state by the one in r, all of it or, with an error, nothing. A state that
	// already contains the one in r stays as it is, and that is no error.
	Restore(r io.Reader) error
}

// Entry is one entry of the log below the records.
type Entry struct {
	Index uint64
	Term  uint64
	Data  []byte
}

// Result is the outcome of applying an Entry: a position, or ErrStale.
type Result struct {
	Seq uint64
	Err error
}

// Snapshot is a frozen state.
type Snapshot interface {
	// WriteTo makes the store durable up to the snapshot's index, then streams it.
	io.WriterTo
	// Release frees it.
	Release()
}
