package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// How long things may take.
const (
	startTime    = 30 * time.Second // until a started node answers
	shutdownTime = 15 * time.Second // until an orderly end is over
	termTime     = 10 * time.Second // after SIGTERM
	killTime     = 10 * time.Second // after SIGKILL; the kernel may be busy
	adminTime    = 2 * time.Second  // for one question
)

// Resolve returns the nodes that a target names: "us-east-1/2", "us-east-1/leader", "us-east-1" (all).
func (c *Cluster) Resolve(ctx context.Context, target string) ([]string, error) {
	target, err := c.Place(ctx, target)
	if err != nil {
		return nil, err
	}
	r, ok := c.File.Region(target)
	if !ok {
		return []string{target}, nil
	}
	var names []string
	for _, n := range r.Nodes {
		names = append(names, n.Name)
	}
	return names, nil
}

// Place finds the Region or the node that a name means: us-east-1/leader is the node that leads now.
func (c *Cluster) Place(ctx context.Context, name string) (string, error) {
	if region, ok := strings.CutSuffix(name, "/leader"); ok {
		if r, ok := c.File.Region(region); ok {
			leader := c.leader(ctx, r)
			if leader == "" {
				return "", fmt.Errorf("%s has no leader now", region)
			}
			return leader, nil
		}
	}
	return name, c.checkPlace(name)
}

// leader asks the nodes of a Region who leads and believes the one with the greatest term.
func (c *Cluster) leader(ctx context.Context, r *layout.Region) string {
	leader, _ := leaderOf(c.ask(ctx, r))
	return leader
}

// leaderOf is what nodes say about their leader: a node that says it leads, in the greatest term.
func leaderOf(statuses map[string]control.Status) (name string, term uint64) {
	for _, s := range statuses {
		if s.Role == control.Leader && s.Term >= term {
			name, term = s.Name, s.Term
		}
	}
	return name, term
}

// ask asks all running nodes of a Region for their status. Who does not answer is left out.
func (c *Cluster) ask(ctx context.Context, r *layout.Region) map[string]control.Status {
	answers := make([]control.Status, len(r.Nodes))
	var g errgroup.Group
	for i, n := range r.Nodes {
		g.Go(func() error {
			answers[i], _ = c.status(ctx, n.Name)
			return nil
		})
	}
	_ = g.Wait()
	statuses := make(map[string]control.Status)
	for i, s := range answers {
		if s.Name == r.Nodes[i].Name {
			statuses[s.Name] = s
		}
	}
	return statuses
}

// status asks a node for its status, unless it is known not to run.
func (c *Cluster) status(ctx context.Context, name string) (control.Status, error) {
	if p, ok := c.node(name).find(); !ok || p.paused {
		return control.Status{}, fmt.Errorf("node %s does not run", name)
	}
	client, err := control.Connect(c.Dir.Node(name))
	if err != nil {
		return control.Status{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	s, err := client.Status(ctx)
	if err == nil && (s.ClusterID != c.File.ID || s.Name != name) {
		err = fmt.Errorf("the admin socket of %s is that of %q", name, s.Name)
	}
	return s, err
}

// Start starts the nodes that do not run and returns when each answers: ready, if enough of its Region runs for
// that.
func (c *Cluster) Start(ctx context.Context, names ...string) error {
	for _, name := range names {
		if p, ok := c.node(name).find(); ok && p.paused {
			c.Note("node %s was paused: resuming it", name)
			if err := c.Resume(ctx, name); err != nil {
				return err
			}
		}
		if err := c.launch(name); err != nil {
			return err
		}
	}
	if err := c.awaitNodes(ctx, names); err != nil {
		return err
	}
	var regions []string
	for _, name := range names {
		regions = append(regions, layout.RegionOf(name))
	}
	if err := c.bringClock(ctx, regions...); err != nil {
		c.Note("the time of %s is not moved ahead yet: %v", strings.Join(regions, ", "), err)
	}
	return nil
}

// spawn starts the process of a node, if it does not live; the command is nil then. The process must be waited
// for by who lives longer than it.
func (c *Cluster) spawn(name string) (*exec.Cmd, error) {
	unlock, err := c.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	r := c.node(name)
	if _, ok := r.find(); ok {
		return nil, nil
	}
	// A node whose folder is lost says so itself, and how to replace it.
	if err := os.MkdirAll(string(c.Dir.Node(name)), 0o700); err != nil {
		return nil, err
	}
	// What the last process left would answer for this one.
	for _, stale := range []string{c.Dir.Node(name).Admin(), c.Dir.Node(name).Exit()} {
		if err := os.Remove(stale); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	return r.start(c.Program)
}

// launch is spawn for those whose process may end before the node: while it lives, a node that ended leaves nothing
// behind.
func (c *Cluster) launch(name string) error {
	cmd, err := c.spawn(name)
	if cmd != nil {
		go func() { _ = cmd.Wait() }() // how it ended, the node says itself
	}
	return err
}

// awaitNodes waits until nodes answer.
func (c *Cluster) awaitNodes(ctx context.Context, names []string) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		g.Go(func() error { return c.awaitNode(ctx, name) })
	}
	return g.Wait()
}

func (c *Cluster) awaitNode(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	n, _ := c.File.Node(name)
	for {
		path := "/_meridian/ready"
		if !c.hasQuorum(layout.RegionOf(name)) || c.joining(name) {
			path = "/_meridian/health" // no leader can be, or it is no member: it cannot become ready
		}
		if answers(ctx, n.KMS, path) {
			return nil
		}
		if _, ok := c.node(name).find(); !ok {
			return fmt.Errorf("node %s ended while it started:\n%s", name, tail(c.node(name).log, 5))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: node %s runs but does not answer; see `meridian logs %s`", ErrUnknown, name, name)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// hasQuorum says whether enough nodes of a Region that vote run to elect a leader.
func (c *Cluster) hasQuorum(region string) bool {
	r, ok := c.File.Region(region)
	if !ok {
		return false
	}
	n, voters := 0, 0
	for _, node := range r.Voters() {
		if c.joining(node.Name) {
			continue
		}
		voters++
		if p, ok := c.node(node.Name).find(); ok && !p.paused {
			n++
		}
	}
	return n > voters/2
}

// joining says whether a node is not a member of its Region yet, by its own word.
func (c *Cluster) joining(name string) bool {
	f, err := layout.ReadNode(c.Dir.Node(name))
	return err == nil && f.Joining
}

// answers says whether a port answers 200 on a path.
func answers(ctx context.Context, addr, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return false
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Kill ends nodes at once, as a power cut of the process would (SIGKILL).
func (c *Cluster) Kill(_ context.Context, names ...string) error {
	for _, name := range names {
		if err := c.end(name, func(r role, p process) bool { return false }); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends nodes in order: a leader hands over first. Who does not end in time is killed.
func (c *Cluster) Stop(ctx context.Context, names ...string) error {
	var g errgroup.Group
	for _, name := range names {
		g.Go(func() error {
			return c.end(name, func(r role, p process) bool { return c.askToEnd(ctx, name, r, p) || terminate(r, p) })
		})
	}
	return g.Wait()
}

// end ends the process of a node: gently, if that works, else by SIGKILL. The pid file goes: that the node does
// not run is as it should be.
func (c *Cluster) end(name string, gently func(role, process) bool) error {
	r := c.node(name)
	p, ok := r.find()
	if ok && !gently(r, p) {
		if err := r.signal(p, syscall.SIGKILL); err != nil && err != os.ErrProcessDone {
			return fmt.Errorf("kill node %s: %w", name, err)
		}
		if !r.await(p, killTime) {
			return fmt.Errorf("%w: node %s (process %d) is still there after SIGKILL", ErrUnknown, name, p.pid)
		}
	}
	if !ok {
		c.Note("node %s did not run", name)
	}
	return r.release()
}

// askToEnd asks a node to end over its admin socket.
func (c *Cluster) askToEnd(ctx context.Context, name string, r role, p process) bool {
	if p.paused && r.signal(p, syscall.SIGCONT) != nil {
		return false
	}
	client, err := control.Connect(c.Dir.Node(name))
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	return client.Shutdown(ctx) == nil && r.await(p, shutdownTime)
}

// terminate asks a process to end by a signal.
func terminate(r role, p process) bool {
	if r.signal(p, syscall.SIGTERM) != nil {
		return !livesOn(r, p)
	}
	if p.paused {
		_ = r.signal(p, syscall.SIGCONT)
	}
	return r.await(p, termTime)
}

func livesOn(r role, p process) bool {
	now, ok := r.find()
	return ok && now.pid == p.pid && now.start == p.start
}

// Restart stops and starts nodes, one after the other.
func (c *Cluster) Restart(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := c.Stop(ctx, name); err != nil {
			return err
		}
		if err := c.Start(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Pause stops the clock of nodes (SIGSTOP): their connections stay, nothing answers.
func (c *Cluster) Pause(_ context.Context, names ...string) error {
	for _, name := range names {
		r := c.node(name)
		p, ok := r.find()
		if !ok {
			return fmt.Errorf("node %s does not run: nothing to pause", name)
		}
		if err := r.signal(p, syscall.SIGSTOP); err != nil {
			return fmt.Errorf("pause node %s: %w", name, err)
		}
		if !poll(killTime, func() bool { now, ok := r.find(); return !ok || now.paused }) {
			return fmt.Errorf("%w: node %s does not stop", ErrUnknown, name)
		}
	}
	return nil
}

// Resume lets paused nodes go on (SIGCONT) and brings them the faults in force.
func (c *Cluster) Resume(ctx context.Context, names ...string) error {
	for _, name := range names {
		r := c.node(name)
		p, ok := r.find()
		if !ok {
			return fmt.Errorf("node %s does not run: start it with `meridian start %s`", name, name)
		}
		if err := r.signal(p, syscall.SIGCONT); err != nil {
			return fmt.Errorf("resume node %s: %w", name, err)
		}
	}
	return errors.Join(c.pushFaults(ctx, names), c.pushDials(ctx, names))
}
