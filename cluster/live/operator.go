package live

import (
	"context"
	"errors"
	"fmt"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/cluster/world"
	"meridian/replication"
)

func (m *inProcess) dials() (replication.Dials, error) {
	return replication.LoadDials(m.dir.DialsFile())
}

// turn changes the dials in the file, for nodes that start later, and in the nodes that run.
func (m *inProcess) turn(ctx context.Context, change func(*replication.Dials)) error {
	d, err := m.dials()
	if err != nil {
		return err
	}
	d.Version++
	change(&d)
	if err := layout.WriteFile(m.dir.DialsFile(), d, 0o644); err != nil {
		return err
	}
	for name := range m.nodes {
		c, err := control.Connect(m.dir.Node(name))
		if err != nil {
			return err
		}
		if _, err := c.SetDials(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func (m *inProcess) fence(ctx context.Context, lost string, force bool) error {
	if err := m.mustBeSilent(lost, force); err != nil {
		return err
	}
	for _, r := range m.file.Regions {
		c, err := m.toLeader(r.Name)
		if r.Name == lost || err != nil {
			continue
		}
		answer, err := c.FenceLost(ctx, lost)
		if err != nil {
			return err
		}
		if answer.Fault != nil {
			return refused(answer.Fault)
		}
	}
	return nil
}

func (m *inProcess) promote(ctx context.Context, account, key, region string, force bool) error {
	c, err := m.toLeader(region)
	if err != nil {
		return err
	}
	state, err := c.Key(ctx, key, control.Point{Account: account})
	if err != nil {
		return err
	}
	if state.Known && state.Shared.Primary != region {
		if err := m.mustBeSilent(state.Shared.Primary, force); err != nil {
			return err
		}
	}
	answer, err := c.ForcePromote(ctx, account, key)
	if err == nil && answer.Fault != nil {
		err = refused(answer.Fault)
	}
	return err
}

// mustBeSilent refuses an act against a Region of which a node runs.
func (m *inProcess) mustBeSilent(region string, force bool) error {
	for name := range m.nodes {
		if !force && layout.RegionOf(name) == region {
			return &world.Refusal{Reason: fmt.Sprintf("node %s of %s answers: that Region is not lost", name, region)}
		}
	}
	return nil
}

func (m *inProcess) states(ctx context.Context) (all []control.KeyState, err error) {
	for _, r := range m.file.Regions {
		c, away := m.toLeader(r.Name)
		if away != nil {
			continue
		}
		for s, failed := range c.Holdings(ctx) {
			if err = errors.Join(err, failed); failed == nil && s.Key != nil {
				all = append(all, *s.Key)
			}
		}
	}
	return all, err
}
