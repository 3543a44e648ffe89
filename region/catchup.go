package region

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meridian/eventlog"
	"meridian/region/forward"
)

// Times of catching up.
const (
	catchUpTimeout = 500 * time.Millisecond // of one read's
	freshEvery     = time.Second
	// revokedWithin is how long a node may use a key that the Region has disabled or deleted: one that
	// has not heard a leader for so long refuses cryptography.
	revokedWithin = 5 * time.Second
)

// catchUp returns when this node has applied everything that the leader had applied at some time
// after the call began.
func (r *Region) catchUp(ctx context.Context) error {
	began := r.Wall()
	seq, err := r.catchUps.do(ctx)
	if err != nil {
		return err
	}
	if err := r.Store.WaitApplied(ctx, seq); err != nil {
		return err
	}
	r.caughtUp.Store(&began)
	return nil
}

// CatchUp returns when this node has applied all that its Region had acknowledged when it was called.
func (r *Region) CatchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaderTimeout)
	defer cancel()
	for {
		err := r.catchUp(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select { // a leader may just be chosen
		case <-time.After(leaderPause):
		case <-ctx.Done():
			return err
		}
	}
}

// stayFresh catches up again; done every freshEvery, it lets staleness say how long this node has not
// heard a leader, and not how long nobody has asked.
func (r *Region) stayFresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, freshEvery)
	defer cancel()
	_ = r.catchUp(ctx) // what it brought is in staleness
}

// Fresh reports whether this node has heard a leader in the last revokedWithin: longer ago, keys may
// have been disabled or deleted without its knowledge.
func (r *Region) Fresh() bool { return r.staleness() <= revokedWithin }

// staleness is how old an answer from the applied state may be.
func (r *Region) staleness() time.Duration {
	if at := r.caughtUp.Load(); at != nil {
		return r.Wall().Sub(*at)
	}
	return Never
}

// askPosition asks the leader for the seq it has applied.
func (r *Region) askPosition(ctx context.Context) (uint64, error) {
	l := r.Log.Leadership()
	switch {
	case l.Leader:
		pos, err := r.Position(ctx)
		return pos.Seq, err
	case l.Addr == "":
		return 0, errNoLeader
	}
	pos, err := r.Peers.Position(ctx, l.Addr)
	return pos.Seq, err
}

// Position implements forward.Peer: how far this node has applied the log, if it leads. The value is
// taken before leadership is verified, so that a pause in between cannot make it stale, and it counts
// only if no other term began in between: a node that lost and won the lead meanwhile may have taken
// it while it was behind. Whoever reads this node's state after a Position sees all that was
// acknowledged before it.
func (r *Region) Position(ctx context.Context) (forward.Position, error) {
	l := r.Log.Leadership()
	if !l.Leader {
		return forward.Position{}, eventlog.ErrNotLeader
	}
	seq := r.Store.Applied().Seq
	if err := r.Log.VerifyLeader(ctx); err != nil {
		return forward.Position{}, fmt.Errorf("verify leadership: %w", err)
	}
	if r.Log.Term() != l.Term {
		return forward.Position{}, eventlog.ErrNotLeader
	}
	return forward.Position{Term: l.Term, Seq: seq}, nil
}

// WallClock implements forward.Peer.
func (r *Region) WallClock() int64 { return r.Wall().UnixMilli() }

// coalescer lets callers that come while a question is under way share the next one: an answer is
// given only to those who asked before the question was put.
type coalescer struct {
	ask func(context.Context) (uint64, error)

	mu      sync.Mutex
	running bool
	next    *question // for those who come while one is running
}

type question struct {
	done chan struct{}
	seq  uint64
	err  error
}

// do returns the answer to a question put after do began.
func (c *coalescer) do(ctx context.Context) (uint64, error) {
	c.mu.Lock()
	q := c.next
	if q == nil {
		q = &question{done: make(chan struct{})}
		c.next = q
		if !c.running {
			c.running = true
			go c.run()
		}
	}
	c.mu.Unlock()
	select {
	case <-q.done:
		return q.seq, q.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// run puts questions until nobody waits.
func (c *coalescer) run() {
	for {
		c.mu.Lock()
		q := c.next
		c.next = nil
		if q == nil {
			c.running = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), catchUpTimeout)
		q.seq, q.err = c.ask(ctx)
		cancel()
		close(q.done)
	}
}
