package region

import (
	"math"
	"time"
)

// Round is one turn of the proposer: commands that waited were decided, and what they bring about was appended as one
// record.
type Round struct {
	Commands int           // taken from the queue
	Appended int           // of them, those that are in the record; 0: nothing was appended
	Took     time.Duration // from the first decision to the answers, the log's part included
	Err      error         // why it is not known, or known not to be, in the log; nil: it is, and is applied
}

// Never is the staleness of a node that has not caught up yet.
const Never time.Duration = math.MaxInt64

// Stats is how this node's part of the Region fares.
type Stats struct {
	Ready     bool          // caught up with a leader since it started
	Staleness time.Duration // how old an answer from its applied state may be; Never before it is ready
	Life      uint64
	Queued    int    // commands that wait for a decision, where this node leads
	TurnedOff uint64 // commands that found the queue full, since the start
	Uses      int    // keys whose use is noted and not reported to the leader yet
	Materials int    // key materials that are unwrapped in memory
}

// Stats returns how this node's part of the Region fares now.
func (r *Region) Stats() Stats {
	s := Stats{Ready: r.Ready(), Staleness: r.staleness(), Life: r.life(), TurnedOff: r.turnedOff.Load(), Uses: r.useNotes.count(), Materials: r.materials.held()}
	if p := r.proposer.Load(); p != nil {
		s.Queued = len(p.queue)
	}
	return s
}

func (n *useNotes) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.newest)
}

func (c *materialCache) held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}
