package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"meridian/cluster/control"
)

// Explain asks a Region whether somebody may do something, and why.
func (c *Cluster) Explain(ctx context.Context, region string, q control.Question) (control.Reasons, error) {
	r, ok := c.File.Region(region)
	if !ok {
		return control.Reasons{}, fmt.Errorf("%w: the cluster has no Region %q; it has %s", ErrUsage, region, strings.Join(c.File.Names(), ", "))
	}
	client, err := c.anyNode(ctx, r)
	if err != nil {
		return control.Reasons{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, replayTime)
	defer cancel()
	reasons, err := client.Explain(ctx, q)
	var refusal *control.Refusal
	if errors.As(err, &refusal) && refusal.Status == http.StatusBadRequest {
		return reasons, fmt.Errorf("%w: %s", ErrUsage, refusal.Reason)
	}
	return reasons, err
}
