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

// Scan implements Reader. It sees changes ahead of it.
func (m *Memory) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		for c := start(prefix, after); ; {
			key, value, ok := m.next(c, prefix)
			if !ok || !yield(key, value) {
				return
			}
			c = past(key)
		}
	}
}

// next returns the first row with the prefix from c on.
func (m *Memory) next(c cursor, prefix []byte) (key, value []byte, ok bool) {
	i, found := m.find(c.key)
	if found && c.past {
		i++
	}
	if i == len(m.keys) || !bytes.HasPrefix(m.keys[i], prefix) {
		return nil, nil, false
	}
	return m.keys[i], m.values[string(m.keys[i])], true
}

func (m *Memory) find(key []byte) (int, bool) {
	return sort.Find(len(m.keys), func(i int) int { return bytes.Compare(key, m.keys[i]) })
}

// cursor is where a scan goes on: at a key, or past it.
type cursor struct {
	key  []byte
	past bool
}

func past(key []byte) cursor { return cursor{key, true} }

// start is where a scan begins.
func start(prefix, after []byte) cursor {
	if after == nil || bytes.Compare(after, prefix) < 0 {
		return cursor{key: prefix}
	}
	return past(after)
}

// Overlay is a Writer that shows a Reader with changes of its own on top and leaves the Reader alone.
type Overlay struct {
	base    Reader
	changed Memory              // what was put
	deleted map[string]struct{} // what was deleted, if it is not in changed
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

// Put implements Writer. It wins over a deletion before it.
func (o *Overlay) Put(key, value []byte) { o.changed.Put(key, value) }

// Delete implements Writer.
func (o *Overlay) Delete(key []byte) {
	o.changed.Delete(key)
	o.deleted[string(key)] = struct{}{}
}

// Changed yields the keys with a prefix that were put, here or in an Overlay below, each as often as it was and in no
// order; some of them may have been deleted since. They must not be changed and are valid only until the next step.
func (o *Overlay) Changed(prefix []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for r := Reader(o); ; {
			over, ok := r.(*Overlay)
			if !ok {
				return
			}
			for key := range over.changed.Scan(prefix, nil) {
				if !yield(key) {
					return
				}
			}
			r = over.base
		}
	}
}

// Scan implements Reader: a merge of both, the changes winning. It sees changes ahead of it.
func (o *Overlay) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		c := start(prefix, after)
		var behind []byte // a copy: the base's key is valid only until its next step
		for key, value := range o.base.Scan(prefix, after) {
			for {
				k, v, ok := o.changed.next(c, prefix)
				if !ok || bytes.Compare(k, key) >= 0 {
					break
				}
				if !yield(k, v) {
					return
				}
				c = past(k)
			}
			if v, ok := o.changed.Get(key); ok {
				value = v
			} else if _, gone := o.deleted[string(key)]; gone {
				continue
			}
			if !yield(key, value) {
				return
			}
			behind = append(behind[:0], key...)
			c = past(behind)
		}
		for {
			k, v, ok := o.changed.next(c, prefix)
			if !ok || !yield(k, v) {
				return
			}
			c = past(k)
		}
	}
}
