package keystore

import (
	"context"
	"fmt"
	"sync"
)

// notice wakes whoever waits for the next applied batch.
type notice struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next call
}

func (n *notice) init() { n.next = make(chan struct{}) }

func (n *notice) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.next
}

func (n *notice) call() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.next)
	n.next = make(chan struct{})
}

// WaitApplied returns when the record seq is applied here, or the context ends.
func (s *Store) WaitApplied(ctx context.Context, seq uint64) error {
	return s.waitFor(ctx, func(m *Meta) bool { return m.Seq >= seq })
}

// WaitIndex returns when the Raft entry of that index is applied here, or the context ends. Entries
// without a record count, except barriers, which Raft does not pass on.
func (s *Store) WaitIndex(ctx context.Context, index uint64) error {
	return s.waitFor(ctx, func(m *Meta) bool { return m.Index >= index })
}

func (s *Store) waitFor(ctx context.Context, done func(*Meta) bool) error {
	for {
		next := s.applied.wait() // before the look, or a batch could slip through between
		if done(s.meta.Load()) {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("wait for applied state: %w", context.Cause(ctx))
		}
	}
}
