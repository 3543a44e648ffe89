package region

import (
	"context"

	"meridian/keyengine"
)

// life is the life number of the Region's history: the one that its store began with, or the newest that
// the log has begun since.
func (r *Region) life() uint64 { return max(r.Store.Life(), r.view().Life()) }

// Life is the life number that this node knows its Region to be in.
func (r *Region) Life() uint64 { return r.life() }

// beginLife makes the beginning of a new life the first decision of a term, if the Region needs one:
// nothing may be decided on what it may have forgotten.
func (r *Region) beginLife(p *proposer) {
	if r.life() >= r.LeastLife {
		return
	}
	r.Logger.Warn("a new life begins: multi-Region keys are not changed until the other Regions were heard", "life", r.LeastLife, "before", r.life())
	p.queue <- &proposal{ // the queue is empty, and nobody waits for the outcome
		command: keyengine.BeginLife{Life: r.LeastLife}, facts: r.ownFacts(), done: make(chan outcome, 1),
	}
}

// outlived begins a life after the one that another Region remembers of this one: this one's history was
// cut short, though nobody said so.
func (r *Region) outlived(ctx context.Context, remembered uint64) error {
	p, err := r.decider()
	if err != nil {
		return err
	}
	return r.decideOwn(ctx, p, keyengine.BeginLife{Life: remembered + 1}, nil)
}

// ownFacts are the facts of the Region's own commands.
func (r *Region) ownFacts() keyengine.Facts {
	return keyengine.Facts{Caller: automatic, HandoffTimeout: r.handoffTimeout(), Regions: r.Regions}
}
