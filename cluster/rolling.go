package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// RollingRestart restarts the nodes of Regions one at a time, so that each Region answers all the while: followers
// first, the leader, which hands over, last. It touches the next node when all of the Region are ready again, and stops
// where one does not come back: the Region then goes on without it.
func (c *Cluster) RollingRestart(ctx context.Context, regions ...string) error {
	for _, name := range regions {
		r, ok := c.File.Region(name)
		if !ok {
			return fmt.Errorf("%w: the cluster has no Region %q", ErrUsage, name)
		}
		if err := c.rollRegion(ctx, *r); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) rollRegion(ctx context.Context, r layout.Region) error {
	if voters := len(r.Voters()); voters < 3 {
		return fmt.Errorf("%w: %s has %d voting node(s): it cannot answer without one of them; use restart without --rolling", ErrUsage, r.Name, voters)
	}
	unlock, err := c.claimRegion(r.Name)
	if err != nil {
		return err
	}
	defer unlock()
	left := make([]string, 0, len(r.Nodes))
	for _, n := range r.Nodes {
		left = append(left, n.Name)
	}
	for len(left) > 0 {
		leader, err := c.awaitWhole(ctx, r)
		if err != nil {
			return err
		}
		next := left[0]
		if next == leader && len(left) > 1 {
			next = left[1]
		}
		begun := time.Now()
		if err := c.Restart(ctx, next); err != nil {
			return err
		}
		c.Note("node %s is back after %s", next, time.Since(begun).Round(10*time.Millisecond))
		left = slices.DeleteFunc(left, func(name string) bool { return name == next })
	}
	_, err = c.awaitWhole(ctx, r)
	return err
}

// awaitWhole returns who leads a Region when all of its nodes are ready and know that leader.
func (c *Cluster) awaitWhole(ctx context.Context, r layout.Region) (leader string, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		statuses := c.ask(ctx, &r)
		leader, _ = leaderOf(statuses)
		missing := unready(r, statuses, leader)
		if leader != "" && len(missing) == 0 {
			return leader, nil
		}
		if pauseFor(ctx, joinEvery) != nil {
			return "", fmt.Errorf("%w: %s is not whole (not ready: %v): nothing more was restarted", ErrUnknown, r.Name, missing)
		}
	}
}

func unready(r layout.Region, statuses map[string]control.Status, leader string) (names []string) {
	for _, n := range r.Nodes {
		if s := statuses[n.Name]; !s.Ready || s.Leader != leader {
			names = append(names, n.Name)
		}
	}
	return names
}
