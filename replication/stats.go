package replication

import (
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Stats counts what a Relay has done since it was made.
type Stats struct {
	Sent      uint64 // requests, probes and digests included
	Answered  uint64 // of them
	Received  uint64 // requests that were what they say they are
	Refused   uint64 // of our requests, by the other Region
	Poison    uint64 // messages that are not what they say they are
	Resealed  uint64 // materials' boxes that the other Region could not open, or we could not
	Opened    uint64 // materials that arrived and were wrapped anew
	Digests   uint64 // comparisons that we began
	Differing uint64 // families that a comparison showed to differ
}

type counters struct {
	sent, answered, received, refused, poison, resealed, opened, digests, differing atomic.Uint64
}

// Stats returns the counters.
func (r *Relay) Stats() Stats {
	c := &r.counters
	return Stats{
		Sent: c.sent.Load(), Answered: c.answered.Load(), Received: c.received.Load(), Refused: c.refused.Load(),
		Poison: c.poison.Load(), Resealed: c.resealed.Load(), Opened: c.opened.Load(),
		Digests: c.digests.Load(), Differing: c.differing.Load(),
	}
}

// maxPoison bounds how many poisoned messages are remembered.
const maxPoison = 64

// Poison is a message that was refused because of what it is: it cannot be decoded, or is not from
// whom it says. What it contained is not kept.
type Poison struct {
	At     time.Time
	Src    string // as the bus, not the message, says
	Kind   Kind
	Reason string
	SHA256 [32]byte // of the envelope
}

// poisons is the newest poison, oldest first.
type poisons struct {
	mu   sync.Mutex
	list []Poison
}

// Poison returns the newest poisoned messages, oldest first.
func (r *Relay) Poison() []Poison {
	r.poisons.mu.Lock()
	defer r.poisons.mu.Unlock()
	return slices.Clone(r.poisons.list)
}

// poison remembers and logs a message that is not what it says it is.
func (r *Relay) poison(src string, kind Kind, envelope []byte, reason error) {
	r.counters.poison.Add(1)
	p := Poison{At: time.Now(), Src: src, Kind: kind, Reason: reason.Error(), SHA256: sha256.Sum256(envelope)}
	r.log.Warn("message refused", "from", src, "kind", kind, "reason", p.Reason)
	r.poisons.mu.Lock()
	defer r.poisons.mu.Unlock()
	if len(r.poisons.list) == maxPoison {
		r.poisons.list = slices.Delete(r.poisons.list, 0, 1)
	}
	r.poisons.list = append(r.poisons.list, p)
}
