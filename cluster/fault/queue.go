package fault

import (
	"sync"
	"time"
)

// queue is bytes on their way, in order, each piece due at a time, and then perhaps an error.
type queue struct {
	mu      sync.Mutex
	pieces  []piece
	size    int
	last    time.Time // when the last piece pushed is due: no later one is due before
	err     error
	errDue  time.Time
	changed chan struct{} // closed at each change
}

type piece struct {
	b   []byte
	due time.Time
}

func newQueue() *queue { return &queue{changed: make(chan struct{})} }

// watch returns a channel that is closed at the next change. Watch first, then look.
func (q *queue) watch() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.changed
}

func (q *queue) note() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// push appends a copy of b, due after late but not before what is there.
func (q *queue) push(b []byte, late time.Duration) {
	if len(b) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last = q.due(late)
	q.pieces = append(q.pieces, piece{append([]byte(nil), b...), q.last})
	q.size += len(b)
	q.note()
}

func (q *queue) due(late time.Duration) time.Time {
	if due := time.Now().Add(late); due.After(q.last) {
		return due
	}
	return q.last
}

// fail ends the queue with err, behind what is there.
func (q *queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err, q.errDue = err, q.due(0)
		q.note()
	}
}

// failed returns the error at the end.
func (q *queue) failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

func (q *queue) room() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size < maxHeld
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pieces) == 0
}

// pop moves bytes that are due into b. With none, it returns the error at the end, if that is due, or
// how long until something is due (0: nothing is there).
func (q *queue) pop(b []byte) (n int, wait time.Duration, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for len(q.pieces) > 0 && n < len(b) && !q.pieces[0].due.After(now) {
		p := &q.pieces[0]
		m := copy(b[n:], p.b)
		n += m
		if p.b = p.b[m:]; len(p.b) == 0 {
			q.pieces = q.pieces[1:]
		}
	}
	if n > 0 {
		q.size -= n
		q.note()
		return n, 0, nil
	}
	switch {
	case len(q.pieces) > 0:
		return 0, q.pieces[0].due.Sub(now), nil
	case q.err != nil && !q.errDue.After(now):
		return 0, 0, q.err
	case q.err != nil:
		return 0, q.errDue.Sub(now), nil
	}
	return 0, 0, nil
}

// pause waits for the first of: a time (0: none), or one of the channels.
func pause(d time.Duration, a, b, c, e <-chan struct{}) {
	var timer <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-timer:
	case <-a:
	case <-b:
	case <-c:
	case <-e:
	}
}
