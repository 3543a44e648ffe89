package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"meridian/eventlog"
	"meridian/keyengine/canonical"
	"meridian/keyengine/rows"
)

// maxBatch is the size in bytes after which Apply commits and begins another batch.
const maxBatch = 1 << 20

// Apply implements eventlog.StateMachine. Batches are not synced: what a power loss takes from this
// database it takes from the end, and the log, which is synced, brings it again.
func (s *Store) Apply(entries []eventlog.Entry) []eventlog.Result {
	g := s.acquire()
	defer g.drop()
	began := time.Now()
	results := make([]eventlog.Result, len(entries))
	b := s.begin(g)
	for i, e := range entries {
		if e.Index <= b.meta.Index {
			results[i].Seq = b.meta.Seq
			continue
		}
		if err := b.apply(s.cfg.Domain, e); errors.Is(err, eventlog.ErrStale) {
			results[i].Err = eventlog.ErrStale
		} else if err != nil {
			s.fail(fmt.Sprintf("apply entry %d of term %d as record %d", e.Index, e.Term, b.meta.Seq+1), err)
		}
		results[i].Seq = b.meta.Seq
		if b.w.b.Len() > maxBatch {
			s.commit(b)
			b = s.begin(g)
		}
	}
	s.commit(b)
	s.tallies.applied(len(entries), time.Since(began))
	return results
}

// batch is rows and position on their way into the database.
type batch struct {
	w    *writer
	meta Meta
	was  Meta
}

func (s *Store) begin(g *generation) *batch {
	return newBatch(g.db, g.front, s.Meta(), s.fail)
}

func newBatch(db *pebble.DB, f *front, m Meta, fail func(string, error)) *batch {
	b := db.NewIndexedBatch()
	return &batch{w: &writer{reader: reader{b, fail}, b: b, digest: m.Digest, front: f}, meta: m, was: m}
}

// apply adds an entry. ErrStale: only the position moved.
func (b *batch) apply(d Domain, e eventlog.Entry) error {
	if e.Term < b.meta.Term {
		return fmt.Errorf("term went back from %d", b.meta.Term)
	}
	b.meta.Index, b.meta.Term = e.Index, e.Term
	if e.Data == nil {
		return nil
	}
	raw, beside, err := d.Split(e.Data)
	if err != nil {
		return fmt.Errorf("split: %w", err)
	}
	record, err := d.Decode(raw)
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if record.Term != e.Term {
		return eventlog.ErrStale
	}
	if err := b.agrees(record.Hash); err != nil {
		return err
	}
	for _, secret := range beside {
		b.w.Put(SecretKey(secret.ID), canonical.Marshal(secretRow{Leaf: secret.Leaf, Wrapped: secret.Wrapped}))
	}
	return b.record(d, raw, record)
}

// agrees compares the digest that the leader stated with this node's own after the same record.
func (b *batch) agrees(stated *eventlog.StateHash) error {
	if stated == nil {
		return nil
	}
	own, known := b.meta.Digest, stated.Seq == b.meta.Seq
	if !known {
		var v []byte
		if v, known = b.w.Get(eventKey(stated.Seq)); known {
			e, err := decodeStored(eventKey(stated.Seq), v)
			if err != nil {
				return err
			}
			own = e.Digest
		}
	}
	switch {
	case !known:
		return fmt.Errorf("%w: its leader states a digest after record %d, this node has %d records", ErrDiverged, stated.Seq, b.meta.Seq)
	case own != stated.Digest:
		return fmt.Errorf("%w: after record %d its digest is %s, its leader's %s", ErrDiverged, stated.Seq, own, Digest(stated.Digest))
	}
	return nil
}

// record adds a record at the next seq.
func (b *batch) record(d Domain, raw []byte, record *eventlog.Record) error {
	seq := b.meta.Seq + 1
	if err := d.Evolve(b.w, seq, record); err != nil {
		return fmt.Errorf("evolve: %w", err)
	}
	b.meta.Seq, b.meta.At = seq, record.At
	b.meta.Chain = ChainNext(b.meta.Chain, raw)
	b.meta.Digest = b.w.digest
	b.w.set(eventKey(seq), canonical.Marshal(Stored{
		Index: b.meta.Index, Term: b.meta.Term, Chain: b.meta.Chain, Digest: b.meta.Digest, Record: raw,
	}))
	return nil
}

// commit makes the batch readable and tells of it: first the caches, then those who wait.
func (s *Store) commit(b *batch) {
	defer b.w.b.Close() // returns memory; there is nothing in its error
	if b.meta.Index == b.was.Index {
		return
	}
	b.w.set(metaKey(), b.meta.encode())
	if err := b.write(); err != nil {
		s.fail("write state", err)
	}
	s.tallies.batches.Add(1)
	if s.cfg.OnApply != nil {
		s.cfg.OnApply(Change{First: b.was.Seq + 1, Last: b.meta.Seq, At: b.meta.At, Keys: b.w.changed})
	}
	s.meta.Store(&b.meta)
	s.applied.call()
}

// write makes the rows readable, and where the queue begins known.
func (b *batch) write() error {
	if err := b.w.b.Commit(pebble.NoSync); err != nil {
		return err
	}
	if b.w.first != nil {
		b.w.front.at.Store(&b.w.first)
	}
	return nil
}

// writer is rows.Writer over an indexed batch. It keeps the digest up to date.
type writer struct {
	reader
	b       *pebble.Batch
	digest  Digest
	changed [][]byte
	front   *front
	first   []byte // no row of the queue is before it; nil: nobody looked yet
}

var _ rows.Writer = (*writer)(nil)

// Put implements rows.Writer.
func (w *writer) Put(key, value []byte) {
	w.allow(key)
	if has(digested, key) {
		old, had := w.Get(key)
		if had && bytes.Equal(old, value) {
			return
		}
		if had {
			w.digest.Sub(key, old)
		}
		w.digest.Add(key, value)
	}
	w.queues(key)
	w.set(key, value)
	w.note(key)
}

// Delete implements rows.Writer.
func (w *writer) Delete(key []byte) {
	w.allow(key)
	if has(digested, key) {
		old, had := w.Get(key)
		if !had {
			return
		}
		w.digest.Sub(key, old)
	}
	if err := w.b.Delete(key, nil); err != nil {
		w.fail("write state", err)
	}
	w.note(key)
}

func (w *writer) set(key, value []byte) {
	if err := w.b.Set(key, value, nil); err != nil {
		w.fail("write state", err)
	}
}

// allow panics on a key that is none of the domain's: to write it would be a defect of the domain
// that every node has.
func (w *writer) allow(key []byte) {
	if !has(evolvable, key) || len(key) > maxKey {
		panic(fmt.Sprintf("keystore: the domain may not write row %q", key))
	}
}

func (w *writer) note(key []byte) {
	if key[0] != secrets {
		w.changed = append(w.changed, bytes.Clone(key))
	}
}
