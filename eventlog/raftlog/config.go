package raftlog

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"

	"meridian/eventlog"
)

// Config says what a log is opened with.
type Config struct {
	Dir  string // the node's raft/ folder
	ID   string // Raft server id: a UUID, new whenever the node is replaced
	Addr string // the node's internal address, which others reach it and forward to it by

	// Transport carries Raft's messages. It must forward pre-votes; raft would quietly do without.
	// Close closes it.
	Transport    raft.Transport
	StateMachine eventlog.StateMachine

	// Bootstrap is the first membership, the same on all nodes, given in the start that makes the
	// Region and ignored by a node that has a log. Empty: the log says who is a member.
	Bootstrap []Member
	// Join allows an empty log without Bootstrap: this node is about to be added by the leader.
	Join bool

	Timeouts  Timeouts
	Snapshots Snapshots

	// Stores take the place of the files in Dir, for tests on a file system in memory. The caller
	// closes them after the log.
	Stores *Stores

	// Fatal ends the process because the log's disk failed. Where it returns, every later write
	// fails.
	Fatal  func(error)
	Logger *slog.Logger // nil: silent

	// Wrote, if set, is told of each write of entries that is on the disk. It must not block.
	Wrote func(entries int, took time.Duration)
}

// Member is a server of the Raft group.
type Member struct {
	ID    string
	Addr  string
	Voter bool
}

// DefaultElection is the usual time after which a follower that has not heard the leader may ask for votes; each draws
// its own, between once and twice as long.
const DefaultElection = 500 * time.Millisecond

// Timeouts of Raft; each zero means the value named.
type Timeouts struct {
	Heartbeat time.Duration // 500 ms
	Election  time.Duration // 500 ms
	Lease     time.Duration // 250 ms
	Commit    time.Duration // 10 ms: how long followers may apply later than the leader
}

// Snapshots says when to make them; each zero means the value named.
type Snapshots struct {
	Threshold uint64        // 8192 entries since the last one
	Trailing  uint64        // 10000 entries stay in the log for followers that are behind
	Interval  time.Duration // 30 s between looks at the threshold
}

// Stores is what Raft writes to.
type Stores struct {
	Log       raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
}

const (
	maxAppendEntries = 256
	cachedEntries    = 512
	keptSnapshots    = 2
)

func (c *Config) fill() error {
	switch {
	case c.ID == "" || c.Addr == "":
		return errors.New("id and address are needed")
	case c.Dir == "" && c.Stores == nil:
		return errors.New("a folder or stores are needed")
	case c.Transport == nil || c.StateMachine == nil || c.Fatal == nil:
		return errors.New("transport, state machine and fatal are needed")
	}
	if _, ok := c.Transport.(raft.WithPreVote); !ok {
		return fmt.Errorf("transport %T does not carry pre-votes", c.Transport)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.Timeouts.Heartbeat, DefaultElection)
	setDefault(&c.Timeouts.Election, DefaultElection)
	setDefault(&c.Timeouts.Lease, 250*time.Millisecond)
	setDefault(&c.Timeouts.Commit, 10*time.Millisecond)
	setDefault(&c.Snapshots.Threshold, 8192)
	setDefault(&c.Snapshots.Trailing, 10000)
	setDefault(&c.Snapshots.Interval, 30*time.Second)
	return nil
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// raft is the configuration in Raft's own terms.
func (c *Config) raft() *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(c.ID)
	r.HeartbeatTimeout = c.Timeouts.Heartbeat
	r.ElectionTimeout = c.Timeouts.Election
	r.LeaderLeaseTimeout = c.Timeouts.Lease
	r.CommitTimeout = c.Timeouts.Commit
	r.SnapshotThreshold = c.Snapshots.Threshold
	r.SnapshotInterval = c.Snapshots.Interval
	r.TrailingLogs = c.Snapshots.Trailing
	r.MaxAppendEntries = maxAppendEntries
	r.BatchApplyCh = true
	r.ShutdownOnRemove = false        // it would stop Raft and leave the process
	r.NoSnapshotRestoreOnStart = true // Open decides, by the position inside the snapshot
	r.NoLegacyTelemetry = true
	r.Logger = Logger(c.Logger)
	return r
}

// configuration is a membership in Raft's own terms.
func configuration(members []Member) raft.Configuration {
	var c raft.Configuration
	for _, m := range members {
		s := raft.Server{ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.Addr), Suffrage: raft.Nonvoter}
		if m.Voter {
			s.Suffrage = raft.Voter
		}
		c.Servers = append(c.Servers, s)
	}
	return c
}
