package raftlog

import (
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Roles of a server, as Stats says them.
const (
	RoleLeader    = "leader"
	RoleFollower  = "follower"
	RoleCandidate = "candidate"
	RoleNone      = "none" // the log is closed
)

// Stats is how this node's part of the log fares. Counts are since Open.
type Stats struct {
	Role    string
	Term    uint64
	Last    uint64 // index of the newest entry on this node's disk
	Commit  uint64 // index up to which this node knows entries to be committed
	Applied uint64 // index up to which the state machine was given entries
	// SinceContact is how long this node has not heard a leader; 0 where it leads.
	SinceContact time.Duration
	Heard        bool // a leader, ever
	Voters       int
	Nonvoters    int

	Elections      uint64 // that this node began
	LeaderChanges  uint64 // that it saw
	SnapshotsMade  uint64 // of its own state
	SnapshotsTaken uint64 // that a leader sent
	InFlight       int    // appends that wait for their end
}

// tallies are the counts behind Stats.
type tallies struct{ elections, leaders, made, taken atomic.Uint64 }

// observe counts what Raft reports. It runs in Raft's own goroutine.
func (t *tallies) observe(o *raft.Observation) {
	switch data := o.Data.(type) {
	case raft.RaftState:
		if data == raft.Candidate {
			t.elections.Add(1)
		}
	case raft.LeaderObservation:
		if data.LeaderID != "" {
			t.leaders.Add(1)
		}
	}
}

// Stats returns how the log fares now.
func (l *Log) Stats() Stats {
	s := Stats{
		Role: RoleNone, Term: l.raft.CurrentTerm(), Last: l.raft.LastIndex(), Commit: l.raft.CommitIndex(), Applied: l.raft.AppliedIndex(),
		Elections: l.tallies.elections.Load(), LeaderChanges: l.tallies.leaders.Load(),
		SnapshotsMade: l.tallies.made.Load(), SnapshotsTaken: l.tallies.taken.Load(), InFlight: len(l.slots),
	}
	switch l.raft.State() {
	case raft.Leader:
		s.Role, s.Heard = RoleLeader, true
	case raft.Follower:
		s.Role = RoleFollower
	case raft.Candidate:
		s.Role = RoleCandidate
	}
	if at := l.raft.LastContact(); s.Role != RoleLeader && !at.IsZero() {
		s.SinceContact, s.Heard = time.Since(at), true
	}
	for _, member := range l.raft.GetConfiguration().Configuration().Servers { // the newest, at once
		if member.Suffrage == raft.Voter {
			s.Voters++
		} else {
			s.Nonvoters++
		}
	}
	return s
}
