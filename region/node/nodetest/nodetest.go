// Package nodetest runs real nodes in the process of a test: real Raft, Pebble and NATS on loopback
// sockets and files of their own.
package nodetest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/uuid"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/eventlog/raftlog"
	"meridian/keyengine"
	"meridian/keyengine/keyring"
	"meridian/region/node"
)

// Cluster is a cluster of nodes in this process.
type Cluster struct {
	T     testing.TB
	Dir   layout.Dir
	File  layout.Cluster
	Nodes map[string]*node.Node // the running ones, by name

	change func(*node.Config)
	held   map[string][]net.Listener // ports of nodes that have not been started, by name
}

// New makes a cluster and starts its nodes. They end with the test.
func New(t testing.TB, nodes int, regions ...string) *Cluster {
	t.Helper()
	return NewWith(t, func(*node.Config) {}, nodes, regions...)
}

// NewWith is New with nodes whose configuration is changed before each start.
func NewWith(t testing.TB, change func(*node.Config), nodes int, regions ...string) *Cluster {
	t.Helper()
	c := &Cluster{T: t, Dir: layout.Dir(t.TempDir()), Nodes: map[string]*node.Node{}, change: change, held: map[string][]net.Listener{}}
	c.File = layout.Cluster{Format: layout.Format, ID: uuid.NewString(), Host: "127.0.0.1", Port: 4566}
	for i, name := range regions {
		c.File.Regions = append(c.File.Regions, c.region(name, i+1, nodes))
	}
	c.must(layout.WriteCluster(c.Dir, &c.File))
	for _, r := range c.File.Regions {
		for _, n := range r.Nodes {
			c.Start(n.Name)
		}
	}
	t.Cleanup(func() {
		for _, n := range c.Nodes {
			n.Close()
		}
	})
	return c
}

// region makes the folders of a Region's nodes.
func (c *Cluster) region(name string, i, nodes int) layout.Region {
	ring, err := keyring.New(c.File.ID, name, rand.Reader)
	c.must(err)
	public := ring.Public()
	r := layout.Region{Name: name, Port: layout.RegionPort(c.File.Port, i), SigningKey: public.Signing, NKey: public.NKey}
	for n := 1; n <= nodes; n++ {
		node := layout.Node{Name: layout.NodeName(name, n), ID: uuid.NewString()}
		for _, addr := range []*string{&node.KMS, &node.Internal, &node.NATS} {
			l := hold(c.T)
			*addr, c.held[node.Name] = l.Addr().String(), append(c.held[node.Name], l)
		}
		dir := c.Dir.Node(node.Name)
		c.must(os.MkdirAll(string(dir), 0o700))
		root, err := keyring.CreateRoot(dir.RootKey(), rand.Reader)
		c.must(err)
		c.must(ring.Save(dir.Keystore(), root, rand.Reader))
		c.must(layout.WriteNode(dir, layout.NodeFile{
			Format: layout.Format, ClusterID: c.File.ID, Region: name, Name: node.Name, ID: node.ID,
		}))
		r.Nodes = append(r.Nodes, node)
	}
	return r
}

// Start starts the node called name.
func (c *Cluster) Start(name string) {
	c.T.Helper()
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelInfo
	}
	for _, l := range c.held[name] {
		l.Close()
	}
	delete(c.held, name)
	config, err := node.Load(c.Dir, name, slog.New(slog.NewTextHandler(writer{c.T}, &slog.HandlerOptions{Level: level})).With("node", name))
	c.must(err)
	config.Timeouts = raftlog.Timeouts{Heartbeat: 200 * time.Millisecond, Election: 200 * time.Millisecond, Lease: 100 * time.Millisecond}
	config.HashEvery = 8 // often enough for short tests
	config.Fatal = func(err error) { panic(fmt.Sprintf("node %s: %v", name, err)) }
	c.change(&config)
	n, err := node.Start(config)
	c.must(err)
	c.Nodes[name] = n
}

// Stop stops the node called name in order.
func (c *Cluster) Stop(name string) {
	c.Nodes[name].Close()
	delete(c.Nodes, name)
}

// Ready waits until every running node answers for its Region.
func (c *Cluster) Ready() {
	c.T.Helper()
	c.Eventually("every node is ready", func() bool {
		for _, n := range c.Nodes {
			if !n.Status().Ready {
				return false
			}
		}
		return true
	})
}

// Client returns an SDK client of one node.
func (c *Cluster) Client(name string) *kms.Client {
	n, ok := c.File.Node(name)
	if !ok {
		c.T.Fatalf("no node %s", name)
	}
	return kms.New(kms.Options{
		Region: layout.RegionOf(name), BaseEndpoint: aws.String("http://" + n.KMS),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// Leveled waits until every Region has the newest feature level, as it has soon after its nodes run the same program, and
// knows that the others do.
func (c *Cluster) Leveled() {
	c.T.Helper()
	c.Eventually("every Region has the newest feature level", func() bool {
		for name, n := range c.Nodes {
			if n.Status().FeatureLevel < keyengine.FeatureLevel || slices.ContainsFunc(c.lags(name), func(l control.Lag) bool { return l.FeatureLevel < keyengine.FeatureLevel }) {
				return false
			}
		}
		return true
	})
}

// lags is what a node says of the other Regions if it leads.
func (c *Cluster) lags(name string) []control.Lag {
	admin, err := control.Connect(c.Dir.Node(name))
	if err != nil {
		return nil
	}
	lags, _ := admin.Lag(c.T.Context())
	return lags
}

// Settled waits until the other Regions have told the Region of a node, its leader, that they know all it has to say: a
// replica that is Enabled is known as such then.
func (c *Cluster) Settled(name string) {
	c.T.Helper()
	c.Eventually("the other Regions know all that "+name+" says", func() bool {
		lags := c.lags(name)
		return len(lags) > 0 && !slices.ContainsFunc(lags, func(l control.Lag) bool { return l.PendingKeys > 0 })
	})
}

// Eventually waits for a condition, for half a minute.
func (c *Cluster) Eventually(what string, ok func() bool) {
	c.T.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			c.T.Fatalf("waited in vain until %s", what)
		}
	}
}

func (c *Cluster) must(err error) {
	c.T.Helper()
	if err != nil {
		c.T.Fatal(err)
	}
}

// hold takes a port that nobody listens on, and keeps it from others until the node is started. Outgoing
// connections never get one of these: they come from ports beyond.
func hold(t testing.TB) net.Listener {
	const first, beyond, tries = 10_240, 20_000, 100
	var err error
	for range tries {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+mathrand.IntN(beyond-first))); err == nil {
			t.Cleanup(func() { l.Close() })
			return l
		}
	}
	t.Fatalf("no free port: %v", err)
	return nil
}

// writer sends log lines to the test.
type writer struct{ t testing.TB }

func (w writer) Write(b []byte) (int, error) {
	w.t.Log(string(bytes.TrimSuffix(b, []byte("\n"))))
	return len(b), nil
}
