package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// stepTime bounds how long a walk waits at one date until what fell due is done.
const stepTime = 10 * time.Second

// AdvanceClock moves the time of every Region ahead by d: from one due date of any Region to the next, waiting at
// each until due work is done and no message is open on a link that is up. show is called with what fell due, in
// order. Regions that cannot be reached are left out and named in the error; the recorded offset waits for them.
func (c *Cluster) AdvanceClock(ctx context.Context, d time.Duration, show func(FellDue) error) error {
	w := c.newWalk()
	w.each(ctx, beginWalk)
	if len(w.away()) == len(w.places) {
		return fmt.Errorf("no Region answers, so nothing was moved: %w", w.places[0].away)
	}
	base := c.File.ClockOffsetSeconds * 1000
	for _, k := range w.clocks() {
		base = max(base, k.OffsetMillis)
	}
	target := base + d.Milliseconds()
	if target > maxOffset*1000 {
		return fmt.Errorf("%w: time is %s ahead already, and may be %s", ErrUsage, Span(base/1000), Span(maxOffset))
	}
	var late []string
	settle := func() {
		if open := w.settle(ctx); open != "" {
			late = append(late, open)
			c.Note("not all is done in time, going on: %s", open)
		}
	}
	settle() // a hand-off that goes well must not meet its time-out
	for offset := int64(0); offset < target && ctx.Err() == nil; {
		offset = nextOffset(w.clocks(), target)
		if err := c.recordOffset(offset / 1000); err != nil {
			return err
		}
		w.each(ctx, approach(offset)) // what falls due in one Region must not reach another that is still in the past
		w.each(ctx, advanceTo(offset))
		settle()
		for _, f := range w.fellDue(ctx) {
			if err := show(f); err != nil {
				return err
			}
		}
	}
	return w.conclude(ctx, late)
}

// nextOffset is the least offset, in whole seconds, at which something falls due in some Region; target if nothing
// does before. It is greater than that of the Region it is due in, so a walk comes to its end.
func nextOffset(clocks []control.Clock, target int64) int64 {
	next := target
	for _, k := range clocks {
		if due, ok := dueOffset(k); ok {
			next = min(next, due)
		}
	}
	return next
}

// dueOffset is the least offset, in whole seconds, at which something falls due in a Region; ok is false if nothing is.
func dueOffset(k control.Clock) (offset int64, ok bool) {
	if k.Next == nil {
		return 0, false
	}
	ms := k.OffsetMillis + k.Next.AtMillis - k.TimeMillis
	return (ms + 999) / 1000 * 1000, true
}

// walk is a visit to the leaders of all Regions.
type walk struct{ places []*place }

// place is a Region in a walk.
type place struct {
	c      *Cluster
	index  int
	region *layout.Region
	leader *control.Client // nil: to be found
	away   error           // why it could not be reached; nil: it could
	clock  control.Clock   // as last read
	lags   []control.Lag
	seen   uint64 // the last seq whose events were looked at
	events []control.Event
}

// question is something to ask the leader of a Region.
type question func(ctx context.Context, p *place) error

func (c *Cluster) newWalk() *walk {
	w := &walk{}
	for i := range c.File.Regions {
		w.places = append(w.places, &place{c: c, index: i, region: &c.File.Regions[i]})
	}
	return w
}

// try asks the Region's leader once.
func (p *place) try(ctx context.Context, q question) (err error) {
	if p.leader == nil {
		if p.leader, err = p.c.toLeader(ctx, p.index); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	if err = q(ctx, p); err != nil {
		p.leader = nil // it may have another one by now
	}
	return err
}

// ask asks the Region's leader, again as long as enough nodes run to elect one, for pushTime at most.
func (p *place) ask(ctx context.Context, q question) error {
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	for {
		err := p.try(ctx, q)
		if err == nil || !p.c.hasQuorum(p.region.Name) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s does not answer: %w", ErrUnknown, p.region.Name, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// each asks all Regions that are not away, at once. Who does not answer is away from then on.
func (w *walk) each(ctx context.Context, q question) {
	var g errgroup.Group
	for _, p := range w.places {
		if p.away == nil {
			g.Go(func() error {
				if err := p.ask(ctx, q); err != nil && ctx.Err() == nil {
					p.away = err
				}
				return nil
			})
		}
	}
	_ = g.Wait()
}

// away names the Regions that could not be reached.
func (w *walk) away() (names []string) {
	for _, p := range w.places {
		if p.away != nil {
			names = append(names, p.region.Name)
		}
	}
	return names
}

// clocks are the clocks of the Regions that are not away, as last read.
func (w *walk) clocks() (clocks []control.Clock) {
	for _, p := range w.places {
		if p.away == nil {
			clocks = append(clocks, p.clock)
		}
	}
	return clocks
}

// beginWalk reads the clock and where the log ends.
func beginWalk(ctx context.Context, p *place) error {
	s, err := p.leader.Status(ctx)
	if err != nil {
		return err
	}
	p.seen = s.Seq
	return readClock(ctx, p)
}

// readClock reads the clock and what is owed.
func readClock(ctx context.Context, p *place) (err error) {
	if p.clock, err = p.leader.Clock(ctx); err != nil {
		return err
	}
	p.lags, err = p.leader.Lag(ctx)
	return err
}

// advanceTo moves a Region's time to an offset in ms.
func advanceTo(offset int64) question {
	return func(ctx context.Context, p *place) (err error) {
		p.clock, err = p.leader.AdvanceClock(ctx, offset)
		return err
	}
}

// approach moves a Region's time as near to an offset as it can go while nothing falls due in it.
func approach(offset int64) question {
	return func(ctx context.Context, p *place) error {
		near := offset
		if due, ok := dueOffset(p.clock); ok && due <= offset {
			near = due - 1000
		}
		if near <= p.clock.OffsetMillis {
			return nil
		}
		return advanceTo(near)(ctx, p)
	}
}

// settle waits until all due work is done and nothing is owed over links that are up, and returns what is not. It
// looks twice: between two answers a key may be on its way from one leader to the next.
func (w *walk) settle(ctx context.Context) (open string) {
	deadline := time.After(stepTime)
	for calm := 0; calm < 2; {
		w.each(ctx, readClock)
		if open = w.open(); open == "" {
			calm++
		} else {
			calm = 0
		}
		select {
		case <-ctx.Done():
			return open
		case <-deadline:
			return open
		case <-time.After(20 * time.Millisecond):
		}
	}
	return ""
}

// open says what is not done yet.
func (w *walk) open() string {
	var parts []string
	away := w.away()
	for _, p := range w.places {
		if p.away != nil {
			continue
		}
		if p.clock.Overdue {
			parts = append(parts, p.region.Name+" has work that is due")
		}
		for _, l := range p.lags {
			if l.Moving() && !slices.Contains(away, l.To) {
				parts = append(parts, fmt.Sprintf("%s owes %s %d keys", l.From, l.To, l.PendingKeys-l.DelayedKeys-l.SaidKeys))
			}
		}
	}
	return strings.Join(parts, "; ")
}

// fellDue returns what happened since it was asked last.
func (w *walk) fellDue(ctx context.Context) (fell []FellDue) {
	w.each(ctx, readEvents)
	for _, p := range w.places {
		for _, e := range p.events {
			if f, ok := meaning(e); ok {
				fell = append(fell, f)
			}
		}
		p.events = nil
	}
	slices.SortStableFunc(fell, func(a, b FellDue) int { return strings.Compare(a.Time, b.Time) })
	return fell
}

// readEvents reads the events since the last time.
func readEvents(ctx context.Context, p *place) error {
	var events []control.Event
	for e, err := range p.leader.Events(ctx, control.EventQuery{From: p.seen + 1}) {
		if err != nil {
			return err
		}
		events = append(events, e)
	}
	p.events = events
	if len(events) > 0 {
		p.seen = events[len(events)-1].Seq
	}
	return nil
}

// conclude says what is not as it was asked.
func (w *walk) conclude(ctx context.Context, late []string) error {
	var errs []error
	if away := w.away(); len(away) > 0 {
		errs = append(errs, fmt.Errorf("%w: %s could not be reached and will be moved when it is back", ErrUnknown, strings.Join(away, ", ")))
	}
	if len(late) > 0 {
		errs = append(errs, fmt.Errorf("%w: not all was done in time at %d dates, last: %s", ErrUnknown, len(late), late[len(late)-1]))
	}
	if err := ctx.Err(); err != nil {
		errs = append(errs, fmt.Errorf("%w: broken off on the way: %w", ErrUnknown, err))
	}
	return errors.Join(errs...)
}
