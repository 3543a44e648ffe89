package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
)

// Lag asks the leader of each Region how far the others are behind. Regions that nobody can speak for are named in
// silent.
func (c *Cluster) Lag(ctx context.Context) (lags []control.Lag, silent []string) {
	c = c.Again() // it may be asked for long
	answers := make([][]control.Lag, len(c.File.Regions))
	heard := make([]bool, len(c.File.Regions))
	var g errgroup.Group
	for i := range c.File.Regions {
		g.Go(func() error {
			client, err := c.toLeader(ctx, i)
			if err != nil {
				return nil
			}
			ctx, cancel := context.WithTimeout(ctx, adminTime)
			defer cancel()
			answers[i], err = client.Lag(ctx)
			heard[i] = err == nil
			return nil
		})
	}
	_ = g.Wait()
	lags = []control.Lag{}
	for i, r := range c.File.Regions {
		lags = append(lags, answers[i]...)
		if !heard[i] {
			silent = append(silent, r.Name)
		}
	}
	return lags, silent
}

func (c *Cluster) toLeader(ctx context.Context, region int) (*control.Client, error) {
	r := &c.File.Regions[region]
	leader := c.leader(ctx, r)
	if leader == "" {
		return nil, fmt.Errorf("%s has no leader", r.Name)
	}
	return control.Connect(c.Dir.Node(leader))
}

// AwaitConverged waits until every Region hears every other one and owes it nothing. It asks twice in a row: between
// two answers a key may be on its way from one leader to the next.
func (c *Cluster) AwaitConverged(ctx context.Context) ([]control.Lag, error) {
	var known []control.Lag // the last answers that were not cut short
	unsaid := c.File.Names()
	for calm := 0; ; {
		lags, silent := c.Lag(ctx)
		if ctx.Err() == nil {
			known, unsaid = lags, silent
			if calm++; len(silent) > 0 || slices.ContainsFunc(lags, isBehind) {
				calm = 0
			}
			if calm == 2 {
				return lags, nil
			}
		}
		select {
		case <-ctx.Done():
			return known, fmt.Errorf("%w: not converged: %s", ErrUnknown, behind(known, unsaid))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func isBehind(l control.Lag) bool { return l.PendingKeys > 0 || !l.LinkUp }

// behind says what is missing to convergence.
func behind(lags []control.Lag, silent []string) string {
	var parts []string
	for _, l := range lags {
		if !isBehind(l) {
			continue
		}
		link := ""
		switch {
		case l.Paused:
			link = " (synchronisation is paused)"
		case !l.LinkUp:
			link = " (link down)"
		}
		parts = append(parts, fmt.Sprintf("%s owes %s %d keys%s", l.From, l.To, l.PendingKeys, link))
	}
	for _, r := range silent {
		parts = append(parts, r+" has no leader that answers")
	}
	if len(parts) == 0 {
		return "it was only just reached"
	}
	return strings.Join(parts, "; ")
}
