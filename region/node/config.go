package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"time"

	"meridian/cluster/fault"
	"meridian/cluster/layout"
	"meridian/eventlog/raftlog"
	"meridian/keyengine/attestation"
	"meridian/keyengine/keyring"
	"meridian/region"
	"meridian/region/throttle"
	"meridian/region/trace"
	"meridian/replication"
)

// Config is what a node is made of.
type Config struct {
	Cluster layout.Cluster
	Region  layout.Region // this node's
	Node    layout.Node   // this node
	Dir     layout.NodeDir
	Joining bool // the Region does not count on this node's log yet, which may be empty
	// Layout is the folder whose cluster.json says which nodes there are while this one runs; empty: those in Cluster.
	Layout layout.Dir

	KMS      net.Listener // the AWS API
	Internal net.Listener // Raft and forwarding
	Admin    net.Listener // loopback only
	NATSAddr string       // host:port to listen on
	Token    string       // that admin requests carry

	Ring        *keyring.Ring
	Sessions    *keyring.Sessions  // seals the session tokens of the cluster
	Identity    string             // path of the identity file, which need not be there
	Throttle    throttle.Profile   // request quotas; nil: calls are not counted
	Attestation *attestation.Roots // what attested callers lead to; nil: there are none
	Faults      *fault.Layer
	Dial        *replication.Dial // how the synchronisation between Regions is set; nil: nothing is held back
	Wall        func() time.Time
	Random      io.Reader
	Generator   region.Generator // makes key material; nil: a bounded pool of RSA keys, all else at once
	Consistency region.Consistency
	Timeouts    raftlog.Timeouts  // zero: those of a local cluster
	Snapshots   raftlog.Snapshots // zero: the usual ones
	HashEvery   uint64            // records between two that state the leader's digest; 0: the usual number
	Version     string
	Tracer      *trace.Tracer // nil: calls are not traced
	Logger      *slog.Logger

	// Fatal ends the process: this node's files cannot be trusted or written any more.
	Fatal func(error)
	// Stop asks for an orderly end, as the admin socket does; nil: it cannot be asked for.
	Stop func()
}

// Load makes the Config of the node called name from a cluster's folder, and opens its ports.
// Whatever it opened before an error is closed again.
func Load(dir layout.Dir, name string, log *slog.Logger) (c Config, err error) {
	cluster, err := layout.ReadCluster(dir)
	if err != nil {
		return c, err
	}
	node, ok := cluster.Node(name)
	if !ok {
		return c, fmt.Errorf("the cluster in %s has no node %q", dir, name)
	}
	ofNode, _ := cluster.Region(layout.RegionOf(name))
	c.Cluster, c.Region, c.Node = *cluster, *ofNode, *node
	c.Dir, c.Layout, c.Logger = dir.Node(name), dir, log
	if err := checkNodeFile(&c); err != nil {
		return c, err
	}
	if c.Consistency, err = region.ParseConsistency(c.Cluster.Consistency); err != nil {
		return c, fmt.Errorf("%s: %w", dir.ClusterFile(), err)
	}
	if c.Ring, err = openRing(&c); err != nil {
		return c, fmt.Errorf("open the key ring of %s: %w; %s", name, err, c.remedy(err))
	}
	c.Identity = dir.IdentityFile()
	if c.Sessions, err = keyring.OpenSessions(dir.SessionKey(), c.Cluster.ID, rand.Reader); err != nil {
		return c, err
	}
	if c.Attestation, err = loadRoots(dir); err != nil {
		return c, err
	}
	if c.Throttle, err = loadThrottle(dir, c.Region.Name); err != nil {
		return c, err
	}
	if c.Faults, err = loadFaults(dir, &c); err != nil {
		return c, err
	}
	if c.Dial, err = loadDial(dir); err != nil {
		return c, err
	}
	c.Wall, c.Random, c.NATSAddr = time.Now, rand.Reader, c.Node.NATS
	c.Token = rand.Text()
	return c, c.listen()
}

// openRing opens the Region's key ring with the node's root key.
func openRing(c *Config) (*keyring.Ring, error) {
	root, err := keyring.LoadRoot(c.Dir.RootKey())
	if err != nil {
		return nil, err
	}
	defer root.Destroy()
	ring, err := keyring.Load(c.Dir.Keystore(), root)
	if err != nil {
		return nil, err
	}
	if ring.ClusterID() != c.Cluster.ID || ring.Region() != c.Region.Name {
		return nil, fmt.Errorf("%s is the key ring of Region %s of cluster %s", c.Dir.Keystore(), ring.Region(), ring.ClusterID())
	}
	return ring, nil
}

// saveRing puts the key ring in the place of the one on the disk.
func (c *Config) saveRing() error {
	root, err := keyring.LoadRoot(c.Dir.RootKey())
	if err != nil {
		return err
	}
	defer root.Destroy()
	return c.Ring.Save(c.Dir.Keystore(), root, c.Random)
}

// loadRoots reads the roots of attestation documents, if the cluster has any.
func loadRoots(dir layout.Dir) (*attestation.Roots, error) {
	text, err := os.ReadFile(dir.AttestationRoots())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	roots, err := attestation.ParseRoots(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir.AttestationRoots(), err)
	}
	return roots, nil
}

// listen opens the ports, all or none.
func (c *Config) listen() (err error) {
	var opened []net.Listener
	open := func(addr string) net.Listener {
		if err != nil {
			return nil
		}
		l, failed := net.Listen("tcp", addr)
		if failed != nil {
			err = fmt.Errorf("node %s cannot listen on %s: %w", c.Node.Name, addr, failed)
			return nil
		}
		opened = append(opened, l)
		return l
	}
	c.KMS, c.Internal, c.Admin = open(c.Node.KMS), open(c.Node.Internal), open("127.0.0.1:0")
	if err != nil {
		for _, l := range opened {
			l.Close()
		}
	}
	return err
}

// checkNodeFile makes sure that the folder is this node's.
func checkNodeFile(c *Config) error {
	f, err := layout.ReadNode(c.Dir)
	if errors.Is(err, layout.ErrNewer) {
		return err // which says what to do
	}
	if err != nil {
		return fmt.Errorf("node %s: %w; %s", c.Node.Name, err, c.cure())
	}
	if f.ClusterID != c.Cluster.ID || f.ID != c.Node.ID || f.Name != c.Node.Name {
		return fmt.Errorf("%s belongs to node %s (%s) of cluster %s, not to node %s (%s) of cluster %s; nothing was changed",
			c.Dir, f.Name, f.ID, f.ClusterID, c.Node.Name, c.Node.ID, c.Cluster.ID)
	}
	c.Joining = f.Joining
	return nil
}

// cure is what helps a node whose files are lost or damaged.
func (c *Config) cure() string {
	return fmt.Sprintf("the Region goes on with its other nodes, and `meridian replace %s` makes this one anew", c.Node.Name)
}

// loadFaults makes the fault layer with the faults in force, before the first dial.
func loadFaults(dir layout.Dir, c *Config) (*fault.Layer, error) {
	layer := fault.New(c.Node.Name, fault.Names(&c.Cluster), uint64(time.Now().UnixNano()))
	table, err := fault.Load(dir.FaultsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return layer, nil
	}
	if err == nil {
		err = layer.Set(table)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir.FaultsFile(), err)
	}
	return layer, nil
}
