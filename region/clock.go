package region

import (
	"context"
	"slices"
	"sync"
	"time"

	"meridian/keyengine"
)

// How often a leader asks for its nodes' clocks, and how long it waits for them.
const (
	clockEvery   = 30 * time.Second
	clockTimeout = 500 * time.Millisecond
)

// Clock is a Region's time, as one node reckons it: milliseconds since 1970 UTC, never going back
// behind what is logged.
//
// It is the median of the wall clocks of a quorum of nodes, sampled, plus the monotonic time since,
// plus the offset that the Region has logged (AdvanceClock). A node whose clock is an hour off therefore moves
// nothing: the maximum of the own clock and the last logged time would delete keys early.
type Clock struct {
	wall   func() time.Time
	offset func() int64 // ms, of the applied state: the same on every node that has applied as much

	mu      sync.Mutex
	base    int64     // ms, at sampled
	sampled time.Time // with the monotonic reading
}

// NewClock returns a Clock that starts from this node's own wall clock and runs ahead by offset.
func NewClock(wall func() time.Time, offset func() int64) *Clock {
	now := wall()
	return &Clock{wall: wall, offset: offset, base: now.UnixMilli(), sampled: now}
}

// Now returns the time, not before last.
func (c *Clock) Now(last int64) int64 {
	offset := c.offset() // reads the store: not under the lock
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(last, c.base+c.wall().Sub(c.sampled).Milliseconds()+offset)
}

// Sample sets the clock to the lower median of the readings of a quorum.
func (c *Clock) Sample(readings []int64) {
	slices.Sort(readings)
	median := readings[(len(readings)-1)/2]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.sampled = median, c.wall()
}

// sample reads the clocks of a quorum once; false: too few nodes answered. ask returns the wall clocks
// of the other nodes that answered; quorum is how many readings, this node's included, make a sample.
func (c *Clock) sample(ctx context.Context, ask func(context.Context) []int64, quorum int) bool {
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	readings := append(ask(ctx), c.wall().UnixMilli())
	if len(readings) < quorum {
		return false
	}
	c.Sample(readings)
	return true
}

// AdvanceClock raises the offset of the Region's time to that many ms, at its leader, and returns when
// it is applied here and the work that falls due by it has been called for. An offset that the Region
// has, or has exceeded, is no error.
func (r *Region) AdvanceClock(ctx context.Context, offset int64) error {
	p, err := r.decider()
	if err != nil {
		return err
	}
	if offset < 0 || offset > r.view().ClockOffset() {
		if err := r.decideOwn(ctx, p, keyengine.AdvanceClock{Offset: offset}, nil); err != nil {
			return err
		}
	}
	select {
	case r.dueNow <- struct{}{}:
	default: // called for already
	}
	if r.relay != nil {
		r.relay.TimeMoved()
	}
	return nil
}

// Reading is what a Region's clock shows, and what waits for it.
type Reading struct {
	Now     int64           // ms since 1970 UTC
	Offset  int64           // ms ahead of the nodes' clocks
	Overdue bool            // work is due that is not done yet
	Next    *keyengine.Work // the first that will be due; nil: none
}

// ReadClock reads the clock.
func (r *Region) ReadClock() (c Reading) {
	c.Now = r.Now()
	r.snapshot(func(v *keyengine.View) {
		c.Offset = v.ClockOffset()
		for w := range v.Waiting(c.Now + 1) {
			c.Next = &w
			break
		}
		for ref := range v.Due(c.Now) {
			until, waits := v.HandsOver(ref, c.Now, r.handoffTimeout())
			if !waits {
				c.Overdue = true
				break
			}
			c.sooner(keyengine.Work{Ref: ref, At: until, What: "end of the hand-off"})
		}
	})
	for _, l := range r.Lag() {
		if l.NextDue > 0 && !l.Paused && l.LinkUp {
			c.sooner(keyengine.Work{At: l.NextDue, What: "word to " + l.To + " that the lag profile holds back"})
		}
	}
	return c
}

// sooner makes w the next work if it is.
func (c *Reading) sooner(w keyengine.Work) {
	if c.Next == nil || w.At < c.Next.At {
		c.Next = &w
	}
}
