package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"meridian/cluster/fault"
	"meridian/cluster/layout"
	"meridian/region"
	"meridian/replication/httpbus"
	"meridian/replication/natsbus"
)

// lookEvery is how often a node looks whether cluster.json has changed.
const lookEvery = 500 * time.Millisecond

// around is cluster.json as this node goes by it: nodes come and go while it runs, everything else stays.
func (n *Node) around() *layout.Cluster { return n.layout.Load() }

// aroundRegion is this node's Region in it.
func (n *Node) aroundRegion() *layout.Region {
	r, _ := n.around().Region(n.config.Region.Name) // reread lets nothing else in
	return r
}

// openAround begins to follow cluster.json.
func (n *Node) openAround() error {
	n.apply(&n.config.Cluster)
	if n.config.Layout == "" {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.watchLayout(ctx)
	}()
	n.later(func() { cancel(); <-done })
	return nil
}

// watchLayout reads cluster.json whenever it is another file than before.
func (n *Node) watchLayout(ctx context.Context) {
	var seen os.FileInfo
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		now, err := os.Stat(n.config.Layout.ClusterFile())
		if err == nil && (seen == nil || !os.SameFile(seen, now) || !seen.ModTime().Equal(now.ModTime())) {
			seen = now
			if err := n.reread(); err != nil {
				n.config.Logger.Warn("cluster.json is not followed, the nodes stay as they were", "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reread reads cluster.json and goes by its nodes from now on. Who is no longer in it goes by what it knew: its end
// is for others to bring about.
func (n *Node) reread() error {
	if n.config.Layout == "" {
		return nil
	}
	n.rereading.Lock()
	defer n.rereading.Unlock()
	next, err := layout.ReadCluster(n.config.Layout)
	if err != nil {
		return err
	}
	if err := checkLayout(next, &n.config); err != nil {
		return fmt.Errorf("%s %w", n.config.Layout.ClusterFile(), err)
	}
	n.apply(next)
	return nil
}

// checkLayout refuses a cluster.json that a node which runs cannot go by.
func checkLayout(next *layout.Cluster, c *Config) error {
	own, ok := next.Node(c.Node.Name)
	switch {
	case next.ID != c.Cluster.ID || !slices.Equal(next.Names(), c.Cluster.Names()):
		return errors.New("is of another cluster, or of other Regions, than this node was started with")
	case !ok || own.ID != c.Node.ID:
		return fmt.Errorf("does not name this node (%s) any more", c.Node.ID)
	}
	return nil
}

// apply tells every part of this node which nodes there are.
func (n *Node) apply(next *layout.Cluster) {
	n.layout.Store(next)
	n.config.Faults.SetNames(fault.Names(next))
	for _, r := range next.Regions {
		if r.Name == n.config.Region.Name {
			n.region.SetNeighbours(neighbours(&r, n.config.Node.Name))
			if n.limiter != nil {
				n.limiter.SetNodes(len(r.Nodes))
			}
			continue
		}
		n.direct.SetNodes(r.Name, directNodes(&r))
		if n.nats != nil {
			n.nats.SetNodes(r.Name, natsNodes(&r))
		}
	}
}

// neighbours are the nodes around one of a Region.
func neighbours(r *layout.Region, self string) region.Neighbours {
	around := region.Neighbours{Voters: len(r.Voters())}
	for _, other := range r.Nodes {
		if other.Name == self {
			continue
		}
		around.Others = append(around.Others, other.Internal)
		if !other.ReadReplica {
			around.OtherVoters = append(around.OtherVoters, other.Internal)
		}
	}
	return around
}

func directNodes(r *layout.Region) (nodes []httpbus.Node) {
	for _, other := range r.Nodes {
		nodes = append(nodes, httpbus.Node{Name: other.Name, Addr: other.Internal})
	}
	return nodes
}

func natsNodes(r *layout.Region) (nodes []natsbus.Node) {
	for _, other := range r.Nodes {
		nodes = append(nodes, natsbus.Node{Name: other.Name, Addr: other.NATS})
	}
	return nodes
}

// postLayout has this node read cluster.json now, not at its next look.
func (n *Node) postLayout(w http.ResponseWriter, _ *http.Request) {
	if err := n.reread(); err != nil {
		refuse(w, http.StatusConflict, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
