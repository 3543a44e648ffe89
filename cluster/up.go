package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"meridian/cluster/layout"
)

// Detach leaves a supervisor in a session of its own that runs everything, unless one does already. Whoever wants
// to know when all is ready asks AwaitReady.
func (c *Cluster) Detach(ctx context.Context) error {
	r := supervisorRole(c.Dir)
	if p, ok := r.find(); ok {
		c.Note("supervised by process %d", p.pid)
		return c.startMissing(ctx)
	}
	if err := c.checkPorts(c.idlePorts()); err != nil {
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	err = c.forget()
	var cmd *exec.Cmd
	if err == nil {
		cmd, err = r.start(c.Program)
	}
	unlock()
	if err != nil {
		return err
	}
	return cmd.Process.Release()
}

// forget removes the pid files of processes that are gone: how they ended matters no more.
func (c *Cluster) forget() error {
	for _, r := range c.left() {
		if _, ok := r.find(); !ok {
			if err := r.release(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Supervised says whether a supervisor lives that is not this process.
func (c *Cluster) Supervised() bool {
	_, ok := supervisorRole(c.Dir).find()
	return ok
}

// startMissing starts the nodes that do not run, below a supervisor that lives.
func (c *Cluster) startMissing(ctx context.Context) error {
	var missing []string
	for _, name := range c.nodes() {
		if _, ok := c.node(name).find(); !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	c.Note("starting %s", strings.Join(missing, ", "))
	return c.Start(ctx, missing...)
}

// AwaitReady returns when every Region has a leader, every node that is not paused is ready, and the front door
// reaches all Regions. A node that ends meanwhile is an error where its Region cannot do without it, or was never
// complete; else it is said, and the Region goes on.
func (c *Cluster) AwaitReady(ctx context.Context) error {
	said := ""
	lost := map[string]bool{} // nodes whose end was said
	for begun := time.Now(); ; {
		if !c.Supervised() {
			return fmt.Errorf("the supervisor ended:\n%s", tail(c.Dir.SupervisorLog(), 5))
		}
		missing, err := c.missing(ctx, lost)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			if err := c.markBootstrapped(); err != nil {
				return err
			}
			return c.bringClock(ctx, c.File.Names()...)
		}
		if now := strings.Join(missing, ", "); now != said && time.Since(begun) > time.Second {
			said = now
			c.Note("waiting for %s", now)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: still waiting for %s; see `meridian logs`", ErrUnknown, strings.Join(missing, ", "))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// missing lists what is not ready yet.
func (c *Cluster) missing(ctx context.Context, lost map[string]bool) (missing []string, err error) {
	for _, r := range c.File.Regions {
		statuses := c.ask(ctx, &r)
		if leader, _ := leaderOf(statuses); leader == "" {
			missing = append(missing, "a leader of "+r.Name)
		}
		for _, n := range r.Nodes {
			p, ok := c.node(n.Name).find()
			switch {
			case !ok && c.ended(n.Name):
				ended := fmt.Errorf("node %s ended while it started:\n%s", n.Name, tail(c.node(n.Name).log, 5))
				if !r.Bootstrapped || !c.hasQuorum(r.Name) {
					return nil, ended
				}
				if !lost[n.Name] {
					lost[n.Name] = true
					c.Note("%v\n%s goes on without it", ended, r.Name)
				}
			case ok && c.joining(n.Name): // what an add or a replace left that was broken off holds up nobody
				if !lost[n.Name] {
					lost[n.Name] = true
					c.Note("node %s is not a member of %s yet: repeat the `meridian add` or `meridian replace` that made it", n.Name, r.Name)
				}
			case !p.paused && !statuses[n.Name].Ready:
				missing = append(missing, n.Name)
			}
		}
	}
	if len(missing) > 0 {
		return missing, nil
	}
	if !answers(ctx, c.File.Addr(c.File.Port), "/_meridian/ready") {
		missing = append(missing, "the front door")
	}
	return missing, nil
}

// ended says whether a node's process was started and is gone.
func (c *Cluster) ended(name string) bool { return c.node(name).holder() != 0 }

// markBootstrapped writes down that every node of each Region has had a leader: from now on an empty Raft folder is
// a lost disk.
func (c *Cluster) markBootstrapped() error {
	if !slices.ContainsFunc(c.File.Regions, func(r layout.Region) bool { return !r.Bootstrapped }) {
		return nil
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	file, err := layout.ReadCluster(c.Dir) // with what another command wrote meanwhile
	if err != nil {
		return err
	}
	for i := range file.Regions {
		file.Regions[i].Bootstrapped = true
	}
	if err := layout.WriteCluster(c.Dir, file); err != nil {
		return err
	}
	for i := range c.File.Regions {
		c.File.Regions[i].Bootstrapped = true
	}
	return nil
}
