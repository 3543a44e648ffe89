package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meridian/cluster"
	"meridian/cluster/fault"
	"meridian/cluster/world"
)

// running is a cluster of processes.
type running struct{ *cluster.Cluster }

// Running returns the world of a cluster that runs.
func Running(c *cluster.Cluster) *World { return newWorld(running{c}, c.File) }

func (running) name() string { return "cluster" }

func (running) can(world.Feature) error { return nil }

func (r running) resolve(ctx context.Context, target string) ([]string, error) {
	return r.Resolve(ctx, target)
}

func (r running) act(ctx context.Context, act world.Act, nodes []string) error {
	switch act {
	case world.Kill:
		return r.Kill(ctx, nodes...)
	case world.Start:
		return r.Start(ctx, nodes...)
	case world.Pause:
		return r.Pause(ctx, nodes...)
	case world.Resume:
		return r.Resume(ctx, nodes...)
	}
	return fmt.Errorf("nothing is known of how to %s a node", act)
}

func (r running) addFault(ctx context.Context, f fault.Rule) error { return r.AddFault(ctx, f) }

func (r running) heal(ctx context.Context, a, b string) error { return r.Heal(ctx, a, b) }

func (r running) advance(ctx context.Context, d time.Duration) error {
	return r.AdvanceClock(ctx, d, func(cluster.FellDue) error { return nil })
}

func (r running) owed(ctx context.Context, region string) (owed int, err error) {
	lags, silent := r.Lag(ctx)
	if slices.Contains(silent, region) {
		return 0, fmt.Errorf("%s has no leader that answers", region)
	}
	for _, l := range lags {
		if l.From != region {
			continue
		}
		owed += l.PendingKeys
		if !l.LinkUp {
			owed++
		}
	}
	return owed, nil
}

func (running) close() error { return nil }
