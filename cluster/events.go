package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/cluster/timeline"
)

// How long a history that goes on is waited for.
const (
	// calm is how long an event waits for older ones of other Regions.
	calm = 200 * time.Millisecond
	// stuck is after how many of these times a message is shown whose sender's log does not show it.
	stuck = 10
	// ahead is how many events of a Region may wait.
	ahead = 256
)

// Events shows the events of Regions (none named: all) in the order of causes: see package timeline. With q.Follow it
// goes on with those to come, until ctx ends. Each Region is asked at a node that runs, its leader if there is one; a
// Region of which none answers is left out, or, with q.Follow, waited for. The error is then an ErrUnknown, at the end.
func (c *Cluster) Events(ctx context.Context, regions []string, q control.EventQuery, show func(*timeline.Entry) error) error {
	if len(regions) == 0 {
		regions = c.File.Names()
	}
	w := weaver{merger: timeline.New(regions...), arrivals: make(chan arrival), room: map[string]chan struct{}{}, follow: q.Follow, show: show}
	w.merger.From = q.From
	q.From = 0 // earlier events are causes of later ones
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range regions {
		r, ok := c.File.Region(name)
		if !ok {
			return fmt.Errorf("%w: the cluster has no Region %q; it has %s", ErrUsage, name, strings.Join(c.File.Names(), ", "))
		}
		w.room[name] = make(chan struct{}, ahead)
		g.Go(func() error { return c.tell(ctx, r, q, &w) })
	}
	g.Go(func() error { return w.weave(ctx, len(regions)) })
	if err := g.Wait(); err != nil {
		return err
	}
	if len(w.silent) > 0 {
		return fmt.Errorf("%w: not all is shown: %w", ErrUnknown, errors.Join(w.silent...))
	}
	return nil
}

// tell sends the events of one Region to the weaver. With q.Follow it goes on at another node when one ends.
func (c *Cluster) tell(ctx context.Context, r *layout.Region, q control.EventQuery, w *weaver) error {
	told, said := struct {
		seq uint64
		i   int
	}{}, false
	for {
		client, err := c.anyNode(ctx, r)
		if err == nil {
			for e, broken := range client.Events(ctx, q) {
				if err = broken; err != nil {
					break
				}
				if said && (e.Seq < told.seq || e.Seq == told.seq && e.I <= told.i) {
					continue
				}
				if !w.take(ctx, e) {
					return nil
				}
				told.seq, told.i, said = e.Seq, e.I, true
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case !q.Follow:
			w.end(ctx, r.Name, err)
			return nil
		}
		q.From = told.seq
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// anyNode connects to a node of a Region that answers, the leader first.
func (c *Cluster) anyNode(ctx context.Context, r *layout.Region) (*control.Client, error) {
	said := c.ask(ctx, r)
	name, _ := leaderOf(said)
	best := uint64(0)
	for _, s := range said {
		if leader, _ := leaderOf(said); leader == "" && s.Seq >= best {
			name, best = s.Name, s.Seq
		}
	}
	if name == "" {
		return nil, fmt.Errorf("no node of %s answers: start one with `meridian start %s`", r.Name, r.Nodes[0].Name)
	}
	return control.Connect(c.Dir.Node(name))
}

// weaver makes one history of what several Regions tell.
type weaver struct {
	merger   *timeline.Merger
	arrivals chan arrival
	room     map[string]chan struct{} // one token for each event that waits
	follow   bool
	show     func(*timeline.Entry) error
	silent   []error // why a log is missing, or a part of it
}

// arrival is an event, or the end of a Region's log.
type arrival struct {
	event  control.Event
	region string
	ended  bool
	err    error
}

// take hands an event to the weaver when there is room for it. False: nobody wants it any more.
func (w *weaver) take(ctx context.Context, e control.Event) bool {
	select {
	case w.room[e.Region] <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	return w.send(ctx, arrival{event: e, region: e.Region})
}

func (w *weaver) end(ctx context.Context, region string, err error) {
	w.send(ctx, arrival{region: region, ended: true, err: err})
}

func (w *weaver) send(ctx context.Context, a arrival) bool {
	select {
	case w.arrivals <- a:
		return true
	case <-ctx.Done():
		return false
	}
}

// weave shows events until all logs have ended, or ctx has.
func (w *weaver) weave(ctx context.Context, open int) error {
	tick := make(<-chan time.Time) // never
	if w.follow {
		ticker := time.NewTicker(calm)
		defer ticker.Stop()
		tick = ticker.C
	}
	ticks := 0 // since something was shown, or nothing waited
	for open > 0 {
		patience := timeline.Whole
		select {
		case a := <-w.arrivals:
			if a.ended {
				open--
				w.merger.Close(a.region)
				if a.err != nil {
					w.silent = append(w.silent, a.err)
				}
				break
			}
			w.merger.Push(a.event)
		case <-tick:
			if ticks++; ticks > 1 { // it has waited for a whole tick
				patience = timeline.Causes
			}
			if ticks > stuck {
				patience = timeline.None
			}
		case <-ctx.Done():
			return nil
		}
		shown, err := w.drain(patience)
		if err != nil {
			return err
		}
		if shown || !w.waiting() {
			ticks = 0
		}
	}
	return nil
}

// waiting tells whether there is an event that was not shown yet.
func (w *weaver) waiting() bool {
	for _, r := range w.room {
		if len(r) > 0 {
			return true
		}
	}
	return false
}

// drain shows what can be shown. Of what is shown without its cause it shows one.
func (w *weaver) drain(p timeline.Patience) (shown bool, err error) {
	for {
		e, ok := w.merger.Next(p)
		if !ok {
			return shown, nil
		}
		<-w.room[e.Region]
		shown = true
		if !e.Hidden {
			if err := w.show(&e); err != nil {
				return shown, err
			}
		}
		if p == timeline.None {
			p = timeline.Causes
		}
	}
}
