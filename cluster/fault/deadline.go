package fault

import (
	"sync"
	"time"
)

// deadline is a time after which calls give up; it can be moved while calls wait, as in net.Pipe.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	past  chan struct{} // closed when the deadline is over
}

func newDeadline() *deadline { return &deadline{past: make(chan struct{})} }

// wait returns a channel that is closed when the deadline is over.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.past
}

// set moves the deadline; the zero time is none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.past // its function runs: let it close the channel
	}
	d.timer = nil
	over := false
	select {
	case <-d.past:
		over = true
	default:
	}
	if t.IsZero() || time.Until(t) > 0 {
		if over {
			d.past = make(chan struct{})
		}
		if past := d.past; !t.IsZero() {
			d.timer = time.AfterFunc(time.Until(t), func() { close(past) })
		}
		return
	}
	if !over {
		close(d.past)
	}
}

// stop frees the timer.
func (d *deadline) stop() { d.set(time.Time{}) }
