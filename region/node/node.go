package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"meridian/cluster/layout"
	"meridian/eventlog/raftlog"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/primitive/builtin"
	"meridian/region"
	"meridian/region/audit"
	"meridian/region/forward"
	"meridian/region/keystore"
	"meridian/region/node/metrics"
	"meridian/region/sessions"
	"meridian/region/throttle"
	"meridian/replication"
	"meridian/replication/httpbus"
	"meridian/replication/natsbus"
)

// closeTimeout bounds the orderly part of Close: moving leadership, ending running requests.
const closeTimeout = 2 * time.Second

// Node is a running node.
type Node struct {
	config  Config
	started time.Time

	store  *keystore.Store
	port   *forward.Port
	peers  *forward.Client
	log    *raftlog.Log
	bus    replication.Bus // between Regions
	direct *httpbus.Bus    // part of it
	nats   *natsbus.Bus    // part of it; nil: the cluster does without
	region *region.Region
	keys   *sessions.Keeper
	audit  *audit.Log
	relay  *replication.Relay
	// metrics say how all of these fare.
	metrics *metrics.Node
	// limiter counts calls; nil: nobody does.
	limiter *throttle.Limiter
	behind  atomic.Pointer[region.Region] // the same, for the store's callback, which is older

	layout    atomic.Pointer[layout.Cluster] // as this node goes by it
	rereading sync.Mutex
	members   *members
	joining   atomic.Bool // this node's folder does not say yet that it is a member

	servers []*http.Server
	undo    []func() // what Close does, last first
}

// Start starts a node. Whatever it started before an error is stopped again; the listeners of c are
// closed in any case.
func Start(c Config) (*Node, error) {
	n := &Node{config: c, started: c.Wall()}
	n.metrics = metrics.New(metrics.Identity{Region: c.Region.Name, Node: c.Node.Name, Version: c.Version})
	if c.Throttle != nil {
		n.limiter = throttle.New(c.Throttle, len(c.Region.Nodes), time.Now)
	}
	for _, l := range []net.Listener{c.KMS, c.Internal, c.Admin} {
		n.later(func() { l.Close() })
	}
	for _, step := range []func() error{n.openStore, n.openPort, n.openLog, n.openMembers, n.openBus, n.openIdentity, n.openRegion, n.openAround, n.openAudit, n.serve} {
		if err := step(); err != nil {
			n.unwind()
			return nil, fmt.Errorf("start node %s: %w", c.Node.Name, err)
		}
	}
	return n, nil
}

func (n *Node) later(f func()) { n.undo = append(n.undo, f) }

func (n *Node) unwind() {
	for i := len(n.undo) - 1; i >= 0; i-- {
		n.undo[i]()
	}
	n.undo = nil
}

// Close ends the node: leadership moves away, requests that run are given time, files are closed.
func (n *Node) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if n.log.Leadership().Leader {
		if err := n.log.Transfer(ctx); err != nil {
			n.config.Logger.Info("leadership could not be moved away", "err", err)
		}
	}
	for _, s := range n.servers {
		if s.Shutdown(ctx) != nil {
			s.Close()
		}
	}
	n.unwind()
}

func (n *Node) place() keyengine.Place {
	name := n.config.Region.Name
	return keyengine.Place{Partition: arn.PartitionOf(name), Region: name}
}

// openStore opens the applied state.
func (n *Node) openStore() (err error) {
	c := &n.config
	n.store, err = keystore.Open(keystore.Config{
		Dir: c.Dir.State(), ClusterID: c.Cluster.ID, Region: c.Region.Name,
		Domain: region.Domain{Place: n.place()}, Fatal: c.Fatal, Logger: c.Logger,
		OnApply: func(change keystore.Change) {
			if r := n.behind.Load(); r != nil {
				r.Changed(change.Keys, change.At, change.All)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("%s: %w; %s", c.Dir.State(), err, c.remedy(err))
	}
	n.later(func() {
		if err := n.store.Close(); err != nil {
			c.Logger.Warn("store not closed in order", "err", err)
		}
	})
	return nil
}

// openPort opens the internal port.
func (n *Node) openPort() error {
	c := &n.config
	self := forward.Hello{Cluster: c.Cluster.ID, Region: c.Region.Name, Node: c.Node.Name}
	n.port = forward.Listen(c.Internal, self, forward.DialFunc(c.Faults.CallDialer(new(net.Dialer).DialContext)), c.Logger)
	n.peers = forward.NewClient(n.port)
	n.later(func() { n.peers.Close(); n.port.Close() })
	return nil
}

// openLog joins the Region's Raft group.
func (n *Node) openLog() (err error) {
	c := &n.config
	transport := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: n.port.Raft(), MaxPool: 4, Timeout: 2 * time.Second, Logger: raftlog.Logger(c.Logger),
	})
	var bootstrap []raftlog.Member
	if !c.Region.Bootstrapped {
		for _, other := range c.Region.Nodes {
			bootstrap = append(bootstrap, raftlog.Member{ID: other.ID, Addr: other.Internal, Voter: !other.ReadReplica})
		}
	}
	n.log, err = raftlog.Open(raftlog.Config{
		Dir: c.Dir.Raft(), ID: c.Node.ID, Addr: c.Node.Internal, Transport: transport, StateMachine: n.store,
		Bootstrap: bootstrap, Join: c.Joining, Logger: c.Logger, Fatal: c.Fatal,
		Timeouts: c.Timeouts, Snapshots: c.Snapshots, Wrote: n.metrics.Wrote,
	})
	if err != nil {
		transport.Close()
	}
	switch {
	case newer(err):
		return fmt.Errorf("%s: %w; %s", c.Dir.Raft(), err, c.outdated())
	case errors.Is(err, raftlog.ErrLostDisk):
		return fmt.Errorf("%s: %w: this node lost its disk and must not come back under its old id, for it forgot its votes; %s",
			c.Dir.Raft(), err, c.cure())
	case err != nil:
		return fmt.Errorf("%s: %w: do not repair it; %s", c.Dir.Raft(), err, c.cure())
	}
	n.later(func() {
		if err := n.log.Close(); err != nil {
			c.Logger.Warn("log not closed in order", "err", err)
		}
	})
	return nil
}

// openRegion starts this node's part of the Region.
func (n *Node) openRegion() error {
	c := &n.config
	var regions []string
	around := neighbours(&c.Region, c.Node.Name)
	var peers []replication.Peer
	for _, r := range c.Cluster.Regions {
		regions = append(regions, r.Name)
		peers = append(peers, replication.Peer{Region: r.Name, SigningKey: r.SigningKey})
	}
	primitives := builtin.Set()
	if c.Generator == nil {
		keys := newGenerator(primitives, c.Random)
		n.later(keys.Close)
		c.Generator = keys
	}
	n.region = region.New(region.Config{
		Place: n.place(), Regions: regions, Node: c.Node.Name, Nodes: around.Voters, OtherNodes: around.Others,
		LeastLife: c.Region.Life, Store: keystore.Reads{Store: n.store}, Log: n.log, Ring: c.Ring, SaveRing: c.saveRing, Peers: n.peers,
		Primitives: primitives, Generator: c.Generator, Random: c.Random, Wall: c.Wall, Consistency: c.Consistency, HashEvery: c.HashEvery,
		Attestation: c.Attestation, Directory: n.keys.Directory, Dial: c.Dial, Able: n.members.able,
		Soft: c.Cluster.Authorization == "soft", Explain: c.Cluster.Explain, GrantDelay: c.Cluster.GrantDelay(),
		NewRelay: func(of replication.Region) region.Relay {
			return n.newRelay(replication.Config{
				Place: n.place(), ClusterID: c.Cluster.ID, Peers: peers, Region: of, Ring: c.Ring, Bus: n.bus, Dial: c.Dial, Tracer: c.Tracer, Logger: c.Logger,
			})
		},
		Observe: n.metrics.Decided, Logger: c.Logger,
	})
	n.behind.Store(n.region)
	n.later(n.region.Close)
	return nil
}

// openIdentity reads who may call, and keeps up with it.
func (n *Node) openIdentity() (err error) {
	c := &n.config
	n.keys, err = sessions.Open(sessions.Config{
		File: c.Identity, Partition: n.place().Partition, Seal: c.Sessions, Random: c.Random,
		Development: developmentKeys(c.KMS.Addr()), Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		n.keys.Watch(ctx)
	}()
	n.later(func() { cancel(); <-watched })
	return nil
}

// ready reports whether this node answers for its Region: it has caught up once, knows a leader and has
// heard it lately.
func (n *Node) ready() bool { return n.unready() == "" }

// unready says why this node does not answer for its Region; empty: it does.
func (n *Node) unready() string {
	l := n.log.Leadership()
	switch {
	case !n.region.Ready():
		return "has not caught up with its Region's leader yet"
	case !n.region.Fresh():
		return "has not heard its Region's leader lately: cut off, or its Region has no majority"
	case !l.Leader && l.Addr == "":
		return "knows no leader of its Region"
	}
	return ""
}

// logServer answers for an HTTP server that ended on its own.
func logServer(log *slog.Logger, what string, err error) {
	if !errors.Is(err, http.ErrServerClosed) {
		log.Error(what+" ended", "err", err)
	}
}
