package raftlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"meridian/eventlog"
)

// errUnfit is the error of a snapshot that the state machine would not take.
var errUnfit = errors.New("snapshot is not fit to be kept")

// checked is a snapshot store that makes nothing visible that the state machine would not take.
// Raft makes a received snapshot visible before it restores it; a damaged one would then count as
// this node's newest at the next start. A disk that fails under a snapshot ends the process like one
// that fails under the log.
type checked struct {
	raft.SnapshotStore
	sm    eventlog.StateMachine
	guard *guard
}

// Create implements raft.SnapshotStore.
func (c checked) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	var sink raft.SnapshotSink
	err := c.guard.do("make snapshot", func() (err error) {
		sink, err = c.SnapshotStore.Create(version, index, term, conf, confIndex, trans)
		if err != nil {
			return err
		}
		head, err := headOf(&raft.SnapshotMeta{Version: version, Index: index, Term: term, Configuration: conf, ConfigurationIndex: confIndex})
		if err == nil {
			_, err = sink.Write(head)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	s := &checkedSink{SnapshotSink: sink, guard: c.guard, pipe: w, verdict: make(chan error, 1)}
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
	guard   *guard
	pipe    *io.PipeWriter
	verdict chan error
	closed  bool
}

// Write implements io.Writer.
func (s *checkedSink) Write(b []byte) (n int, err error) {
	if _, err := s.pipe.Write(b); err != nil {
		return 0, err
	}
	err = s.guard.do("write snapshot", func() (err error) {
		n, err = s.SnapshotSink.Write(b)
		return err
	})
	return n, err
}

// Close implements io.Closer. Raft calls it again after a Persist that called it.
func (s *checkedSink) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.pipe.Close()
	if err := <-s.verdict; err != nil {
		return errors.Join(fmt.Errorf("%w: %w", errUnfit, err), s.SnapshotSink.Cancel())
	}
	return s.guard.do("write snapshot", s.SnapshotSink.Close)
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
