package eventlog

import "sync"

// Announcer keeps the newest Leadership and hands it to those who watch. It is for implementations
// of Log. The zero value is ready: nobody leads. Its methods may be called from any goroutine.
type Announcer struct {
	mu       sync.Mutex
	now      Leadership
	watchers []chan Leadership
	closed   bool
}

// Now returns the newest Leadership.
func (a *Announcer) Now() Leadership {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

// Announce makes l the newest Leadership; repeating the present one tells nobody anything.
func (a *Announcer) Announce(l Leadership) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || l == a.now {
		return
	}
	a.now = l
	for _, w := range a.watchers {
		replace(w, l)
	}
}

// Watch returns a channel that holds the newest Leadership that was not taken from it yet, at first
// the present one.
func (a *Announcer) Watch() <-chan Leadership {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := make(chan Leadership, 1)
	if a.closed {
		close(w)
		return w
	}
	w <- a.now
	a.watchers = append(a.watchers, w)
	return w
}

// Close announces that nobody is known to lead and closes the channels of all watchers.
func (a *Announcer) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.closed, a.now = true, Leadership{}
	for _, w := range a.watchers {
		close(w)
	}
}

// replace puts l into a channel of one place, in place of what waits there. Only the Announcer
// sends, and it holds its lock, so the second send cannot block.
func replace(w chan Leadership, l Leadership) {
	select {
	case <-w:
	default:
	}
	w <- l
}
