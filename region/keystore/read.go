package keystore

import (
	"bytes"
	"errors"
	"iter"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"meridian/eventlog/codec"
	"meridian/keyengine/rows"
)

// reader is rows.Reader over anything of Pebble's that can be read.
type reader struct {
	src  pebble.Reader
	fail func(doing string, err error) // never returns
}

// Get implements rows.Reader. The value is the caller's own.
func (r reader) Get(key []byte) ([]byte, bool) {
	v, closer, err := r.src.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false
	}
	if err != nil {
		r.fail("read state", err)
	}
	v = bytes.Clone(v)
	if err := closer.Close(); err != nil {
		r.fail("read state", err)
	}
	return v, true
}

// Scan implements rows.Reader. It shows the rows as they are when the scan begins.
func (r reader) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		lower := prefix
		if after != nil && bytes.Compare(after, prefix) >= 0 {
			lower = append(bytes.Clone(after), 0)
		}
		r.between(lower, end(prefix))(yield)
	}
}

// between yields the rows from one key on and before another.
func (r reader) between(lower, upper []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		it, err := r.src.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
		if err != nil {
			r.fail("scan state", err)
		}
		defer it.Close() // its error is that of Error
		for ok := it.First(); ok; ok = it.Next() {
			v, err := it.ValueAndErr()
			if err != nil {
				r.fail("scan state", err)
			}
			if !yield(it.Key(), v) {
				return
			}
		}
		// A scan that broke off must not look like one that came to the end.
		if err := it.Error(); err != nil {
			r.fail("scan state", err)
		}
	}
}

// events yields the rows of the event log from a seq on.
func (r reader) events(from uint64) iter.Seq[Stored] {
	return func(yield func(Stored) bool) {
		var after []byte
		if from > 0 {
			after = eventKey(from - 1)
		}
		for k, v := range r.Scan([]byte("e/"), after) {
			e, err := decodeStored(k, v)
			if err != nil {
				r.fail("read event log", err)
			}
			if !yield(e) {
				return
			}
		}
	}
}

func (r reader) event(seq uint64) (Stored, bool) {
	v, ok := r.Get(eventKey(seq))
	if !ok {
		return Stored{}, false
	}
	e, err := decodeStored(eventKey(seq), v)
	if err != nil {
		r.fail("read event log", err)
	}
	return e, true
}

// Get implements rows.Reader on the newest state.
func (s *Store) Get(key []byte) ([]byte, bool) {
	g := s.acquire()
	defer g.drop()
	return reader{g.db, s.fail}.Get(key)
}

// Scan implements rows.Reader on the newest state, frozen when the scan begins.
func (s *Store) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		g := s.acquire()
		defer g.drop()
		r := reader{g.db, s.fail}
		if g.front.asks(prefix, after) {
			r.between(g.front.begin(), end(prefix))(yield)
			return
		}
		r.Scan(prefix, after)(yield)
	}
}

// Events yields the records of the event log from a seq on, up to the newest when the scan begins.
func (s *Store) Events(from uint64) iter.Seq[Stored] {
	return func(yield func(Stored) bool) {
		g := s.acquire()
		defer g.drop()
		reader{g.db, s.fail}.events(from)(yield)
	}
}

// Event returns one record of the event log.
func (s *Store) Event(seq uint64) (Stored, bool) {
	g := s.acquire()
	defer g.drop()
	return reader{g.db, s.fail}.event(seq)
}

// Born returns the Region time of the first record, ms since 1970 UTC; 0 while there is none.
func (s *Store) Born() int64 {
	e, ok := s.Event(1)
	if !ok {
		return 0
	}
	r, err := codec.DecodeRecord(e.Record)
	if err != nil {
		s.fail("read the first record", err)
		return 0
	}
	return r.At
}

// View is one frozen state. It holds on to disk space: close it soon.
type View struct {
	reader
	meta Meta
	snap *pebble.Snapshot
	gen  *generation
	once sync.Once
}

var _ rows.Reader = (*View)(nil)

// View freezes the newest state. The caller closes it.
func (s *Store) View() *View {
	g := s.acquire()
	snap := g.db.NewSnapshot()
	v := &View{reader: reader{snap, s.fail}, snap: snap, gen: g}
	// The row, not s.meta: a batch may have come in between.
	b, ok := v.Get(metaKey())
	if !ok {
		s.fail("read state", errors.New("no meta row"))
	}
	var err error
	if v.meta, err = decodeMeta(b); err != nil {
		s.fail("read state", err)
	}
	return v
}

// Meta says what the view shows.
func (v *View) Meta() Meta { return v.meta }

// Events yields the records of the event log from a seq on.
func (v *View) Events(from uint64) iter.Seq[Stored] { return v.events(from) }

// Event returns one record of the event log.
func (v *View) Event(seq uint64) (Stored, bool) { return v.event(seq) }

// Close frees the view.
func (v *View) Close() {
	v.once.Do(func() {
		v.snap.Close() // an error would mean that it was closed twice
		v.gen.drop()
	})
}
