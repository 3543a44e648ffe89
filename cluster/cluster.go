package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"meridian/cluster/layout"
)

// Errors that the command line tells apart.
var (
	// ErrUsage: the request makes no sense for this cluster; nothing was done.
	ErrUsage = errors.New("usage")
	// ErrUnknown: it did not come true in time, or it cannot be known whether it did.
	ErrUnknown = errors.New("not known in time")
)

// Cluster is a cluster in a folder, running or not.
type Cluster struct {
	Dir     layout.Dir // absolute
	File    *layout.Cluster
	Program Program
	Note    func(format string, args ...any) // tells people what happens
}

// Open opens the cluster of a folder.
func Open(dir string, p Program, note func(string, ...any)) (*Cluster, error) {
	d, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	file, err := layout.ReadCluster(d)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no cluster in %s: start one with `meridian up`, or name its folder with --data", d)
	}
	if err != nil {
		return nil, err
	}
	if err := knowsProcesses(d); err != nil {
		return nil, err
	}
	return &Cluster{Dir: d, File: file, Program: p, Note: note}, nil
}

// Again is the cluster as its file says now: nodes come and go. Where the file cannot be read it is as it was.
func (c *Cluster) Again() *Cluster {
	now := *c
	if file, err := layout.ReadCluster(c.Dir); err == nil {
		now.File = file
	}
	return &now
}

// absolute is the one name of a folder, whatever links lead to it: processes are recognised by it.
func absolute(dir string) (layout.Dir, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return layout.Dir(path), nil
}

// lock keeps other commands from changing the cluster until unlock is called.
func (c *Cluster) lock() (unlock func(), err error) {
	f, err := os.Open(string(c.Dir))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", c.Dir, err)
	}
	return func() { f.Close() }, nil
}

// nodes returns the names of all nodes, in order.
func (c *Cluster) nodes() []string {
	var names []string
	for _, r := range c.File.Regions {
		for _, n := range r.Nodes {
			names = append(names, n.Name)
		}
	}
	return names
}

func (c *Cluster) node(name string) role { return nodeRole(c.Dir, name) }

// checkPlace says whether a Region or a node of that name exists.
func (c *Cluster) checkPlace(name string) error {
	if _, ok := c.File.Region(name); ok {
		return nil
	}
	if _, ok := c.File.Node(name); ok {
		return nil
	}
	return fmt.Errorf("%w: the cluster has no Region or node %q; it has %s, with nodes such as %s",
		ErrUsage, name, strings.Join(c.File.Names(), ", "), c.nodes()[0])
}

// running returns the nodes that have a live process which is not paused.
func (c *Cluster) running() []string {
	return slices.DeleteFunc(c.nodes(), func(name string) bool {
		p, ok := c.node(name).find()
		return !ok || p.paused
	})
}

// alive says whether any process of the cluster lives.
func (c *Cluster) alive() bool { return c.Living() > 0 }

// Living counts the processes of the cluster that live, the supervisor and the front door among them.
func (c *Cluster) Living() int {
	n := 0
	for _, r := range c.roles() {
		if _, ok := r.find(); ok {
			n++
		}
	}
	return n
}

// roles returns all roles, the supervisor first.
func (c *Cluster) roles() []role {
	roles := []role{supervisorRole(c.Dir), frontRole(c.Dir)}
	for _, name := range c.nodes() {
		roles = append(roles, c.node(name))
	}
	return roles
}
