package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"meridian/cluster"
	"meridian/cluster/control"
	"meridian/cluster/fault"
	"meridian/cluster/layout"
	"meridian/cluster/world"
	"meridian/eventlog/raftlog"
	"meridian/region/node"
)

// readyTime bounds how long nodes may take until they answer.
const readyTime = 30 * time.Second

// Where front doors are put that no port was asked for: the internal ports of the nodes lie one and two thousand above.
const (
	firstPort  = 9000
	blockPorts = 100
	portBlocks = 10
)

// Options are what a cluster inside this process is made of.
type Options struct {
	Regions []string // nil: the usual ones
	Nodes   int      // of each Region; 0: one
	Port    int      // of the front door; 0: any
	Log     io.Writer
}

// inProcess is a cluster of nodes in this process.
type inProcess struct {
	dir     layout.Dir
	file    *layout.Cluster
	log     *slog.Logger
	nodes   map[string]*started
	table   fault.Table
	offset  int64 // ms
	endDoor func() error

	mu   sync.Mutex
	died error // what a node said that could not go on
}

// started is a node that runs.
type started struct {
	*node.Node
	faults *fault.Layer
}

// InProcess starts a cluster of nodes in this process, in a folder that Close removes.
func InProcess(ctx context.Context, o Options) (*World, error) {
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	for attempt := 1; ; attempt++ {
		w, err := inProcessOnce(ctx, o)
		if err == nil || o.Port != 0 || attempt == attempts || !errors.Is(err, syscall.EADDRINUSE) {
			return w, err
		}
	}
}

// attempts is how often other ports are tried: another program may take one between the look and its use.
const attempts = 5

func inProcessOnce(ctx context.Context, o Options) (*World, error) {
	temp, err := os.MkdirTemp("", "meridian-world-")
	if err != nil {
		return nil, err
	}
	m := &inProcess{
		dir: layout.Dir(filepath.Join(temp, "cluster")), nodes: map[string]*started{}, endDoor: func() error { return nil },
		table: fault.Table{Format: fault.Format}, log: slog.New(slog.NewTextHandler(o.Log, nil)),
	}
	if err := m.start(ctx, o); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return newWorld(m, m.file), nil
}

// start makes the folder, starts every node and opens the front door.
func (m *inProcess) start(ctx context.Context, o Options) error {
	c, err := m.prepare(o)
	if err != nil {
		return err
	}
	m.file = c.File
	var all []string
	for _, r := range m.file.Regions {
		for _, n := range r.Nodes {
			all = append(all, n.Name)
		}
	}
	door, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- cluster.NewFrontDoor(m.file, cluster.DefaultTempo(), m.log).Run(door) }()
	m.endDoor = func() error {
		end()
		return <-done
	}
	return m.act(ctx, world.Start, all)
}

// prepare makes the folder, on ports that are free.
func (m *inProcess) prepare(o Options) (c *cluster.Cluster, err error) {
	silent := func(string, ...any) {}
	for range 20 {
		port := o.Port
		if port == 0 {
			port = firstPort + blockPorts*rand.IntN(portBlocks)
		}
		c, err = cluster.Prepare(string(m.dir), cluster.Options{Regions: o.Regions, Nodes: o.Nodes, Port: port}, cluster.Program{}, silent)
		if err == nil || o.Port != 0 {
			break
		}
	}
	return c, err
}

func (*inProcess) name() string { return "inprocess" }

func (*inProcess) can(f world.Feature) error {
	if f == world.Pauses {
		return fmt.Errorf("%w %s: they share a process", world.ErrUnable, f)
	}
	return nil
}

func (m *inProcess) resolve(_ context.Context, target string) ([]string, error) {
	if region, ok := strings.CutSuffix(target, "/leader"); ok {
		leader := m.leader(region)
		if leader == "" {
			return nil, fmt.Errorf("%s has no leader now", region)
		}
		return []string{leader}, nil
	}
	var names []string
	for _, r := range m.file.Regions {
		for _, n := range r.Nodes {
			if target == r.Name || target == n.Name {
				names = append(names, n.Name)
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no Region or node %q", target)
	}
	return names, nil
}

// leader is the node of a Region that leads, in the greatest term; empty: none.
func (m *inProcess) leader(region string) (name string) {
	var term uint64
	for _, n := range m.nodes {
		if s := n.Status(); s.Region == region && s.Role == control.Leader && s.Term >= term {
			name, term = s.Name, s.Term
		}
	}
	return name
}

func (m *inProcess) act(ctx context.Context, act world.Act, nodes []string) error {
	switch act {
	case world.Kill:
		var wg sync.WaitGroup
		for _, name := range nodes {
			if n, ok := m.nodes[name]; ok {
				delete(m.nodes, name)
				wg.Go(n.Close)
			}
		}
		wg.Wait()
		return nil
	case world.Start:
		for _, name := range nodes {
			if err := m.startNode(name); err != nil {
				return err
			}
		}
		if err := m.ready(ctx, nodes); err != nil {
			return err
		}
		return m.bringClock(ctx)
	}
	return fmt.Errorf("%w %s nodes", world.ErrUnable, act)
}

func (m *inProcess) startNode(name string) error {
	if m.nodes[name] != nil {
		return nil
	}
	c, err := node.Load(m.dir, name, m.log.With("node", name))
	if err != nil {
		return err
	}
	c.Timeouts = raftlog.Timeouts{Heartbeat: 250 * time.Millisecond, Election: 250 * time.Millisecond, Lease: 125 * time.Millisecond}
	c.Fatal = func(err error) {
		m.mu.Lock()
		m.died = errors.Join(m.died, fmt.Errorf("node %s: %w", name, err))
		m.mu.Unlock()
		select {} // it must not go on
	}
	n, err := node.Start(c)
	if err != nil {
		return err
	}
	m.nodes[name] = &started{n, c.Faults}
	return nil
}

// ready waits until nodes answer, where a majority of their Region runs.
func (m *inProcess) ready(ctx context.Context, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for _, name := range names {
		for m.majority(layout.RegionOf(name)) && !m.nodes[name].Status().Ready {
			if err := pause(ctx, look); err != nil {
				return fmt.Errorf("node %s is not ready: %w", name, err)
			}
		}
	}
	return nil
}

// majority says whether enough nodes of a Region run to elect a leader.
func (m *inProcess) majority(region string) bool {
	r, _ := m.file.Region(region)
	n := 0
	for _, node := range r.Nodes {
		if m.nodes[node.Name] != nil {
			n++
		}
	}
	return n*2 > len(r.Nodes)
}

func (m *inProcess) addFault(_ context.Context, r fault.Rule) error {
	if err := r.Validate(); err != nil {
		return err
	}
	return m.enforce(m.table.With(r, time.Now()))
}

func (m *inProcess) heal(_ context.Context, a, b string) error {
	return m.enforce(m.table.Without(a, b, time.Now()))
}

// enforce puts a table in force in the running nodes, and in those that start later.
func (m *inProcess) enforce(t fault.Table) error {
	m.table = t
	err := layout.WriteFile(m.dir.FaultsFile(), t, 0o644)
	for _, n := range m.nodes {
		err = errors.Join(err, n.faults.Set(t))
	}
	return err
}

// toLeader connects to the admin socket of a Region's leader.
func (m *inProcess) toLeader(region string) (*control.Client, error) {
	leader := m.leader(region)
	if leader == "" {
		return nil, fmt.Errorf("%s has no leader", region)
	}
	return control.Connect(m.dir.Node(leader))
}

func (m *inProcess) owed(ctx context.Context, region string) (owed int, err error) {
	c, err := m.toLeader(region)
	if err != nil {
		return 0, err
	}
	lags, err := c.Lag(ctx)
	for _, l := range lags {
		owed += l.PendingKeys
		if !l.LinkUp {
			owed++
		}
	}
	return owed, err
}

func (m *inProcess) close() error {
	var names []string
	for name := range m.nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	err := m.act(context.Background(), world.Kill, names)
	err = errors.Join(err, m.endDoor(), os.RemoveAll(filepath.Dir(string(m.dir))))
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(err, m.died)
}
