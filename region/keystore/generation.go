package keystore

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// generation is one database. A restore makes the next one; the old one is closed and removed when
// its last reader is done.
type generation struct {
	name  string
	db    *pebble.DB
	front *front        // of the domain's queue
	refs  atomic.Int64  // readers, and one more while it is the store's current
	idle  chan struct{} // closed when refs is 0
}

func (g *generation) meta() (Meta, error) {
	v, closer, err := g.db.Get(metaKey())
	if err != nil {
		return Meta{}, fmt.Errorf("meta row: %w", err)
	}
	defer closer.Close()
	return decodeMeta(v)
}

// take adds a reader; false: g is on its way out.
func (g *generation) take() bool {
	for {
		n := g.refs.Load()
		if n == 0 {
			return false
		}
		if g.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (g *generation) drop() {
	if g.refs.Add(-1) == 0 {
		close(g.idle)
	}
}

func (g *generation) close() error { return g.db.Close() }

// acquire returns the current generation with a reader added.
func (s *Store) acquire() *generation {
	for {
		g := s.current.Load()
		if g.take() {
			return g
		}
		if g == s.current.Load() {
			panic("keystore: used after Close")
		}
	}
}

// openGeneration opens the database of that name, which must be there already, or must not.
func (s *Store) openGeneration(name string, exists bool) (*generation, error) {
	o := s.options()
	o.ErrorIfNotExists, o.ErrorIfExists = exists, !exists
	db, err := pebble.Open(s.dir.at(name), o)
	if err != nil && strings.Contains(err.Error(), "unknown format major version") { // Pebble has no other mark for it
		err = fmt.Errorf("%w: this build reads up to version %d: %w", ErrNewer, pebble.FormatNewest, err)
	}
	if err != nil {
		return nil, fmt.Errorf("generation %s: %w", name, err)
	}
	g := &generation{name: name, db: db, front: frontOf(s.cfg.Domain), idle: make(chan struct{})}
	g.refs.Store(1)
	return g, nil
}

func (s *Store) options() *pebble.Options {
	o := &pebble.Options{
		FS:                 s.cfg.FS,
		Cache:              s.cache,
		MemTableSize:       s.cfg.MemTableBytes,
		FormatMajorVersion: pebble.FormatTableFormatV6, // never lowered; raised together with Format
		Logger:             pebbleLogger{s},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) {
				if !errors.Is(err, pebble.ErrCancelledCompaction) {
					s.fatal(fmt.Errorf("state in background: %w", err))
				}
			},
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				s.fatal(fmt.Errorf("state is damaged: %s: %w", info.Path, info.Details))
			},
		},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// pebbleLogger passes on what Pebble regards as an error, and ends the process where it would.
type pebbleLogger struct{ s *Store }

func (pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.s.cfg.Logger.Error(fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.s.fail("state", fmt.Errorf(format, args...))
}
