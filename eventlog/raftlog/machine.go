package raftlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"meridian/eventlog"
)

var _ raft.BatchingFSM = machine{}

// machine is the state machine as Raft wants it.
type machine struct {
	sm      eventlog.StateMachine
	guard   *guard
	tallies *tallies
}

// applied is the response to an entry.
type applied struct {
	position eventlog.Position
	err      error
}

// ApplyBatch implements raft.BatchingFSM. Raft passes on commands and changes of the membership; the
// latter change nothing but the applied position.
func (m machine) ApplyBatch(logs []*raft.Log) []any {
	entries := make([]eventlog.Entry, len(logs))
	for i, log := range logs {
		entries[i] = eventlog.Entry{Index: log.Index, Term: log.Term}
		if log.Type == raft.LogCommand && len(log.Data) > 0 {
			entries[i].Data = log.Data
		}
	}
	responses := make([]any, len(logs))
	for i, r := range m.sm.Apply(entries) {
		at := eventlog.Position{Term: logs[i].Term, Index: logs[i].Index, Seq: r.Seq}
		responses[i] = applied{position: at, err: r.Err}
	}
	return responses
}

// Apply implements raft.FSM.
func (m machine) Apply(log *raft.Log) any { return m.ApplyBatch([]*raft.Log{log})[0] }

// Snapshot implements raft.FSM.
func (m machine) Snapshot() (raft.FSMSnapshot, error) {
	s, err := m.sm.Snapshot()
	if err != nil {
		return nil, err
	}
	return frozen{s, m.guard, m.tallies}, nil
}

// Restore implements raft.FSM. Raft closes r itself.
func (m machine) Restore(r io.ReadCloser) error {
	err := m.sm.Restore(r)
	if err == nil {
		m.tallies.taken.Add(1)
	}
	return err
}

// frozen is raft.FSMSnapshot over a snapshot.
type frozen struct {
	eventlog.Snapshot
	guard   *guard
	tallies *tallies
}

// Persist implements raft.FSMSnapshot. A node whose own state makes no fit snapshot has a damaged one.
func (f frozen) Persist(sink raft.SnapshotSink) error {
	_, err := f.WriteTo(sink)
	if err != nil {
		_ = sink.Cancel() // the error that counts is the first
		return err
	}
	if err = sink.Close(); errors.Is(err, errUnfit) {
		return f.guard.fail(fmt.Errorf("state is damaged: %w", err))
	}
	if err == nil {
		f.tallies.made.Add(1)
	}
	return err
}
