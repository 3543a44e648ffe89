package live

import (
	"context"
	"errors"
	"time"

	"meridian/cluster/control"
)

// settleTime bounds how long a walk waits at one date until what fell due is done.
const settleTime = 10 * time.Second

// advance moves the time ahead from one due date of any Region to the next. A Region without a leader is told when it
// has started again.
func (m *inProcess) advance(ctx context.Context, d time.Duration) error {
	m.settle(ctx)
	target := m.offset + d.Milliseconds()
	for m.offset < target && ctx.Err() == nil {
		next := target
		for _, k := range m.clocks(ctx) {
			if k.Next != nil {
				if due := k.OffsetMillis + max(k.Next.AtMillis-k.TimeMillis, 1); due > m.offset {
					next = min(next, due)
				}
			}
		}
		m.offset = next
		if err := m.bringClock(ctx); err != nil {
			return err
		}
		m.settle(ctx)
	}
	return ctx.Err()
}

// clocks are the clocks of the Regions that have a leader.
func (m *inProcess) clocks(ctx context.Context) (clocks []control.Clock) {
	for _, r := range m.file.Regions {
		if c, err := m.toLeader(r.Name); err == nil {
			if k, err := c.Clock(ctx); err == nil {
				clocks = append(clocks, k)
			}
		}
	}
	return clocks
}

// bringClock tells every Region that has a leader how far its time is ahead.
func (m *inProcess) bringClock(ctx context.Context) (err error) {
	if m.offset == 0 {
		return nil
	}
	for _, r := range m.file.Regions {
		c, away := m.toLeader(r.Name)
		if away != nil {
			continue
		}
		_, failed := c.AdvanceClock(ctx, m.offset)
		err = errors.Join(err, failed)
	}
	return err
}

// settle waits until no Region has work that is due, and none owes another one that it reaches anything.
func (m *inProcess) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for calm := 0; calm < 2 && ctx.Err() == nil; {
		if calm++; m.busy(ctx) {
			calm = 0
		}
		_ = pause(ctx, look) // its error ends the loop
	}
}

// busy says whether work is due or a message is open on a link that is up.
func (m *inProcess) busy(ctx context.Context) bool {
	for _, k := range m.clocks(ctx) {
		if k.Overdue {
			return true
		}
	}
	for _, r := range m.file.Regions {
		c, err := m.toLeader(r.Name)
		if err != nil {
			continue
		}
		lags, err := c.Lag(ctx)
		if err != nil {
			continue
		}
		for _, l := range lags {
			if l.Moving() {
				return true
			}
		}
	}
	return false
}
