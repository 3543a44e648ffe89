package cluster

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/fault"
	"meridian/cluster/layout"
)

// pushTime bounds how long a live node may take to confirm a table of faults.
const pushTime = 10 * time.Second

// Faults returns the faults in force.
func (c *Cluster) Faults() ([]fault.Rule, error) {
	t, err := fault.Load(c.Dir.FaultsFile())
	return t.Live(time.Now()), err
}

// AddFault puts one more fault in force. It returns when every live node obeys it.
func (c *Cluster) AddFault(ctx context.Context, r fault.Rule) error {
	if err := r.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if err := errors.Join(c.checkPlace(r.A), c.checkPlace(r.B)); err != nil {
		return err
	}
	return c.changeFaults(ctx, func(t fault.Table) fault.Table { return t.With(r, time.Now()) })
}

// Heal removes the faults between two places, or all with empty names. It returns when every live node knows.
func (c *Cluster) Heal(ctx context.Context, a, b string) error {
	if a != "" || b != "" {
		if err := errors.Join(c.checkPlace(a), c.checkPlace(b)); err != nil {
			return err
		}
	}
	return c.changeFaults(ctx, func(t fault.Table) fault.Table { return t.Without(a, b, time.Now()) })
}

// changeFaults writes the next table before it tells the nodes, so that one which starts meanwhile has it.
func (c *Cluster) changeFaults(ctx context.Context, change func(fault.Table) fault.Table) error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	t, err := fault.Load(c.Dir.FaultsFile())
	if err == nil {
		t = change(t)
		if err = t.Validate(); err == nil {
			err = layout.WriteFile(c.Dir.FaultsFile(), t, 0o644)
		}
	}
	unlock()
	if err != nil {
		return err
	}
	return c.pushFaults(ctx, c.running())
}

// pushFaults brings nodes the table in force and waits for their word. Nodes that end meanwhile need none.
func (c *Cluster) pushFaults(ctx context.Context, names []string) error {
	t, err := fault.Load(c.Dir.FaultsFile())
	if err != nil {
		return err
	}
	return c.push(ctx, names, "the faults", func(ctx context.Context, client *control.Client) error {
		version, err := client.SetFaults(ctx, t)
		if err == nil && version < t.Version {
			err = fmt.Errorf("version %d is in force, not %d", version, t.Version)
		}
		return err
	})
}

// push tells nodes something until each has confirmed it. Nodes that end meanwhile need not.
func (c *Cluster) push(ctx context.Context, names []string, what string, tell func(context.Context, *control.Client) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	errs := make(chan error)
	for _, name := range names {
		go func() { errs <- c.pushTo(ctx, name, what, tell) }()
	}
	for range names {
		err = errors.Join(err, <-errs)
	}
	return err
}

// pushTo tries until a node confirms: one that just started may have read the old file and have no admin socket
// yet. One that had a socket and closed it is on its way out.
func (c *Cluster) pushTo(ctx context.Context, name, what string, tell func(context.Context, *control.Client) error) error {
	for {
		err := c.pushOnce(ctx, name, tell)
		if err == nil {
			return nil
		}
		if p, ok := c.node(name).find(); !ok || p.paused || errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: node %s did not confirm %s: %w", ErrUnknown, name, what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *Cluster) pushOnce(ctx context.Context, name string, tell func(context.Context, *control.Client) error) error {
	client, err := control.Connect(c.Dir.Node(name))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	return tell(ctx, client)
}
