package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// Addition is what Add did.
type Addition struct {
	Name        string `json:"name"`
	ID          string `json:"id"`
	ReadReplica bool   `json:"readReplica,omitempty"`
}

// Add makes one more node of a running Region and returns when it has its vote and is ready; a read replica gets no
// vote, and is ready when it has caught up. Place is a Region, whose first free number the node gets, or the name of
// the node. Until the node has caught up the Region does not count on it.
//
// Whatever ends Add early, the same call again goes on from there.
func (c *Cluster) Add(ctx context.Context, place string, readReplica bool) (Addition, error) {
	region, ok := c.File.Region(layout.RegionOf(place))
	if !ok || place != region.Name && layout.NodeNumber(place) == 0 {
		return Addition{}, fmt.Errorf("%w: %q is neither a Region of the cluster (%s) nor a node with a number from 1 to %d, such as %s",
			ErrUsage, place, strings.Join(c.File.Names(), ", "), layout.MaxNodes, layout.NodeName(c.File.Regions[0].Name, 4))
	}
	unlock, err := c.claimRegion(region.Name)
	if err != nil {
		return Addition{}, err
	}
	defer unlock()
	a, err := c.newAdder(place, readReplica)
	if err != nil {
		return Addition{}, err
	}
	if a.target, ok = a.unfinished(ctx, place); ok {
		a.Note("node %s joins its Region already: going on from there", a.target.Name)
	} else if err := a.begin(ctx, place); err != nil {
		return Addition{}, err
	}
	did := Addition{Name: a.target.Name, ID: a.target.ID, ReadReplica: readReplica}
	if err := a.launch(a.target.Name); err != nil {
		return did, err
	}
	if err := a.awaitAdmin(ctx); err != nil {
		return did, err
	}
	if err := a.join(ctx); err != nil {
		return did, err
	}
	return did, a.awaitJoined(ctx)
}

// adder adds one node.
type adder struct {
	*changer
	readReplica bool
}

// newAdder looks at the Region as cluster.json has it now that nobody else changes it.
func (c *Cluster) newAdder(place string, readReplica bool) (*adder, error) {
	file, err := layout.ReadCluster(c.Dir)
	if err != nil {
		return nil, err
	}
	c.File = file
	region, ok := file.Region(layout.RegionOf(place))
	switch {
	case !ok:
		return nil, fmt.Errorf("the cluster has no Region %s any more", layout.RegionOf(place))
	case !region.Bootstrapped:
		return nil, fmt.Errorf("%s was never complete: bring it up first with `meridian up`", region.Name)
	}
	again := "meridian add " + place
	if place == region.Name {
		again = "meridian add --region " + place
	}
	if readReplica {
		again += " --read-replica"
	}
	return &adder{changer: &changer{Cluster: c, region: *region, again: again}, readReplica: readReplica}, nil
}

// unfinished finds the node that an earlier call began to add: by its own word, or by the leader's, it is not yet what
// it is to be.
func (a *adder) unfinished(ctx context.Context, place string) (layout.Node, bool) {
	var list []control.Member
	if client, err := a.leaderClient(ctx); err == nil {
		list, _ = a.members(ctx, client)
	}
	for _, n := range a.region.Nodes {
		if n.ReadReplica != a.readReplica || place != a.region.Name && n.Name != place {
			continue
		}
		f, err := layout.ReadNode(a.Dir.Node(n.Name))
		waits := slices.Contains(list, control.Member{ID: n.ID, Addr: n.Internal}) && !n.ReadReplica
		if err == nil && f.ID == n.ID && (f.Joining || waits) {
			return n, true
		}
	}
	return layout.Node{}, false
}

// begin enters a new node in cluster.json, with a folder. What can fail without harm comes first.
func (a *adder) begin(ctx context.Context, place string) error {
	if _, err := a.leaderClient(ctx); err != nil {
		return err
	}
	next, err := a.plan(place)
	if err != nil {
		return err
	}
	temp, err := a.makeFolder(next)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) // moved away if all went well
	if err := a.clear(next.Name); err != nil {
		return err
	}
	if err := os.Rename(temp, string(a.Dir.Node(next.Name))); err != nil {
		return err
	}
	if err := a.changeRegion(a.region.Name, func(region *layout.Region) error {
		region.Nodes = append(region.Nodes, next)
		slices.SortFunc(region.Nodes, func(x, y layout.Node) int { return layout.NodeNumber(x.Name) - layout.NodeNumber(y.Name) })
		return nil
	}); err != nil {
		return err
	}
	a.target = next
	a.Note("node %s is %s", next.Name, next.ID)
	return a.pushLayout(ctx)
}

// plan chooses the number of the new node, whose ports must be free.
func (a *adder) plan(place string) (next layout.Node, err error) {
	n := layout.NodeNumber(place)
	if n == 0 {
		for n = 1; n <= layout.MaxNodes; n++ {
			if _, taken := a.File.Node(layout.NodeName(a.region.Name, n)); !taken {
				break
			}
		}
	}
	if n > layout.MaxNodes {
		return next, fmt.Errorf("%s has %d nodes: there cannot be more", a.region.Name, layout.MaxNodes)
	}
	next = planNode(a.File, &a.region, n)
	next.ReadReplica = a.readReplica
	if old, taken := a.File.Node(next.Name); taken {
		return next, fmt.Errorf("%w: node %s is there already%s; `meridian replace` makes a lost node anew, and `meridian remove` completes a removal",
			ErrUsage, old.Name, map[bool]string{true: ", as a read replica"}[old.ReadReplica])
	}
	return next, a.checkPorts([]port{
		{next.KMS, "node " + next.Name, next.Name},
		{next.Internal, "node " + next.Name + ", internal", next.Name},
		{next.NATS, "node " + next.Name + ", NATS", next.Name},
	})
}

// clear makes room for a node's folder: one that no Region ever counted on goes, any other is put aside.
func (a *adder) clear(name string) error {
	place := a.Dir.Node(name)
	f, err := layout.ReadNode(place)
	if err == nil && f.Joining && f.ClusterID == a.File.ID {
		return os.RemoveAll(string(place))
	}
	_, err = os.Stat(string(place))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	aside, err := putAside(string(place), removedSuffix, time.Now())
	if aside != "" {
		a.Note("a folder that was in the way is %s", aside)
	}
	return err
}

// pushLayout has every node that runs read cluster.json now. Who does not hear it looks by itself.
func (c *Cluster) pushLayout(ctx context.Context) error {
	return c.push(ctx, c.running(), "the nodes of cluster.json", func(ctx context.Context, client *control.Client) error {
		err := client.ReloadLayout(ctx)
		var no *control.Refusal
		if errors.As(err, &no) { // it goes by what it knew, and has said why in its log
			return nil
		}
		return err
	})
}
