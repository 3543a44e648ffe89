package keystore

import (
	"fmt"
	"io"

	"meridian/eventlog"
)

// Snapshot implements eventlog.StateMachine.
func (s *Store) Snapshot() (eventlog.Snapshot, error) { return &snapshot{s.View(), s.cfg.Domain}, nil }

type snapshot struct {
	view   *View
	domain Domain
}

// WriteTo flushes the database, then streams the frozen rows. The order is what keeps the log's
// promise: once the snapshot exists the log below it may go, and an unsynced database that a crash
// throws back behind the snapshot would have a hole.
func (n *snapshot) WriteTo(w io.Writer) (int64, error) {
	if err := n.view.gen.db.Flush(); err != nil {
		return 0, fmt.Errorf("make state durable: %w", err)
	}
	out, err := newStreamWriter(w, n.view.meta, levelOf(n.domain, n.view))
	if err != nil {
		return 0, fmt.Errorf("write snapshot: %w", err)
	}
	for key, value := range n.view.Scan(nil, nil) {
		if !has(carried, key) {
			continue // meta travels in the header
		}
		if err := out.row(key, value); err != nil {
			return out.wrote, fmt.Errorf("write snapshot: %w", err)
		}
	}
	if err := out.end(); err != nil {
		return out.wrote, fmt.Errorf("write snapshot: %w", err)
	}
	return out.wrote, nil
}

// Release implements eventlog.Snapshot.
func (n *snapshot) Release() { n.view.Close() }
