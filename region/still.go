package region

import (
	"context"

	"meridian/eventlog"
)

// Still is one node's part of a Region that does nothing by itself: no goroutine works for it, and its time is its
// owner's. What a Region does in the background happens when the owner calls Due and ReportUses; everything else, from
// the checks of a call to the record in the log, is the same code as in a node.
//
// It is for worlds in virtual time. Its methods are called by one goroutine.
type Still struct{ *Region }

// NewStill returns the part of a node that has caught up. Rest is called where a call would wait for a leader; it
// says whether another attempt has a chance, and has let time pass then.
func NewStill(c Config, rest func() bool) Still {
	r := assemble(c)
	r.still, r.stop = true, func() {}
	r.rest = func(context.Context) bool { return rest() }
	r.ready.Store(true)
	return Still{r}
}

// Due does what has fallen due, if this node leads.
func (s Still) Due(ctx context.Context) {
	if s.Log.Leadership().Leader {
		s.dueRound(ctx)
	}
}

// Report brings the uses of keys that this node has noted to its leader.
func (s Still) Report(ctx context.Context) { s.reportUses(ctx) }

// deciderInPlace is the proposer of the present term, which decides in the goroutine of its caller.
func (r *Region) deciderInPlace() (*proposer, error) {
	l := r.Log.Leadership()
	if !l.Leader {
		return nil, eventlog.ErrNotLeader
	}
	if p := r.proposer.Load(); p != nil && p.term == l.Term {
		return p, nil
	}
	p := r.newProposer(l.Term)
	p.inPlace = true
	r.proposer.Store(p)
	return p, nil
}
