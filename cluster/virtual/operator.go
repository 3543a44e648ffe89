package virtual

import (
	"context"
	"errors"
	"fmt"

	"meridian/cluster/world"
	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// FenceLost implements world.World: each Region that has a leader declares it.
func (w *World) FenceLost(ctx context.Context, region string, force bool) error {
	lost := w.site(region)
	if lost == nil {
		return fmt.Errorf("there is no Region %q", region)
	}
	if err := lost.mustBeSilent(force); err != nil {
		return err
	}
	for _, s := range w.regions {
		if l := s.leader(); s != lost && l != nil {
			if _, err := l.still.FenceLost(ctx, region); err != nil {
				return refused(err)
			}
		}
	}
	return nil
}

// ForcePromote implements world.World.
func (w *World) ForcePromote(ctx context.Context, account, key, region string, force bool) error {
	s := w.site(region)
	if s == nil || s.leader() == nil {
		return fmt.Errorf("%q is no Region with a leader", region)
	}
	ref := keyengine.Ref{Account: account, KeyID: key}
	if old := w.site(s.local(ref).Record.Primary); old != nil && old != s {
		if err := old.mustBeSilent(force); err != nil {
			return err
		}
	}
	_, err := s.leader().still.ForcePromote(ctx, ref)
	return refused(err)
}

// mustBeSilent refuses an act against a Region of which a node runs.
func (s *site) mustBeSilent(force bool) error {
	for _, n := range s.nodes {
		if !force && !n.away() {
			return &world.Refusal{Reason: fmt.Sprintf("node %s of %s answers: that Region is not lost", n.name, s.name)}
		}
	}
	return nil
}

// refused is a Region's no to an operator, as the world's.
func refused(err error) error {
	var fault *kmsapi.Fault
	if errors.As(err, &fault) {
		return &world.Refusal{Reason: fault.Error()}
	}
	return err
}
