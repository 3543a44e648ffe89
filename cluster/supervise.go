package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"meridian/cluster/layout"
)

// Pace of the supervisor: how often it looks for the front door, and how long it waits at least between two starts.
const (
	watchEvery   = 200 * time.Millisecond
	restartEvery = time.Second
)

// Supervise starts what does not run, keeps the front door running, and records how nodes end, until ctx ends.
// Then it takes everything down. One supervisor works on a cluster at a time: ClaimSupervision says whether this is it.
func (c *Cluster) Supervise(ctx context.Context) error {
	if err := c.ClaimSupervision(); err != nil {
		return err
	}
	s := &supervisor{c: c}
	err := s.startNodes()
	if err == nil {
		s.children.Go(func() { c.keepClock(ctx) })
		s.keepFront(ctx)
	}
	c.Note("taking everything down")
	stopped := c.stopAll()
	s.children.Wait()
	if err != nil {
		return err
	}
	return stopped
}

// ClaimSupervision makes this process the supervisor; doing it twice is the same as once.
func (c *Cluster) ClaimSupervision() error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	r := supervisorRole(c.Dir)
	if p, ok := r.find(); ok {
		if p.pid == syscall.Getpid() {
			return nil
		}
		return fmt.Errorf("process %d supervises this cluster already", p.pid)
	}
	if err := c.forget(); err != nil {
		return err
	}
	return r.claim(syscall.Getpid())
}

// supervisor is the parent of the processes it started.
type supervisor struct {
	c        *Cluster
	children sync.WaitGroup
}

// startNodes starts all nodes that do not live; those that do are adopted as they are.
func (s *supervisor) startNodes() error {
	if err := s.c.checkPorts(s.c.idlePorts()); err != nil {
		return err
	}
	for _, name := range s.c.nodes() {
		cmd, err := s.c.spawn(name)
		if err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
		if cmd != nil {
			s.children.Go(func() { s.reap(name, cmd) })
		}
	}
	return nil
}

// reap waits for the end of a node and writes it down, unless another process has its place by then.
func (s *supervisor) reap(name string, cmd *exec.Cmd) {
	_ = cmd.Wait()
	code := cmd.ProcessState.ExitCode()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	pid := cmd.Process.Pid
	s.c.Note("node %s (process %d) ended with code %d", name, pid, code)
	if s.c.node(name).holder() != pid {
		return
	}
	f := layout.ExitFile{Format: layout.Format, PID: pid, Code: code, At: time.Now().UTC().Format(time.RFC3339)}
	if err := layout.WriteFile(s.c.Dir.Node(name).Exit(), f, 0o644); err != nil {
		s.c.Note("node %s: cannot record its end: %v", name, err)
	}
}

// keepFront starts the front door whenever it does not live, until ctx ends.
func (s *supervisor) keepFront(ctx context.Context) {
	r := frontRole(s.c.Dir)
	var last time.Time
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if _, ok := r.find(); !ok && time.Since(last) >= restartEvery {
			if !last.IsZero() {
				s.c.Note("the front door ended: starting it again")
			}
			last = time.Now()
			cmd, err := r.start(s.c.Program)
			if err != nil {
				s.c.Note("cannot start the front door: %v", err)
			} else {
				s.children.Go(func() { _ = cmd.Wait() })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
