package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meridian/cluster"
	"meridian/cluster/control"
	"meridian/cluster/fault"
	"meridian/cluster/world"
	"meridian/replication"
)

// running is a cluster of processes.
type running struct {
	*cluster.Cluster
	fencing bool
}

// Running returns the world of a cluster that runs. Fencing allows to declare its Regions lost for ever, which concerns
// every key there is.
func Running(c *cluster.Cluster, fencing bool) *World {
	return newWorld(running{c, fencing}, c.File)
}

func (running) name() string { return "cluster" }

func (r running) can(f world.Feature) error {
	if f == world.Fencing && !r.fencing {
		return fmt.Errorf("%w %s: it would be so for every key of the cluster, and for ever; --fencing allows it", world.ErrUnable, f)
	}
	return nil
}

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

func (r running) dials() (replication.Dials, error) { return r.Dials() }

func (r running) turn(ctx context.Context, change func(*replication.Dials)) error {
	return r.TurnDials(ctx, change)
}

func (r running) fence(ctx context.Context, lost string, force bool) error {
	_, err := r.FenceLost(ctx, lost, force)
	return refused(err)
}

func (r running) promote(ctx context.Context, account, key, region string, force bool) error {
	_, err := r.ForcePromote(ctx, account, key, region, force)
	return refused(err)
}

// refused is a no to an operator, as the world's.
func refused(err error) error {
	var fault *control.Fault
	if errors.As(err, &fault) || errors.Is(err, cluster.ErrNotLost) {
		return &world.Refusal{Reason: err.Error()}
	}
	return err
}

func (r running) states(ctx context.Context) ([]control.KeyState, error) {
	held, _ := r.Holdings(ctx)
	return held.States, nil
}

func (running) close() error { return nil }
