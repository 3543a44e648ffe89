package raftlog

import (
	"time"

	"github.com/hashicorp/raft"

	"meridian/eventlog"
)

// Leadership implements eventlog.Log.
func (l *Log) Leadership() eventlog.Leadership { return l.leader.Now() }

// Watch implements eventlog.Log.
func (l *Log) Watch() <-chan eventlog.Leadership { return l.leader.Watch() }

// follow looks again whenever Raft's leadership may have changed.
func (l *Log) follow() {
	defer close(l.followed)
	for again := l.look(); ; again = l.look() {
		var retry <-chan time.Time
		if again {
			retry = time.After(barrierPause)
		}
		select {
		case <-l.nudge:
		case <-retry:
		case <-l.ctx.Done():
			return
		}
	}
}

// look announces who leads now. True: this node seems to lead and could not prove it yet.
func (l *Log) look() (again bool) {
	addr, id := l.raft.LeaderWithID()
	now := eventlog.Leadership{ID: string(id), Addr: string(addr)}
	term := l.raft.CurrentTerm()
	if l.raft.State() != raft.Leader {
		l.leader.Announce(now)
		return false
	}
	if old := l.leader.Now(); !old.Leader || old.Term != term {
		l.leader.Announce(now)
		if !l.barrier(term) {
			return l.raft.State() == raft.Leader
		}
	}
	now.Leader, now.Term = true, term
	l.leader.Announce(now)
	return false
}

// barrier returns true if this node led in term and has applied all before it. Terms only grow, and
// the barrier was appended between two looks at the same one: so it was appended in that term, by
// its leader, which is this node.
func (l *Log) barrier(term uint64) bool {
	err := l.await(l.ctx, func() raft.Future { return l.raft.Barrier(enqueueTimeout) })
	return err == nil && l.raft.CurrentTerm() == term
}

// Term is the newest term that this node knows of.
func (l *Log) Term() uint64 { return l.raft.CurrentTerm() }
