package replication

import (
	"context"
	"errors"
)

// Kind is what an envelope carries; it is part of the NATS subject.
type Kind string

// The kinds of an envelope.
const (
	KindRecord Kind = "rec" // a family record with sealed materials
	KindStatus Kind = "st"  // a member's status
	KindDigest Kind = "dig" // anti-entropy
	KindKey    Kind = "key" // the sender's public sealing key and life
	KindPre    Kind = "pre" // may this caller make a replica at yours?
	KindAsk    Kind = "ask" // what do you have of this family? asked in a new life
)

// Kinds lists all kinds.
var Kinds = []Kind{KindRecord, KindStatus, KindDigest, KindKey, KindPre, KindAsk}

// MaxEnvelope bounds an envelope in bytes.
const MaxEnvelope = 512 << 10

// Errors of a Bus.
var (
	// ErrUnreachable: no node of the Region could be asked, or none of them leads.
	ErrUnreachable = errors.New("region unreachable")
	// ErrNoAnswer: the request may have arrived; no answer came in time.
	ErrNoAnswer = errors.New("no answer")
)

// Handler answers a request that arrived; a nil answer is none. It may be called from many goroutines.
type Handler func(ctx context.Context, src string, kind Kind, envelope []byte) []byte

// Bus carries envelopes between the leaders of Regions. It may lose, repeat, delay and reorder them;
// nothing that it carries is trusted because of it, and nothing is stored in it.
type Bus interface {
	// Request sends an envelope to the leader of dst and returns its answer.
	// Errors: ErrUnreachable, ErrNoAnswer, the context's, each possibly wrapped. The trace of ctx goes along, beside the
	// envelope; the handler finds it with trace.Incoming. It is nobody's word.
	Request(ctx context.Context, dst string, kind Kind, envelope []byte) ([]byte, error)
	// Serve answers requests to this Region with h until stop is called, which waits for the calls of
	// h that run. Only the Region's leader serves.
	Serve(h Handler) (stop func(), err error)
}
