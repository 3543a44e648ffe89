package virtual

import (
	"context"
	"time"
)

// settling is how many ticks a date on the way has, for messages to arrive.
const settling = 40

// Advance implements world.World: it goes from one due date of any Region to the next.
func (w *World) Advance(ctx context.Context, d time.Duration) error {
	w.settle(ctx)
	target := w.offset + d.Milliseconds()
	for w.offset < target {
		next := target
		for _, s := range w.regions {
			l := s.leader()
			if l == nil {
				continue
			}
			if c := l.still.ReadClock(); c.Next != nil {
				if at := c.Offset + max(c.Next.At-c.Now, 1); at > w.offset {
					next = min(next, at)
				}
			}
		}
		w.offset = next
		for _, s := range w.regions {
			l := s.leader()
			if l == nil {
				continue // it is told when it has a leader again
			}
			if err := l.still.AdvanceClock(ctx, w.offset); err != nil {
				return err
			}
			l.still.Due(ctx)
		}
		w.settle(ctx)
	}
	return ctx.Err()
}

// settle lets messages arrive.
func (w *World) settle(ctx context.Context) {
	for range settling {
		w.tick(ctx)
	}
}
