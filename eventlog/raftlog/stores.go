package raftlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"

	"meridian/eventlog"
)

// Format is the version of what this package keeps in a folder; a newer one is refused. In format 1
// entries and values had no checksums; a log of that format is brought to this one at start.
const Format = 2

// Keys of the stable store, beside Raft's own.
var (
	formatKey = []byte("meridian/format")
	serverKey = []byte("meridian/server")
)

// stores is what Raft writes to, with guards in front.
type stores struct {
	guard     *guard // of the log and the stable store
	log       raft.LogStore
	snapshots raft.SnapshotStore
	bolt      *raftboltdb.BoltStore // ours to close; nil: the caller's stores
}

func openStores(cfg *Config) (*stores, error) {
	if cfg.Stores != nil {
		return newStores(cfg, *cfg.Stores, nil)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	path := filepath.Join(cfg.Dir, "raft.db")
	if err := inspect(path); err != nil {
		return nil, fmt.Errorf("raft.db is damaged: %w", err)
	}
	bolt, err := raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout:        time.Second, // another process has the file
			NoFreelistSync: true,        // written with each commit it grows without bound
			FreelistType:   bbolt.FreelistMapType,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open raft.db: %w", err)
	}
	files, err := raft.NewFileSnapshotStoreWithLogger(cfg.Dir, keptSnapshots, Logger(cfg.Logger))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open snapshots: %w", err), bolt.Close())
	}
	return newStores(cfg, Stores{Log: bolt, Stable: bolt, Snapshots: files}, bolt)
}

func newStores(cfg *Config, s Stores, bolt *raftboltdb.BoltStore) (*stores, error) {
	g := &guard{logs: s.Log, stable: s.Stable, fatal: cfg.Fatal, wrote: cfg.Wrote}
	cache, err := raft.NewLogCache(cachedEntries, g)
	if err != nil {
		return nil, fmt.Errorf("cache of the log: %w", err)
	}
	return &stores{guard: g, log: cache, snapshots: checked{s.Snapshots, cfg.StateMachine, g}, bolt: bolt}, nil
}

func (s *stores) close() error {
	if s.bolt == nil {
		return nil
	}
	return s.bolt.Close()
}

// prepare tells a node that has a log from a new one and from one that lost its disk.
func (s *stores) prepare(cfg *Config) error {
	marked, err := s.guard.adopt()
	if err != nil {
		return err
	}
	exists, err := raft.HasExistingState(s.log, s.guard, s.snapshots)
	if err != nil {
		return err
	}
	switch {
	case exists && !marked: // snapshots alone are left: its vote is forgotten
		return fmt.Errorf("%w: it has no mark of its format", ErrLostDisk)
	case exists:
		return s.identify(cfg)
	}
	if len(cfg.Bootstrap) == 0 && !cfg.Join {
		return fmt.Errorf("%w: it is empty, in a region that was bootstrapped", ErrLostDisk)
	}
	if at := cfg.StateMachine.Applied(); at.Index > 0 {
		return fmt.Errorf("%w: it is empty, the state is at entry %d", ErrLostDisk, at.Index)
	}
	if err := s.guard.Set(serverKey, []byte(cfg.ID)); err != nil {
		return err
	}
	if err := s.guard.setFormat(Format); err != nil {
		return err
	}
	if len(cfg.Bootstrap) == 0 {
		return nil
	}
	err = raft.BootstrapCluster(cfg.raft(), s.log, s.guard, s.snapshots, cfg.Transport, configuration(cfg.Bootstrap))
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}

// identify refuses a log that is damaged or another server's.
func (s *stores) identify(cfg *Config) error {
	if err := s.guard.readAll(); err != nil {
		return err
	}
	id, err := s.guard.Get(serverKey)
	if err != nil {
		return fmt.Errorf("owner of the log: %w", err)
	}
	if string(id) != cfg.ID {
		return fmt.Errorf("log belongs to server %s, not to %s", id, cfg.ID)
	}
	return nil
}

// restore brings the state machine up to the newest snapshot. Raft would do so by the snapshot's
// index in its own count, or not at all; the state machine knows what it holds.
func (s *stores) restore(sm eventlog.StateMachine) error {
	var snapshot uint64
	list, err := s.snapshots.List()
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	if len(list) > 0 {
		snapshot = list[0].Index
		meta, r, err := s.snapshots.Open(list[0].ID)
		if err != nil {
			return fmt.Errorf("open snapshot %s: %w", list[0].ID, err)
		}
		if err := errors.Join(sm.Restore(r), r.Close()); err != nil {
			return fmt.Errorf("snapshot %s: %w", meta.ID, err)
		}
	}
	return s.covers(sm.Applied().Index, snapshot)
}

// covers returns ErrLostDisk if the log does not join on to the newest snapshot, or ends before the
// state does. Entries are applied only after they are on disk, so that is a loss.
func (s *stores) covers(state, snapshot uint64) error {
	first, err := s.log.FirstIndex()
	if err != nil {
		return fmt.Errorf("first entry: %w", err)
	}
	last, err := s.log.LastIndex()
	if err != nil {
		return fmt.Errorf("last entry: %w", err)
	}
	if first > snapshot+1 {
		return fmt.Errorf("%w: it begins at entry %d, the newest snapshot is of %d", ErrLostDisk, first, snapshot)
	}
	if end := max(last, snapshot); state > end {
		return fmt.Errorf("%w: it ends at entry %d, the state is at %d", ErrLostDisk, end, state)
	}
	return nil
}
