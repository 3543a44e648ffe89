package raftlog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// Members returns the membership as this node knows it, changes that are not committed included.
func (l *Log) Members(ctx context.Context) ([]Member, error) {
	var f raft.ConfigurationFuture
	err := l.await(ctx, func() raft.Future {
		f = l.raft.GetConfiguration()
		return f
	})
	if err != nil {
		return nil, fmt.Errorf("members: %w", err)
	}
	var members []Member
	for _, s := range f.Configuration().Servers {
		members = append(members, Member{ID: string(s.ID), Addr: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	return members, nil
}

// Add makes a server a member, or changes the address or the vote of one. Only the leader can. Add a
// server without a vote first, and give it the vote when it has caught up: until then the group would
// count on a node that cannot help.
func (l *Log) Add(ctx context.Context, m Member) error {
	id, addr := raft.ServerID(m.ID), raft.ServerAddress(m.Addr)
	err := l.await(ctx, func() raft.Future {
		if m.Voter {
			return l.raft.AddVoter(id, addr, 0, enqueueTimeout)
		}
		return l.raft.AddNonvoter(id, addr, 0, enqueueTimeout)
	})
	if err != nil {
		return fmt.Errorf("add member %s: %w", m.ID, leaderError(err))
	}
	return nil
}

// Remove ends a server's membership. Only the leader can. The id may not be used again.
func (l *Log) Remove(ctx context.Context, id string) error {
	err := l.await(ctx, func() raft.Future { return l.raft.RemoveServer(raft.ServerID(id), 0, enqueueTimeout) })
	if err != nil {
		return fmt.Errorf("remove member %s: %w", id, leaderError(err))
	}
	return nil
}

// Snapshot makes a snapshot now.
func (l *Log) Snapshot(ctx context.Context) error {
	if err := l.await(ctx, func() raft.Future { return l.raft.Snapshot() }); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// Status is what Raft says about this node. Indexes are for operators and tests; positions that
// callers see are seqs.
type Status struct {
	State   string // follower, candidate, leader, shutdown
	Term    uint64
	Last    uint64    // entry on disk here
	Commit  uint64    // entry known to be committed
	Contact time.Time // last heard of the leader; zero: never, and always on a leader
}

// Status returns what Raft says about this node now.
func (l *Log) Status() Status {
	return Status{
		State:   strings.ToLower(l.raft.State().String()),
		Term:    l.raft.CurrentTerm(),
		Last:    l.raft.LastIndex(),
		Commit:  l.raft.CommitIndex(),
		Contact: l.raft.LastContact(),
	}
}
