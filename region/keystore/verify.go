package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// maxProblems bounds a Report; a damaged store could have one for each row.
const maxProblems = 20

// Report is what Verify found.
type Report struct {
	Meta     Meta   // as stored; Meta.Digest is what the node itself believes
	Digest   Digest // of the state that the event log leads to
	Stored   Digest // of the state rows that are on disk
	ChainOK  bool   // every record hashes to what was stored with it, from the first to the head
	Problems []string
}

// OK tells whether nothing was found.
func (r Report) OK() bool { return r.ChainOK && len(r.Problems) == 0 }

// Checkpoint writes a copy of the running store into dir, which must not exist. Verify reads it.
func (s *Store) Checkpoint(dir string) error {
	g := s.acquire()
	defer g.drop()
	to := folder{s.cfg.FS, dir}
	err := to.prepare()
	if err == nil {
		err = g.db.Checkpoint(to.at(g.name), pebble.WithFlushedWAL())
	}
	if err == nil {
		err = to.point(g.name)
	}
	if err != nil {
		return fmt.Errorf("checkpoint state: %w", err)
	}
	return nil
}

// Verify opens the state of a node that does not run, or a Checkpoint, without changing it, and
// recomputes everything that can be computed from the event log. fs nil: the operating system's.
// An error means that it could not be read at all; what is wrong in it is in the Report.
func Verify(fs vfs.FS, dir string, d Domain) (r Report, err error) {
	if fs == nil {
		fs = vfs.Default
	}
	defer func() { // reads fail by a panic; here one is no reason to stop a process
		if p := recover(); p != nil {
			f, ok := p.(unreadable)
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("verify state: %w", f.err)
		}
	}()
	f := folder{fs, dir}
	name, err := f.current()
	if err == nil && name == "" {
		err = errors.New("no state here")
	}
	if err != nil {
		return Report{}, fmt.Errorf("verify state: %w", err)
	}
	db, err := pebble.Open(f.at(name), &pebble.Options{FS: fs, ReadOnly: true, Logger: quiet{}})
	if err != nil {
		return Report{}, fmt.Errorf("verify state: %w", err)
	}
	defer db.Close() // nothing was written
	return verify(db, d)
}

// unreadable is the panic of a failed read under Verify.
type unreadable struct{ err error }

func unread(doing string, err error) { panic(unreadable{fmt.Errorf("%s: %w", doing, err)}) }

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(unreadable{fmt.Errorf(format, args...)})
}

func verify(db *pebble.DB, d Domain) (Report, error) {
	stored := reader{db, unread}
	raw, ok := stored.Get(metaKey())
	if !ok {
		return Report{}, errors.New("verify state: no meta row")
	}
	m, err := decodeMeta(raw)
	if err != nil {
		return Report{}, fmt.Errorf("verify state: %w", err)
	}
	empty, err := pebble.Open("replay", &pebble.Options{
		FS: vfs.NewMem(), DisableWAL: true, MemTableSize: 16 << 20, Logger: quiet{},
		FormatMajorVersion: pebble.FormatTableFormatV6,
	})
	if err != nil {
		return Report{}, fmt.Errorf("verify state: %w", err)
	}
	defer empty.Close() // in memory
	v := verifier{Report: Report{Meta: m}, domain: d, stored: stored, replayed: reader{empty, unread}, front: frontOf(d)}
	if v.replay(empty) {
		v.compare()
	}
	v.secrets()
	if c, ok := d.(IndexChecker); ok {
		for _, p := range c.CheckIndexes(stored) {
			v.problem("%s", p)
		}
	}
	return v.Report, nil
}

type verifier struct {
	Report
	domain           Domain
	stored, replayed reader
	front            *front // of the replayed queue: without it, a replay passes all that was ever taken out, at each record
}

func (v *verifier) problem(format string, args ...any) {
	if len(v.Problems) < maxProblems {
		v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
	}
}

// replay walks the chain and evolves each record into the empty database. False: it could not go on
// to the end, so the rows cannot be compared.
func (v *verifier) replay(into *pebble.DB) bool {
	v.ChainOK = true
	chain := ChainStart(v.Meta.ClusterID, v.Meta.Region, v.Meta.Life)
	state := Meta{Chain: chain}
	for e := range v.stored.events(0) {
		if e.Seq != state.Seq+1 {
			v.ChainOK = false
			v.problem("record %d follows record %d", e.Seq, state.Seq)
			return false
		}
		if chain = ChainNext(chain, e.Record); v.ChainOK && chain != e.Chain {
			v.ChainOK = false
			v.problem("the chain breaks at record %d", e.Seq)
		}
		was := state.Digest == v.expected(state.Seq)
		if !v.evolve(into, &state, e) {
			return false
		}
		if was && state.Digest != e.Digest {
			v.problem("record %d leads to digest %s, the node had %s", e.Seq, state.Digest, e.Digest)
		}
	}
	if state.Seq != v.Meta.Seq {
		v.problem("the event log ends at record %d, the state at %d", state.Seq, v.Meta.Seq)
	}
	if v.ChainOK && chain != v.Meta.Chain {
		v.ChainOK = false
		v.problem("head of the chain differs")
	}
	v.Digest = state.Digest
	return true
}

// expected is the digest that was stored after the record seq, so that only the first of many
// differing records is reported.
func (v *verifier) expected(seq uint64) Digest {
	if e, ok := v.stored.event(seq); ok {
		return e.Digest
	}
	return Digest{}
}

func (v *verifier) evolve(into *pebble.DB, state *Meta, e Stored) bool {
	record, err := v.domain.Decode(e.Record)
	if err != nil {
		v.problem("record %d: %v", e.Seq, err)
		return false
	}
	b := newBatch(into, v.front, *state, unread)
	defer b.w.b.Close() // in memory
	b.meta.Index, b.meta.Term = e.Index, e.Term
	if err := b.record(v.domain, e.Record, record); err != nil {
		v.problem("record %d: %v", e.Seq, err)
		return false
	}
	if err := b.write(); err != nil {
		unread("replay", err)
	}
	*state = b.meta
	return true
}

// compare holds the rows on disk against the replayed ones.
func (v *verifier) compare() {
	for _, prefix := range []byte(digested) {
		for key, value := range v.stored.Scan([]byte{prefix, '/'}, nil) {
			v.Stored.Add(key, value)
		}
	}
	if v.Stored != v.Meta.Digest {
		v.problem("rows have digest %s, the node kept %s", v.Stored, v.Meta.Digest)
	}
	if v.Digest != v.Stored {
		v.problem("the event log leads to digest %s, rows have %s", v.Digest, v.Stored)
	}
	for _, prefix := range []byte{duties, dueRows, poison} {
		v.same([]byte{prefix, '/'})
	}
	if v.Digest != v.Stored { // say which
		for _, prefix := range []byte(digested) {
			v.same([]byte{prefix, '/'})
		}
	}
}

// same reports rows under a prefix that are on one side only or differ.
func (v *verifier) same(prefix []byte) {
	next, stop := iter.Pull2(v.replayed.Scan(prefix, nil))
	defer stop()
	want, value, more := next()
	for key, got := range v.stored.Scan(prefix, nil) {
		for more && bytes.Compare(want, key) < 0 {
			v.problem("row %q is missing", want)
			want, value, more = next()
		}
		switch {
		case !more || !bytes.Equal(want, key):
			v.problem("row %q is not from the event log", key)
			continue
		case !bytes.Equal(value, got):
			v.problem("row %q differs from the event log's", key)
		}
		want, value, more = next()
	}
	for ; more; want, value, more = next() {
		v.problem("row %q is missing", want)
	}
}

// secrets holds m/ against the materials that the state demands. The contents cannot be checked
// without keys.
func (v *verifier) secrets() {
	wanted := map[[32]byte]bool{}
	for id := range v.domain.Materials(v.stored) {
		wanted[id] = true
	}
	for key := range v.stored.Scan([]byte{secrets, '/'}, nil) {
		id := [32]byte{}
		if copy(id[:], key[2:]) != 32 || len(key) != 34 || !wanted[id] {
			v.problem("secret %x is demanded by no key", key[2:])
			continue
		}
		delete(wanted, id)
	}
	for id := range wanted {
		v.problem("secret %x is missing", id)
	}
}
