package keystore

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"meridian/eventlog"
)

// Check implements eventlog.StateMachine: it reads a snapshot to its end and tells whether Restore
// would take it, without looking at the present state. One of a newer program ends this one: its Region has gone on
// without it.
func (s *Store) Check(r io.Reader) error {
	in, err := s.open(r)
	if errors.Is(err, eventlog.ErrNewer) {
		s.fail("check snapshot", err)
	}
	if err != nil {
		return fmt.Errorf("check snapshot: %w", err)
	}
	if err := newAudit(in.header.Meta).read(in, func([]byte, []byte) error { return nil }); err != nil {
		return fmt.Errorf("check snapshot: %w", err)
	}
	return nil
}

// Restore implements eventlog.StateMachine. The new rows are gathered in a generation of their own,
// which becomes the current one when all of it is checked and on disk.
func (s *Store) Restore(r io.Reader) error {
	in, err := s.open(r)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if s.contains(in.header.Meta) {
		return nil
	}
	g, err := s.gather(in)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := s.dir.point(g.name); err != nil {
		// CURRENT may be the old or the new one now, as after a crash. Only a start can tell.
		s.fail("restore", err)
	}
	s.swap(g, in.header.Meta)
	return nil
}

// open reads a snapshot's header and refuses what is not of this Region.
func (s *Store) open(r io.Reader) (*streamReader, error) {
	in, err := newStreamReader(r)
	if err != nil {
		return nil, err
	}
	if err := in.header.Meta.belongs(s.cfg.ClusterID, s.cfg.Region); err != nil {
		return nil, err
	}
	return in, knows(s.cfg.Domain, in.header.Feature)
}

// contains tells whether the present state grew out of the one that m describes. The position is
// the one inside the snapshot: Raft's own counts barriers too, and would be ahead of any store.
func (s *Store) contains(m Meta) bool {
	now := s.Meta()
	if m.Life != now.Life || m.Index > now.Index || m.Seq > now.Seq {
		return false
	}
	if m.Seq == 0 {
		return m.Chain == ChainStart(now.ClusterID, now.Region, now.Life)
	}
	e, ok := s.Event(m.Seq)
	return ok && e.Chain == m.Chain
}

// gather makes a durable generation of a snapshot's rows; on an error nothing is left of it.
func (s *Store) gather(in *streamReader) (*generation, error) {
	name, err := s.dir.next()
	if err != nil {
		return nil, err
	}
	g, err := s.openGeneration(name, false)
	if err == nil {
		if err = fill(g.db, in); err == nil {
			return g, nil
		}
		err = errors.Join(err, g.db.Close())
	}
	return nil, errors.Join(err, s.cfg.FS.RemoveAll(s.dir.at(name)))
}

func fill(db *pebble.DB, in *streamReader) error {
	b := db.NewBatch()
	defer func() { _ = b.Close() }()
	err := newAudit(in.header.Meta).read(in, func(key, value []byte) error {
		if b.Len() > maxBatch {
			if err := b.Commit(pebble.NoSync); err != nil {
				return err
			}
			b.Reset()
		}
		return b.Set(key, value, nil)
	})
	if err != nil {
		return err
	}
	if err := b.Set(metaKey(), in.header.Meta.encode(), nil); err != nil {
		return err
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	return db.Flush()
}

// swap makes g the current generation. The old one goes when its readers have gone.
func (s *Store) swap(g *generation, m Meta) {
	old := s.current.Swap(g)
	if s.cfg.OnApply != nil {
		s.cfg.OnApply(Change{First: 1, Last: m.Seq, At: m.At, All: true})
	}
	s.meta.Store(&m)
	s.applied.call()
	old.drop()
	go s.retire(old)
}

func (s *Store) retire(old *generation) {
	<-old.idle
	if err := errors.Join(old.close(), s.cfg.FS.RemoveAll(s.dir.at(old.name))); err != nil {
		s.cfg.Logger.Warn("old state remains", "err", err)
	}
}

// audit recomputes from rows what a header claims about them.
type audit struct {
	want   Meta
	digest Digest
	chain  [32]byte
	last   Stored
}

func newAudit(m Meta) *audit {
	return &audit{want: m, chain: ChainStart(m.ClusterID, m.Region, m.Life)}
}

// read passes all rows on to f and compares at the end.
func (a *audit) read(in *streamReader, f func(key, value []byte) error) error {
	err := in.each(func(key, value []byte) error {
		if err := a.add(key, value); err != nil {
			return err
		}
		return f(key, value)
	})
	if err != nil {
		return err
	}
	return a.finish()
}

func (a *audit) add(key, value []byte) error {
	if has(digested, key) {
		a.digest.Add(key, value)
	}
	if key[0] != events {
		return nil
	}
	e, err := decodeStored(key, value)
	if err != nil {
		return err
	}
	if e.Seq != a.last.Seq+1 {
		return fmt.Errorf("record %d follows record %d", e.Seq, a.last.Seq)
	}
	if a.chain = ChainNext(a.chain, e.Record); a.chain != e.Chain {
		return fmt.Errorf("the chain breaks at record %d", e.Seq)
	}
	a.last = e
	return nil
}

func (a *audit) finish() error {
	switch m := a.want; {
	case a.last.Seq != m.Seq || a.last.Index > m.Index || a.last.Term > m.Term:
		return fmt.Errorf("ends with record %d at %d, not %d at %d", a.last.Seq, a.last.Index, m.Seq, m.Index)
	case a.chain != m.Chain:
		return errors.New("head of the chain differs")
	case a.digest != m.Digest:
		return fmt.Errorf("rows have digest %s, not %s", a.digest, m.Digest)
	}
	return nil
}
