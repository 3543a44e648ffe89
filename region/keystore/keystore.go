package keystore

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/keyengine/rows"
)

var (
	_ eventlog.StateMachine = (*Store)(nil)
	_ rows.Reader           = (*Store)(nil)
)

// Config says what a store is opened with.
type Config struct {
	Dir       string // the node's state/ folder
	FS        vfs.FS // nil: the operating system's
	ClusterID string
	Region    string
	Life      uint64 // of the Region, for a store that is made now; 0: 1
	Domain    Domain

	// OnApply, if set, is told of each batch after it is readable and before Applied shows it. Calls
	// come one at a time, in order; none may block.
	OnApply func(Change)
	// Fatal ends the process because of a failed read or write, or a record that this build cannot
	// apply. It must not return, and may be called from any goroutine.
	Fatal  func(error)
	Logger *slog.Logger // nil: silent

	MemTableBytes uint64 // 0: 16 MiB
	CacheBytes    int64  // 0: 64 MiB, filled as there are rows to read
}

// Change is what one committed batch did.
type Change struct {
	First, Last uint64   // seqs of its records; First > Last: no record, the position alone moved
	At          int64    // Region time of Last
	Keys        [][]byte // of rows put or deleted, possibly repeated, without those of e/, m/ and x/
	All         bool     // a restore replaced all rows; Keys is empty
}

// Store is a Region's state on this node. Its methods may be called from any goroutine, but those of
// eventlog.StateMachine only as that says.
type Store struct {
	cfg     Config
	dir     folder
	guard   *guard // is cfg.FS
	cache   *pebble.Cache
	current atomic.Pointer[generation]
	meta    atomic.Pointer[Meta]
	applied notice
	tallies tallies
	once    sync.Once // of Close
	broken  sync.Once // of Fatal
}

// Open opens the state in cfg.Dir, or makes an empty one there. It refuses a state of a newer
// format, of another cluster or of another Region.
func Open(cfg Config) (*Store, error) {
	s, err := newStore(cfg)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	if err := s.load(); err != nil {
		s.cache.Unref()
		return nil, fmt.Errorf("open state: %w", oneLine{err})
	}
	s.guard.armed.Store(true)
	return s, nil
}

func newStore(cfg Config) (*Store, error) {
	switch {
	case cfg.Dir == "" || cfg.ClusterID == "" || cfg.Region == "":
		return nil, errors.New("folder, cluster id and region are needed")
	case cfg.Domain == nil || cfg.Fatal == nil:
		return nil, errors.New("domain and fatal are needed")
	}
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Life = max(cfg.Life, 1)
	if cfg.MemTableBytes == 0 {
		cfg.MemTableBytes = 16 << 20
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = 64 << 20 // indexes and filters of a million keys fit in; else each look for a row that is not there reads them again
	}
	s := &Store{cache: pebble.NewCache(cfg.CacheBytes)}
	s.guard = &guard{FS: cfg.FS, fatal: func(err error) error { return s.fatal(fmt.Errorf("disk of the state: %w", err)) }}
	cfg.FS = s.guard
	s.cfg, s.dir = cfg, folder{cfg.FS, cfg.Dir}
	s.applied.init()
	return s, nil
}

// load finds the current generation or makes the first, and reads its meta row.
func (s *Store) load() error {
	if err := s.dir.prepare(); err != nil {
		return err
	}
	name, err := s.dir.current()
	if err != nil {
		return err
	}
	if name == "" {
		return s.create()
	}
	g, err := s.openGeneration(name, true)
	if err != nil {
		return err
	}
	m, err := g.meta()
	if err == nil {
		err = m.belongs(s.cfg.ClusterID, s.cfg.Region)
	}
	if err == nil {
		err = knows(s.cfg.Domain, levelOf(s.cfg.Domain, reader{g.db, s.fail}))
	}
	if err == nil {
		err = g.joined(m, unflushedTables*s.cfg.MemTableBytes)
	}
	if err != nil {
		return errors.Join(err, g.db.Close())
	}
	s.current.Store(g)
	s.meta.Store(&m)
	if err := s.dir.sweep(name); err != nil { // what a crash in a restore left behind
		s.cfg.Logger.Warn("old state remains", "err", err)
	}
	return nil
}

func (s *Store) create() error {
	name, err := s.dir.next()
	if err != nil {
		return err
	}
	g, err := s.openGeneration(name, false)
	if err != nil {
		return err
	}
	m := Meta{ClusterID: s.cfg.ClusterID, Region: s.cfg.Region, Life: s.cfg.Life}
	m.Chain = ChainStart(m.ClusterID, m.Region, m.Life)
	if err := g.db.Set(metaKey(), m.encode(), pebble.Sync); err != nil {
		return errors.Join(err, g.db.Close())
	}
	if err := s.dir.point(name); err != nil {
		return errors.Join(err, g.db.Close())
	}
	s.current.Store(g)
	s.meta.Store(&m)
	return nil
}

// Close waits until Views and snapshots are closed, then closes the database. Nothing may be applied
// or read after it began.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		g := s.current.Load()
		g.drop()
		<-g.idle
		err = g.close()
		s.cache.Unref()
	})
	if err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// Meta says what the store holds and how far it is.
func (s *Store) Meta() Meta { return *s.meta.Load() }

// StateHash is the digest of the newest state, as a leader states it.
func (s *Store) StateHash() eventlog.StateHash {
	m := s.Meta()
	return eventlog.StateHash{Seq: m.Seq, Digest: m.Digest}
}

// Applied implements eventlog.StateMachine.
func (s *Store) Applied() eventlog.Position { return s.meta.Load().Position() }

// fail stops the process because of err. It never returns; where Fatal wrongly does, it panics.
func (s *Store) fail(doing string, err error) {
	panic(s.fatal(fmt.Errorf("%s: %w", doing, err)))
}

func (s *Store) fatal(err error) error {
	s.broken.Do(func() { s.cfg.Fatal(oneLine{err}) })
	return err
}

// oneLine is an error in one line: the database names each of several missing files in a line of its own.
type oneLine struct{ error }

// Error implements error.
func (e oneLine) Error() string { return strings.ReplaceAll(e.error.Error(), "\n", "; ") }

// Unwrap returns the error as it came.
func (e oneLine) Unwrap() error { return e.error }
