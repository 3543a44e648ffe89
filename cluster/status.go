package cluster

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
	"meridian/cluster/fault"
	"meridian/cluster/layout"
	"meridian/region/node"
)

// States of a node's process.
const (
	Running = "running"
	Paused  = "paused"
	Stopped = "stopped" // as somebody wished, or never started
	Failed  = "failed"  // it ended by itself
)

// ReadReplica is the role of a node that follows and never votes. Any other without a vote is on its way to one.
const ReadReplica = "read-replica"

// Status is what is known about a cluster.
type Status struct {
	ClusterID          string         `json:"clusterId"`
	ClockOffsetSeconds int64          `json:"clockOffsetSeconds"`
	Endpoint           string         `json:"endpoint"` // of the front door
	FrontPID           int            `json:"frontPid,omitempty"`
	SupervisorPID      int            `json:"supervisorPid"` // 0: none lives
	Regions            []RegionStatus `json:"regions"`
	Faults             []fault.Rule   `json:"faults"`
	LagProfile         string         `json:"lagProfile"`           // that is in force; empty: none
	SyncPaused         []string       `json:"syncPaused,omitempty"` // Regions that neither send to others nor hear them
}

// RegionStatus is what is known about a Region.
type RegionStatus struct {
	Region   string `json:"region"`
	Life     uint64 `json:"life"`
	Endpoint string `json:"endpoint"`
	Leader   string `json:"leader"` // empty: none is known
	Term     uint64 `json:"term"`
	// FeatureLevel says which events the Region's log may hold. It rises when all members of the log know more.
	FeatureLevel uint32       `json:"featureLevel"`
	Nodes        []NodeStatus `json:"nodes"`
}

// NodeStatus is what is known about a node.
type NodeStatus struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	PID   int    `json:"pid,omitempty"`
	State string `json:"state"`
	Role  string `json:"role,omitempty"`
	// ReadReplica says that the node never has a vote.
	ReadReplica bool   `json:"readReplica,omitempty"`
	Ready       bool   `json:"ready"`
	Version     string `json:"version,omitempty"` // of its program
	// KnownLevel is the newest feature level that its program knows.
	KnownLevel uint32 `json:"knownLevel,omitempty"`
	Seq        uint64 `json:"seq"`
	Digest     string `json:"digest,omitempty"`
	Endpoint   string `json:"endpoint"`
	ExitCode   *int   `json:"exitCode,omitempty"`
	// ExitReason is "storage" or "diverged" where the node stopped because it does not trust itself any more, "outdated"
	// where its program is too old for its Region.
	ExitReason string `json:"exitReason,omitempty"`
	// Identity is the digest of the identity file that the node goes by; IdentityError says why a newer one is not in force.
	Identity      string `json:"identity,omitempty"`
	IdentityError string `json:"identityError,omitempty"`
}

// Status asks every node that runs. Who does not answer is shown without what only it knows.
func (c *Cluster) Status(ctx context.Context) (Status, error) {
	faults, err := c.Faults()
	if err != nil {
		return Status{}, err
	}
	dials, err := c.Dials()
	if err != nil {
		return Status{}, err
	}
	s := Status{
		LagProfile: dials.Lag.Name, SyncPaused: dials.Paused,
		ClusterID: c.File.ID, ClockOffsetSeconds: c.File.ClockOffsetSeconds,
		Endpoint: "http://" + c.File.Addr(c.File.Port), Faults: faults,
		Regions: make([]RegionStatus, len(c.File.Regions)),
	}
	if s.Faults == nil {
		s.Faults = []fault.Rule{}
	}
	if p, ok := frontRole(c.Dir).find(); ok {
		s.FrontPID = p.pid
	}
	if p, ok := supervisorRole(c.Dir).find(); ok {
		s.SupervisorPID = p.pid
	}
	var g errgroup.Group
	for i := range c.File.Regions {
		g.Go(func() error {
			s.Regions[i] = c.regionStatus(ctx, &c.File.Regions[i])
			return nil
		})
	}
	return s, g.Wait()
}

func (c *Cluster) regionStatus(ctx context.Context, r *layout.Region) RegionStatus {
	said := c.ask(ctx, r)
	s := RegionStatus{Region: r.Name, Endpoint: "http://" + c.File.Addr(r.Port)}
	s.Leader, s.Term = leaderOf(said)
	for _, n := range r.Nodes {
		node := c.nodeStatus(n)
		if st, ok := said[n.Name]; ok && node.State == Running {
			node.Role, node.Ready, node.Seq, node.Digest = st.Role, st.Ready, st.Seq, st.Digest
			node.Identity, node.IdentityError = st.Identity.Digest, st.Identity.Error
			node.Version, node.KnownLevel = st.Version, st.KnownLevel
			s.Life, s.FeatureLevel = max(s.Life, st.Life), max(s.FeatureLevel, st.FeatureLevel)
			if s.Leader != "" && n.Name != s.Leader && st.Role == control.Leader {
				node.Role = control.Follower // it led in an older term and does not know yet
			}
			if n.ReadReplica && st.Role == control.Nonvoter {
				node.Role = ReadReplica
			}
		}
		s.Nodes = append(s.Nodes, node)
	}
	return s
}

// nodeStatus is what the operating system knows.
func (c *Cluster) nodeStatus(n layout.Node) NodeStatus {
	s := NodeStatus{Name: n.Name, ID: n.ID, State: Stopped, ReadReplica: n.ReadReplica, Endpoint: "http://" + n.KMS}
	r := c.node(n.Name)
	if p, ok := r.find(); ok {
		s.PID, s.State = p.pid, Running
		if p.paused {
			s.State = Paused
		}
		return s
	}
	last := r.holder()
	if last == 0 {
		return s
	}
	s.State = Failed
	if code, ok := c.exitCode(n.Name, last); ok {
		s.ExitCode = &code
		s.ExitReason = exitReason(code)
		if code == 0 {
			s.State = Stopped
		}
	}
	return s
}

// exitReason names the exit codes with which a node says that it is not to be trusted.
func exitReason(code int) string {
	switch code {
	case node.ExitFatal:
		return "storage"
	case node.ExitDiverged:
		return "diverged"
	case node.ExitOutdated:
		return "outdated"
	}
	return ""
}

// exitCode returns how a process ended, if its parent saw that.
func (c *Cluster) exitCode(name string, pid int) (int, bool) {
	var f layout.ExitFile
	b, err := os.ReadFile(c.Dir.Node(name).Exit())
	if err != nil || json.Unmarshal(b, &f) != nil || f.PID != pid {
		return 0, false
	}
	return f.Code, true
}

// holder returns the pid in the pid file of a role, whether or not it lives; 0: there is none.
func (r role) holder() int {
	var f pidFile
	b, err := os.ReadFile(r.pid)
	if err != nil || json.Unmarshal(b, &f) != nil {
		return 0
	}
	return f.PID
}

// Watch calls show with the status every second, and with the first at once, until ctx ends.
func (c *Cluster) Watch(ctx context.Context, show func(Status)) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s, err := c.Again().Status(ctx)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		show(s)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
