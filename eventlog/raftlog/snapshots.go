package raftlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"meridian/eventlog"
)

// checked is a snapshot store that makes nothing visible that the state machine would not take.
// Raft makes a received snapshot visible before it restores it; a damaged one would then count as
// this node's newest at the next start.
type checked struct {
	raft.SnapshotStore
	sm eventlog.StateMachine
}

// Create implements raft.SnapshotStore.
func (c checked) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	sink, err := c.SnapshotStore.Create(version, index, term, conf, confIndex, trans)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	s := &checkedSink{SnapshotSink: sink, pipe: w, verdict: make(chan error, 1)}
	go func() {
		err := c.sm.Check(r)
		if err == nil {
			err = r.Close() // never fails; further writes do
		} else {
			r.CloseWithError(err)
		}
		s.verdict <- err
	}()
	return s, nil
}

// checkedSink shows the state machine what is written, while it is written.
type checkedSink struct {
	raft.SnapshotSink
	pipe    *io.PipeWriter
	verdict chan error
	closed  bool
}

// Write implements io.Writer.
func (s *checkedSink) Write(b []byte) (int, error) {
	if _, err := s.pipe.Write(b); err != nil {
		return 0, err
	}
	return s.SnapshotSink.Write(b)
}

// Close implements io.Closer. Raft calls it again after a Persist that called it.
func (s *checkedSink) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.pipe.Close()
	if err := <-s.verdict; err != nil {
		return errors.Join(fmt.Errorf("snapshot is not fit to be kept: %w", err), s.SnapshotSink.Cancel())
	}
	return s.SnapshotSink.Close()
}

// Cancel implements raft.SnapshotSink.
func (s *checkedSink) Cancel() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.pipe.CloseWithError(errors.New("snapshot was given up"))
	<-s.verdict
	return s.SnapshotSink.Cancel()
}
