package keystore

import (
	"bytes"
	"iter"
	"sync/atomic"
)

// Queued is a Domain some of whose rows are a queue: put in anywhere, taken out at the front, with each record. What is
// taken out stays in the database as a mark until it is merged away, and a look for the first row would pass all marks.
type Queued interface {
	// Queue is the prefix of the keys of those rows.
	Queue() []byte
}

// front remembers where a queue's first row is, or where none is before. It is nothing but a place to begin to look:
// what is found is the same without it.
type front struct {
	prefix []byte                 // nil: there is no queue
	at     atomic.Pointer[[]byte] // no row of the queue is before it, now or in a batch under way; nil: that is not known
}

func frontOf(d Domain) *front {
	f := new(front)
	if q, ok := d.(Queued); ok {
		f.prefix = q.Queue()
	}
	return f
}

// asks tells whether a scan is one for the first rows of the queue.
func (f *front) asks(prefix, after []byte) bool {
	return f.prefix != nil && after == nil && bytes.Equal(prefix, f.prefix)
}

// begin is where a scan for the first rows may begin.
func (f *front) begin() []byte {
	if at := f.at.Load(); at != nil {
		return *at
	}
	return f.prefix
}

// puts makes room for a row before it is readable: no scan that begins after may miss it.
func (f *front) puts(key []byte) {
	if at := f.at.Load(); at != nil && bytes.Compare(key, *at) < 0 {
		f.at.Store(new(bytes.Clone(key)))
	}
}

// Scan implements rows.Reader. The first row that it meets in the queue is where the queue begins once the batch is
// committed.
func (w *writer) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	if !w.front.asks(prefix, after) {
		return w.reader.Scan(prefix, after)
	}
	return func(yield func([]byte, []byte) bool) {
		begin := w.first
		if begin == nil {
			begin = w.front.begin()
		}
		first := true
		for key, value := range w.between(begin, end(prefix)) {
			if first {
				w.first, first = bytes.Clone(key), false
			}
			if !yield(key, value) {
				return
			}
		}
		if first {
			w.first = end(prefix)
		}
	}
}

// queues keeps a row that is put from being overlooked, in this batch and after it.
func (w *writer) queues(key []byte) {
	if w.front.prefix == nil || !bytes.HasPrefix(key, w.front.prefix) {
		return
	}
	w.front.puts(key)
	if w.first != nil && bytes.Compare(key, w.first) < 0 {
		w.first = bytes.Clone(key)
	}
}
