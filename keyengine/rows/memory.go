package rows

import (
	"bytes"
	"iter"
	"slices"
	"sort"
)

var (
	_ Writer = (*Memory)(nil)
	_ Writer = (*Overlay)(nil)
)

// Memory is a Writer in memory. The zero value is empty and ready. It is not safe for concurrent use.
type Memory struct {
	keys   [][]byte // sorted
	values map[string][]byte
}

// Len returns the number of rows.
func (m *Memory) Len() int { return len(m.keys) }

// Get implements Reader.
func (m *Memory) Get(key []byte) ([]byte, bool) {
	v, ok := m.values[string(key)]
	return v, ok
}

// Put implements Writer.
func (m *Memory) Put(key, value []byte) {
	if m.values == nil {
		m.values = map[string][]byte{}
	}
	if _, ok := m.values[string(key)]; !ok {
		i, _ := m.find(key)
		m.keys = slices.Insert(m.keys, i, bytes.Clone(key))
	}
	m.values[string(key)] = bytes.Clone(value)
}

// Delete implements Writer.
func (m *Memory) Delete(key []byte) {
	if i, ok := m.find(key); ok {
		m.keys = slices.Delete(m.keys, i, i+1)
		delete(m.values, string(key))
	}
}

// Scan implements Reader. Rows may be changed while it runs; a row put behind the cursor is not seen.
func (m *Memory) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		cursor, inclusive := start(prefix, after)
		for {
			i, found := m.find(cursor)
			if found && !inclusive {
				i++
			}
			if i == len(m.keys) || !bytes.HasPrefix(m.keys[i], prefix) {
				return
			}
			cursor, inclusive = m.keys[i], false
			if !yield(cursor, m.values[string(cursor)]) {
				return
			}
		}
	}
}

func (m *Memory) find(key []byte) (int, bool) {
	return sort.Find(len(m.keys), func(i int) int { return bytes.Compare(key, m.keys[i]) })
}

// start is where a scan begins, and whether that key itself belongs to it.
func start(prefix, after []byte) (cursor []byte, inclusive bool) {
	if after == nil || bytes.Compare(after, prefix) < 0 {
		return prefix, true
	}
	return after, false
}

// Overlay is a Writer that shows a Reader with changes of its own on top and leaves the Reader alone.
type Overlay struct {
	base    Reader
	changed Memory              // what was put
	deleted map[string]struct{} // what was deleted
}

// NewOverlay returns an Overlay on base without changes.
func NewOverlay(base Reader) *Overlay {
	return &Overlay{base: base, deleted: map[string]struct{}{}}
}

// Get implements Reader.
func (o *Overlay) Get(key []byte) ([]byte, bool) {
	if v, ok := o.changed.Get(key); ok {
		return v, true
	}
	if _, gone := o.deleted[string(key)]; gone {
		return nil, false
	}
	return o.base.Get(key)
}

// Put implements Writer.
func (o *Overlay) Put(key, value []byte) {
	delete(o.deleted, string(key))
	o.changed.Put(key, value)
}

// Delete implements Writer.
func (o *Overlay) Delete(key []byte) {
	o.changed.Delete(key)
	o.deleted[string(key)] = struct{}{}
}

// Scan implements Reader: a merge of both, the changes winning.
func (o *Overlay) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		next, stop := iter.Pull2(o.changed.Scan(prefix, after))
		defer stop()
		ck, cv, more := next()
		for bk, bv := range o.base.Scan(prefix, after) {
			for more && bytes.Compare(ck, bk) < 0 {
				if !yield(ck, cv) {
					return
				}
				ck, cv, more = next()
			}
			if more && bytes.Equal(ck, bk) {
				bv = cv
				ck, cv, more = next()
			} else if _, gone := o.deleted[string(bk)]; gone {
				continue
			}
			if !yield(bk, bv) {
				return
			}
		}
		for more {
			if !yield(ck, cv) {
				return
			}
			ck, cv, more = next()
		}
	}
}
