package live

import (
	"context"
	"slices"

	"meridian/cluster/control"
	"meridian/replication"
	"meridian/replication/lagprofile"
)

// SetLag implements world.World.
func (w *World) SetLag(ctx context.Context, p lagprofile.Profile) error {
	return w.dial(ctx, func(d *replication.Dials) { d.Lag = p })
}

// PauseSync implements world.World.
func (w *World) PauseSync(ctx context.Context, region string) error {
	return w.dial(ctx, func(d *replication.Dials) {
		d.Paused = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(d.Paused), w.named(region)...))))
	})
}

// ResumeSync implements world.World.
func (w *World) ResumeSync(ctx context.Context, region string) error {
	return w.dial(ctx, func(d *replication.Dials) {
		d.Paused = slices.DeleteFunc(slices.Clone(d.Paused), func(r string) bool { return slices.Contains(w.named(region), r) })
	})
}

func (w *World) named(region string) []string {
	if region == "" {
		return w.Regions()
	}
	return []string{region}
}

// dial turns the dials, and remembers how they were.
func (w *World) dial(ctx context.Context, change func(*replication.Dials)) error {
	if w.dialled == nil {
		was, err := w.dials()
		if err != nil {
			return err
		}
		w.dialled = &was
	}
	return w.turn(ctx, change)
}

// FenceLost implements world.World.
func (w *World) FenceLost(ctx context.Context, region string, force bool) error {
	return w.fence(ctx, region, force)
}

// ForcePromote implements world.World.
func (w *World) ForcePromote(ctx context.Context, account, key, region string, force bool) error {
	return w.promote(ctx, account, key, region, force)
}

// KeyStates are what the Regions that answer know about every multi-Region key.
func (w *World) KeyStates(ctx context.Context) ([]control.KeyState, error) { return w.states(ctx) }
