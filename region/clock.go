package region

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
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
// plus an offset that the Region has logged. A node whose clock is an hour off therefore moves
// nothing: the maximum of the own clock and the last logged time would delete keys early.
type Clock struct {
	wall func() time.Time

	mu      sync.Mutex
	base    int64     // ms, at sampled
	sampled time.Time // with the monotonic reading
}

// NewClock returns a Clock that starts from this node's own wall clock.
func NewClock(wall func() time.Time) *Clock {
	now := wall()
	return &Clock{wall: wall, base: now.UnixMilli(), sampled: now}
}

// Now returns the time, not before last.
func (c *Clock) Now(last int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(last, c.base+c.wall().Sub(c.sampled).Milliseconds())
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

// keep samples the clock every clockEvery until ctx ends.
func (c *Clock) keep(ctx context.Context, sample func() bool, log *slog.Logger) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !sample() {
			log.Debug("clock not sampled: too few nodes answered")
		}
	}
}
