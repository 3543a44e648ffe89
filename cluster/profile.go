package cluster

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"meridian/cluster/control"
)

// Profile writes a profile of a running node to w.
func (c *Cluster) Profile(ctx context.Context, node, what string, seconds int, w io.Writer) error {
	if !slices.Contains(control.Profiles(), what) {
		return fmt.Errorf("%w: %q is none of %s", ErrUsage, what, strings.Join(control.Profiles(), ", "))
	}
	if seconds < 1 || seconds > control.MaxProfileSeconds {
		return fmt.Errorf("%w: --seconds %d is not between 1 and %d", ErrUsage, seconds, control.MaxProfileSeconds)
	}
	names, err := c.Resolve(ctx, node)
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return fmt.Errorf("%w: %s is a Region: name one of its nodes, or %s/leader", ErrUsage, node, node)
	}
	name := names[0]
	client, err := control.Connect(c.Dir.Node(name))
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	c.Note("asking %s", name)
	if err := client.Profile(ctx, what, seconds, w); err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	return nil
}
