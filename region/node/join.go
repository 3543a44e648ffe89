package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meridian/cluster/layout"
	"meridian/eventlog/raftlog"
	"meridian/keyengine"
	"meridian/region"
	"meridian/region/forward"
)

// joinEvery is how often a node that joins looks whether it is a member.
const joinEvery = 50 * time.Millisecond

// openMembers begins to follow the membership.
func (n *Node) openMembers() error {
	c := &n.config
	n.members = &members{self: c.Node.ID, log: n.log, ask: n.peers.Standing, find: n.findNode}
	n.joining.Store(c.Joining)
	if !c.Joining {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.join(ctx)
	}()
	n.later(func() { cancel(); <-done })
	return nil
}

// join waits until the log says that this node is a member, and writes that down: from then on an
// empty log is a lost one. Only after that may the node get a vote.
func (n *Node) join(ctx context.Context) {
	c := &n.config
	c.Logger.Info("joining the Region", "id", c.Node.ID)
	tick := time.NewTicker(joinEvery)
	defer tick.Stop()
	for {
		if _, member := n.membership(ctx); member {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	f := layout.NodeFile{Format: layout.Format, ClusterID: c.Cluster.ID, Region: c.Region.Name, Name: c.Node.Name, ID: c.Node.ID}
	if err := layout.WriteNode(c.Dir, f); err != nil {
		c.Fatal(fmt.Errorf("write down that this node is a member: %w", err))
		return
	}
	n.joining.Store(false)
	c.Logger.Info("a member of the Region", "id", c.Node.ID)
}

// findNode finds the node of this Region with that internal address: the file may be newer than what this node knows.
func (n *Node) findNode(addr string) (found layout.Node, ok bool) {
	if err := n.reread(); err != nil {
		n.config.Logger.Warn("cluster.json could not be read again", "err", err)
	}
	nodes := n.aroundRegion().Nodes
	i := slices.IndexFunc(nodes, func(node layout.Node) bool { return node.Internal == addr })
	if i < 0 {
		return found, false
	}
	return nodes[i], true
}

// membership returns this node's own, as far as its log tells.
func (n *Node) membership(ctx context.Context) (m raftlog.Member, ok bool) {
	list, err := n.log.Members(ctx)
	if err != nil { // the log is closed
		return m, false
	}
	i := slices.IndexFunc(list, func(m raftlog.Member) bool { return m.ID == n.config.Node.ID })
	if i < 0 {
		return m, false
	}
	return list[i], true
}

// peer is what other nodes may ask this one.
type peer struct {
	*region.Region
	node *Node
}

var _ forward.Peer = peer{}

// Standing implements forward.Peer.
func (p peer) Standing() forward.Standing {
	return forward.Standing{ID: p.node.config.Node.ID, Last: p.node.log.Status().Last, Joining: p.node.joining.Load(), Level: keyengine.FeatureLevel}
}
