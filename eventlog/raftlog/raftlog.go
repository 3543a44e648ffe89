package raftlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"meridian/eventlog"
)

var _ eventlog.Log = (*Log)(nil)

// ErrLostDisk is what Open returns where a log should be and is not. The node cannot go on under
// its id; it has to be replaced.
var ErrLostDisk = errors.New("raft log is lost")

// ErrNewer is what Open returns for a log that a newer program wrote.
var ErrNewer = errors.New("raft log is of a newer format")

// MaxEntry bounds an entry in bytes.
const MaxEntry = 8 << 20

const (
	maxInFlight    = 256 // appends; a thousand at once have been seen to cost a leader its lease
	enqueueTimeout = time.Second
	drainTimeout   = 2 * time.Second
	barrierPause   = 50 * time.Millisecond
)

// Log is eventlog.Log on Raft. Its methods may be called from any goroutine.
type Log struct {
	raft     *raft.Raft
	stores   *stores
	leader   eventlog.Announcer
	observer *raft.Observer
	nudge    chan raft.Observation // one waits at most: each look sees everything
	slots    chan struct{}         // of appends in flight
	tallies  *tallies

	ctx      context.Context // ends when Close begins
	cancel   context.CancelFunc
	followed chan struct{} // closed when follow has returned
	once     sync.Once

	mu     sync.Mutex // of the next two: no call may begin after Close has begun to wait for them
	closed bool
	calls  sync.WaitGroup
}

// Open starts this node's part of the log. The state machine comes back with at least the newest
// snapshot in it, and is fed from there on.
func Open(cfg Config) (*Log, error) {
	if err := cfg.fill(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	st, err := openStores(&cfg)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{
		stores: st, nudge: make(chan raft.Observation, 1), slots: make(chan struct{}, maxInFlight),
		followed: make(chan struct{}), tallies: new(tallies),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if err := l.start(&cfg); err != nil {
		l.cancel()
		return nil, fmt.Errorf("open log: %w", errors.Join(err, st.close()))
	}
	return l, nil
}

func (l *Log) start(cfg *Config) error {
	if err := l.stores.prepare(cfg); err != nil {
		return err
	}
	if err := l.stores.restore(cfg.StateMachine); err != nil {
		return err
	}
	r, err := raft.NewRaft(cfg.raft(), machine{cfg.StateMachine, l.stores.guard, l.tallies}, l.stores.log, l.stores.guard, l.stores.snapshots, cfg.Transport)
	if err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	l.raft = r
	l.observer = raft.NewObserver(l.nudge, false, func(o *raft.Observation) bool {
		l.tallies.observe(o)
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		}
		return false
	})
	r.RegisterObserver(l.observer)
	go l.follow()
	return nil
}

// Append implements eventlog.Log.
func (l *Log) Append(ctx context.Context, entry []byte) (eventlog.Position, error) {
	if len(entry) == 0 || len(entry) > MaxEntry {
		return eventlog.Position{}, fmt.Errorf("append: entry of %d bytes", len(entry))
	}
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done(): // nothing was sent yet, which is what ErrNotLeader stands for
		return eventlog.Position{}, fmt.Errorf("append: %w: %w", eventlog.ErrNotLeader, context.Cause(ctx))
	case <-l.ctx.Done():
		return eventlog.Position{}, fmt.Errorf("append: %w", eventlog.ErrClosed)
	}
	var f raft.ApplyFuture
	err := l.await(ctx, func() raft.Future {
		f = l.raft.Apply(entry, enqueueTimeout)
		return f
	})
	if err != nil {
		return eventlog.Position{}, fmt.Errorf("append: %w", appendError(err))
	}
	a := f.Response().(applied)
	if a.err != nil {
		return a.position, fmt.Errorf("append: %w", a.err)
	}
	return a.position, nil
}

// appendError sorts Raft's errors by what they say about the entry. What is not known to be safe is
// unknown.
func appendError(err error) error {
	switch {
	case errors.Is(err, eventlog.ErrClosed):
		return err
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout),
		errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fmt.Errorf("%w: %w", eventlog.ErrNotLeader, err)
	default:
		return fmt.Errorf("%w: %w", eventlog.ErrUnknown, err)
	}
}

// VerifyLeader implements eventlog.Log.
func (l *Log) VerifyLeader(ctx context.Context) error {
	if err := l.await(ctx, func() raft.Future { return l.raft.VerifyLeader() }); err != nil {
		return fmt.Errorf("verify leader: %w", leaderError(err))
	}
	return nil
}

// Transfer implements eventlog.Log.
func (l *Log) Transfer(ctx context.Context) error {
	if l.raft.State() != raft.Leader {
		return fmt.Errorf("transfer leadership: %w", eventlog.ErrNotLeader)
	}
	if err := l.await(ctx, func() raft.Future { return l.raft.LeadershipTransfer() }); err != nil {
		return fmt.Errorf("transfer leadership: %w", err)
	}
	return nil
}

func leaderError(err error) error {
	if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipLost) {
		return fmt.Errorf("%w: %w", eventlog.ErrNotLeader, err)
	}
	return err
}

// await makes a call of Raft and waits for its end, or for the context's.
func (l *Log) await(ctx context.Context, call func() raft.Future) error {
	if !l.enter() {
		return eventlog.ErrClosed
	}
	done := make(chan error, 1)
	go func() {
		defer l.calls.Done()
		done <- call().Error()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *Log) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.calls.Add(1)
	return true
}

// Close implements eventlog.Log. Calls that wait are given a short time to end by themselves: Raft
// forgets to answer some of those that it holds when it is shut down.
func (l *Log) Close() error {
	var err error
	l.once.Do(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.cancel()
		drained := make(chan struct{})
		go func() {
			l.calls.Wait()
			close(drained)
		}()
		select {
		case <-drained:
		case <-time.After(drainTimeout):
		}
		<-l.followed
		l.raft.DeregisterObserver(l.observer)
		err = errors.Join(l.raft.Shutdown().Error(), l.stores.close())
		l.leader.Close()
	})
	if err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}
