package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/layout"
)

// superviseEnd bounds how long a supervisor may take to end everything.
const superviseEnd = 40 * time.Second

// Down ends every process of the cluster in a folder. It needs neither a supervisor nor a readable cluster.json, and
// doing it twice is the same as once. It returns whether anything ran.
func Down(ctx context.Context, dir string, note func(string, ...any)) (ran bool, err error) {
	d, err := absolute(dir)
	if err != nil {
		return false, err
	}
	if _, err := os.Stat(d.ClusterFile()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("no cluster in %s: name its folder with --data", d)
		}
		return false, err
	}
	if err := knowsProcesses(d); err != nil {
		return false, err
	}
	c := &Cluster{Dir: d, Note: note}
	s := supervisorRole(d)
	if p, ok := s.find(); ok {
		ran = true
		note("ending the supervisor (process %d)", p.pid)
		if s.signal(p, syscall.SIGTERM) == nil && !s.await(p, superviseEnd) {
			_ = s.signal(p, syscall.SIGKILL)
			s.await(p, killTime)
		}
	}
	for _, r := range c.left() {
		_, ok := r.find()
		ran = ran || ok
	}
	return ran, c.stopAll()
}

// left lists the roles that have a pid file, whatever cluster.json says.
func (c *Cluster) left() []role {
	roles := []role{frontRole(c.Dir)}
	files, _ := filepath.Glob(filepath.Join(string(c.Dir), "*", "*", "pid")) // the pattern is good
	for _, f := range files {
		rel, err := filepath.Rel(string(c.Dir), filepath.Dir(f))
		if err == nil {
			roles = append(roles, c.node(filepath.ToSlash(rel)))
		}
	}
	return roles
}

// stopAll ends the front door and all nodes at the same time: there is nobody left to hand leadership to. Then it
// gives up supervision.
func (c *Cluster) stopAll() error {
	var g errgroup.Group
	for _, r := range c.left() {
		g.Go(func() error {
			p, ok := r.find()
			if ok && !terminate(r, p) {
				_ = r.signal(p, syscall.SIGKILL)
				if !r.await(p, killTime) {
					return fmt.Errorf("%w: process %d is still there after SIGKILL", ErrUnknown, p.pid)
				}
			}
			return r.release()
		})
	}
	return errors.Join(g.Wait(), supervisorRole(c.Dir).release())
}

// Purge removes the folder of a cluster that does not run, and only a folder that is a cluster's.
func Purge(dir string) error {
	d, err := absolute(dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(d.ClusterFile()); err != nil {
		return fmt.Errorf("%s holds no cluster.json: not removed", d)
	}
	c := &Cluster{Dir: d}
	for _, r := range append(c.left(), supervisorRole(d)) {
		if p, ok := r.find(); ok {
			return fmt.Errorf("process %d still works on %s: not removed", p.pid, d)
		}
	}
	// cluster.json goes last: while it is there, removing can be tried again.
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if path := filepath.Join(string(d), e.Name()); path != d.ClusterFile() {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(string(layout.Dir(d)))
}
