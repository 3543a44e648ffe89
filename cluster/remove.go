package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"meridian/cluster/fault"
	"meridian/cluster/layout"
)

// Removal is what Remove did.
type Removal struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	Aside string `json:"aside,omitempty"` // where the folder is now; empty: there was none, or it was deleted
}

// Remove ends a node's membership, its process, and its place in the cluster: a leader hands over first. Its folder is
// put aside, or deleted. Nothing is changed where no majority of the voters that stay would answer.
//
// Whatever ends Remove early, the same call again completes it.
func (c *Cluster) Remove(ctx context.Context, name string, deleteFolder bool) (Removal, error) {
	if err := c.checkNode(name, "remove"); err != nil {
		return Removal{}, err
	}
	unlock, err := c.claimRegion(layout.RegionOf(name))
	if err != nil {
		return Removal{}, err
	}
	defer unlock()
	file, err := layout.ReadCluster(c.Dir)
	if err != nil {
		return Removal{}, err
	}
	c.File = file
	target, ok := file.Node(name)
	if !ok {
		return Removal{}, fmt.Errorf("node %s was removed by another command meanwhile", name)
	}
	region, _ := file.Region(layout.RegionOf(name))
	if left := region.Voters(); !target.ReadReplica && len(left) == 1 {
		return Removal{}, fmt.Errorf("node %s is the only one of %s that votes: 0 voters would be left", name, region.Name)
	}
	r := &remover{
		changer: &changer{Cluster: c, region: *region, target: *target, again: "meridian remove " + name},
		did:     Removal{Name: name, ID: target.ID},
	}
	err = r.remove(ctx, deleteFolder)
	return r.did, err
}

// checkNode says whether a node of that name exists.
func (c *Cluster) checkNode(name, verb string) error {
	if _, ok := c.File.Node(name); ok {
		return nil
	}
	if err := c.checkPlace(name); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s is not a node: %s one at a time, such as %s", ErrUsage, name, verb, layout.NodeName(name, 1))
}

// remover removes one node.
type remover struct {
	*changer
	did Removal
}

// remove does the steps in an order in which each can be done again: cluster.json, by which the node is known, comes
// last.
func (r *remover) remove(ctx context.Context, deleteFolder bool) error {
	if err := r.removeOld(ctx); err != nil {
		return err
	}
	if err := r.endOld(ctx); err != nil {
		return err
	}
	place := string(r.Dir.Node(r.target.Name))
	if deleteFolder {
		if err := keepAudit(place, time.Now()); err != nil {
			return err
		}
		if err := os.RemoveAll(place); err != nil {
			return err
		}
	} else {
		aside, err := putAside(place, removedSuffix, time.Now())
		if err != nil {
			return err
		}
		if r.did.Aside = aside; aside != "" {
			r.Note("its folder is %s: remove it when nobody needs it, it holds keys", aside)
		}
	}
	if err := r.changeRegion(r.region.Name, func(region *layout.Region) error {
		region.Nodes = slices.DeleteFunc(region.Nodes, func(n layout.Node) bool { return n.Name == r.target.Name })
		return nil
	}); err != nil {
		return err
	}
	return errors.Join(r.pushLayout(ctx), r.dropFaults(ctx))
}

// dropFaults ends the faults of the node: one that comes under its name is not to find itself cut off.
func (r *remover) dropFaults(ctx context.Context) error {
	names := func(rule fault.Rule) bool { return rule.A == r.target.Name || rule.B == r.target.Name }
	rules, err := r.Faults()
	if err != nil || !slices.ContainsFunc(rules, names) {
		return err
	}
	return r.changeFaults(ctx, func(t fault.Table) fault.Table {
		return fault.Table{Format: t.Format, Version: t.Version + 1, Rules: slices.DeleteFunc(t.Live(time.Now()), names)}
	})
}
