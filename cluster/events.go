package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// Events shows the events of Regions (none named: all), merged by their time; with q.Follow it goes on with those to
// come, as they come, until ctx ends. Each Region is asked at a node that runs, its leader if there is one.
func (c *Cluster) Events(ctx context.Context, regions []string, q control.EventQuery, show func(control.Event) error) error {
	if len(regions) == 0 {
		regions = c.File.Names()
	}
	g, ctx := errgroup.WithContext(ctx)
	streams := make([]chan control.Event, len(regions))
	for i, name := range regions {
		r, ok := c.File.Region(name)
		if !ok {
			return fmt.Errorf("%w: the cluster has no Region %q; it has %s", ErrUsage, name, strings.Join(c.File.Names(), ", "))
		}
		client, err := c.anyNode(ctx, r)
		if err != nil {
			return err
		}
		streams[i] = make(chan control.Event)
		g.Go(func() error {
			defer close(streams[i])
			return pass(ctx, client, q, streams[i])
		})
	}
	merge := mergeByTime
	if q.Follow {
		merge = mergeAsSeen
	}
	g.Go(func() error { return merge(ctx, streams, show) })
	return g.Wait()
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

// pass sends the events of one Region on. That the caller left is no error.
func pass(ctx context.Context, client *control.Client, q control.EventQuery, to chan<- control.Event) error {
	for e, err := range client.Events(ctx, q) {
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case to <- e:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// mergeByTime shows the oldest of the events that come next, until all streams end.
func mergeByTime(ctx context.Context, streams []chan control.Event, show func(control.Event) error) error {
	type head struct {
		e  control.Event
		at int
	}
	var heads []head
	next := func(i int) {
		select {
		case e, ok := <-streams[i]:
			if ok {
				heads = append(heads, head{e, i})
			}
		case <-ctx.Done():
		}
	}
	for i := range streams {
		next(i)
	}
	for len(heads) > 0 && ctx.Err() == nil {
		first := slices.MinFunc(heads, func(a, b head) int {
			if d := strings.Compare(a.e.Time, b.e.Time); d != 0 {
				return d
			}
			return a.at - b.at
		})
		heads = slices.DeleteFunc(heads, func(h head) bool { return h.at == first.at })
		if err := show(first.e); err != nil {
			return err
		}
		next(first.at)
	}
	return nil
}

// mergeAsSeen shows events as they come.
func mergeAsSeen(ctx context.Context, streams []chan control.Event, show func(control.Event) error) error {
	g, ctx := errgroup.WithContext(ctx)
	var one sync.Mutex
	for _, s := range streams {
		g.Go(func() error {
			for {
				select {
				case e, ok := <-s:
					if !ok {
						return nil
					}
					one.Lock()
					err := show(e)
					one.Unlock()
					if err != nil {
						return err
					}
				case <-ctx.Done():
					return nil
				}
			}
		})
	}
	return g.Wait()
}
