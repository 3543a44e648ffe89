package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"meridian/cluster/keyview"
)

// Loss says what would be lost if Regions (none named: each of them) died now, one at a time, and what could be done
// without it. Regions that nobody can speak for are named in silent: what they alone hold is not known.
func (c *Cluster) Loss(ctx context.Context, regions []string) (losses []keyview.Loss, silent []string, err error) {
	for _, name := range regions {
		if !slices.Contains(c.File.Names(), name) {
			return nil, nil, fmt.Errorf("%w: the cluster has no Region %q; it has %s", ErrUsage, name, strings.Join(c.File.Names(), ", "))
		}
	}
	if len(regions) == 0 {
		regions = c.File.Names()
	}
	held, silent := c.Holdings(ctx)
	single := map[string]int{}
	for _, r := range held.Rests {
		single[r.Region] = r.SingleRegion
	}
	return keyview.Losses(regions, c.File.Names(), silent, held.States, single), silent, nil
}
