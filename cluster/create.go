package cluster

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"meridian/cluster/layout"
	"meridian/keyengine/keyring"
)

// Defaults of a new cluster.
const (
	DefaultPort  = 4566
	DefaultNodes = 3
	DefaultHost  = "127.0.0.1"
)

// DefaultRegions are the Regions of a new cluster.
func DefaultRegions() []string { return []string{"us-east-1", "eu-west-1", "ap-southeast-2"} }

// Options are what `up` was asked for; zero values: as stored, or the defaults of a new cluster.
type Options struct {
	Regions     []string
	Nodes       int
	Port        int
	Consistency string
	Transport   string // between Regions: layout.TransportAuto or layout.TransportHTTP
	// Throttle is the YAML of package throttle; empty: no request quotas, nil: those that the cluster has.
	Throttle []byte
	Decisions
	Logging
	// AttestationRoots is PEM: the certificates that attestation documents must lead to.
	AttestationRoots []byte
	// Identity says who may call; nil: as stored, or whom nobody wrote down.
	Identity *Identity
	// Check judges the Regions that the cluster is to have before anything is written; nil: all will do.
	Check func(regions []string) error
}

func (o *Options) check(regions []string) error {
	if o.Check == nil {
		return nil
	}
	if err := o.Check(regions); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return nil
}

// Prepare opens the cluster of a folder, adds the Regions that it lacks, or makes a new cluster. It writes nothing
// before it knows that nothing is in the way.
func Prepare(dir string, o Options, p Program, note func(string, ...any)) (*Cluster, error) {
	d, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	file, err := layout.ReadCluster(d)
	if errors.Is(err, fs.ErrNotExist) {
		return create(d, o, p, note)
	}
	if err != nil {
		return nil, err
	}
	if err := knowsProcesses(d); err != nil {
		return nil, err
	}
	c := &Cluster{Dir: d, File: file, Program: p, Note: note}
	return c, c.accommodate(o)
}

// create makes the folder of a new cluster beside its place and moves it there when it is complete.
func create(d layout.Dir, o Options, p Program, note func(string, ...any)) (*Cluster, error) {
	if entries, err := os.ReadDir(string(d)); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty and holds no cluster.json: name another folder with --data; nothing was changed", d)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, err := plan(o)
	if err != nil {
		return nil, err
	}
	if err := o.check(file.Names()); err != nil {
		return nil, err
	}
	c := &Cluster{Dir: d, File: file, Program: p, Note: note}
	if err := c.checkPorts(allPorts(file)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(string(d)), 0o755); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(string(d)), filepath.Base(string(d))+".new-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	for i := range file.Regions {
		if err := writeRegion(layout.Dir(temp), file, &file.Regions[i]); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(writeRoots(layout.Dir(temp), o.AttestationRoots), writeThrottle(layout.Dir(temp), o.Throttle), writeIdentity(layout.Dir(temp), o.Identity)); err != nil {
		return nil, err
	}
	if o.Identity != nil {
		if file.Identity, err = filepath.Abs(o.Identity.Path); err != nil {
			return nil, err
		}
	}
	if err := layout.WriteCluster(layout.Dir(temp), file); err != nil {
		return nil, err
	}
	if err := os.Rename(temp, string(d)); err != nil { // fails if something came there meanwhile
		return nil, err
	}
	note("made a cluster in %s: %s, %d nodes each", d, strings.Join(file.Names(), ", "), len(file.Regions[0].Nodes))
	return c, nil
}

// plan lays out a new cluster.
func plan(o Options) (*layout.Cluster, error) {
	if len(o.Regions) == 0 {
		o.Regions = DefaultRegions()
	}
	if o.Nodes == 0 {
		o.Nodes = DefaultNodes
	}
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if o.Nodes < 1 || o.Nodes > layout.MaxNodes {
		return nil, fmt.Errorf("%w: --nodes %d is not between 1 and %d", ErrUsage, o.Nodes, layout.MaxNodes)
	}
	c := &layout.Cluster{
		Format: layout.Format, ID: uuid.NewString(), Host: DefaultHost, Port: o.Port, Consistency: o.Consistency, Transport: o.Transport,
	}
	if err := o.Logging.enter(c); err != nil {
		return nil, err
	}
	if err := o.Decisions.enter(c); err != nil {
		return nil, err
	}
	for _, name := range o.Regions {
		c.Regions = append(c.Regions, planRegion(c, name, o.Nodes))
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return c, nil
}

// planRegion lays out the next Region of a cluster.
func planRegion(c *layout.Cluster, name string, nodes int) layout.Region {
	i := len(c.Regions) + 1
	r := layout.Region{Name: name, Port: layout.RegionPort(c.Port, i)}
	for n := 1; n <= nodes; n++ {
		r.Nodes = append(r.Nodes, planNode(c, &r, n))
	}
	return r
}

// planNode lays out node n of a Region.
func planNode(c *layout.Cluster, r *layout.Region, n int) layout.Node {
	port := r.Port + n
	return layout.Node{
		Name: layout.NodeName(r.Name, n), ID: uuid.NewString(),
		KMS: c.Addr(port), Internal: c.Addr(port + layout.InternalOffset), NATS: c.Addr(port + layout.NATSOffset),
	}
}

// writeRegion makes the key ring of a Region and the folders of its nodes below d, and enters its public keys in r.
func writeRegion(d layout.Dir, c *layout.Cluster, r *layout.Region) error {
	ring, err := keyring.New(c.ID, r.Name, rand.Reader)
	if err != nil {
		return err
	}
	r.SigningKey, r.NKey = ring.Public().Signing, ring.Public().NKey
	for _, n := range r.Nodes {
		if err := os.MkdirAll(string(d.Node(n.Name)), 0o700); err != nil {
			return err
		}
		f := layout.NodeFile{Format: layout.Format, ClusterID: c.ID, Region: r.Name, Name: n.Name, ID: n.ID}
		if err := writeNode(d.Node(n.Name), ring, f); err != nil {
			return err
		}
	}
	return nil
}

// accommodate refuses what differs from the stored cluster and adds Regions that are new.
func (c *Cluster) accommodate(o Options) error {
	if o.Port != 0 && o.Port != c.File.Port {
		return fmt.Errorf("%w: the cluster in %s has port %d, not %d", ErrUsage, c.Dir, c.File.Port, o.Port)
	}
	if have := len(c.File.Regions[0].Nodes); o.Nodes != 0 && !slices.ContainsFunc(c.File.Regions, func(r layout.Region) bool { return len(r.Nodes) == o.Nodes }) {
		return fmt.Errorf("%w: the cluster in %s has %d nodes in a Region, not %d (see `meridian add` and `meridian remove`)", ErrUsage, c.Dir, have, o.Nodes)
	}
	added := slices.DeleteFunc(slices.Clone(o.Regions), func(name string) bool {
		_, ok := c.File.Region(name)
		return ok
	})
	if err := o.check(append(c.File.Names(), added...)); err != nil {
		return err
	}
	if err := c.changeSetting("consistency", &c.File.Consistency, o.Consistency); err != nil {
		return err
	}
	if err := c.changeSetting("transport", &c.File.Transport, o.Transport); err != nil {
		return err
	}
	if err := c.changeLogging(o.Logging); err != nil {
		return err
	}
	if err := c.changeDecisions(o.Decisions); err != nil {
		return err
	}
	if err := c.changeRoots(o.AttestationRoots); err != nil {
		return err
	}
	if err := c.changeThrottle(o.Throttle); err != nil {
		return err
	}
	if err := c.changeIdentity(o.Identity); err != nil {
		return err
	}
	if len(o.Regions) == 0 {
		return nil
	}
	for _, name := range c.File.Names() {
		if !slices.Contains(o.Regions, name) {
			return fmt.Errorf("%w: the cluster in %s has the Region %s, which --regions leaves out; Regions can be added, not removed", ErrUsage, c.Dir, name)
		}
	}
	return c.addRegions(added)
}

// addRegions makes Regions in a cluster that does not run: its nodes learn of each other when they start.
func (c *Cluster) addRegions(names []string) error {
	if len(names) == 0 {
		return nil
	}
	if c.alive() {
		return fmt.Errorf("%w: a running cluster cannot get new Regions (%s): stop it with `meridian down`, then repeat this", ErrUsage, strings.Join(names, ", "))
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	next := *c.File
	next.Regions = slices.Clone(c.File.Regions)
	for _, name := range names {
		next.Regions = append(next.Regions, planRegion(&next, name, len(next.Regions[0].Voters())))
	}
	if err := next.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if err := c.checkPorts(allPorts(&next)); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(string(c.Dir), ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	for i := len(c.File.Regions); i < len(next.Regions); i++ {
		r := &next.Regions[i]
		if err := writeRegion(layout.Dir(temp), &next, r); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(temp, r.Name), filepath.Join(string(c.Dir), r.Name)); err != nil {
			return err
		}
	}
	if err := layout.WriteCluster(c.Dir, &next); err != nil {
		return err
	}
	c.File = &next
	c.Note("added %s", strings.Join(names, ", "))
	return nil
}

// changeSetting writes what was asked for to cluster.json, in the place of what is there, unless nodes run by that.
func (c *Cluster) changeSetting(name string, now *string, asked string) error {
	if asked == "" || asked == *now {
		return nil
	}
	if c.alive() {
		return fmt.Errorf("%w: the cluster runs with %s %q; stop it with `meridian down` to change that", ErrUsage, name, *now)
	}
	*now = asked
	return layout.WriteCluster(c.Dir, c.File)
}
