package replication

import (
	"context"
	"errors"
	"sync"
	"time"
)

// preferSecond is how long a Region is asked over the second bus after the first failed.
const preferSecond = 10 * time.Second

// patience is how long First is waited for at least before its silence says anything about it: who asks for less time, as
// for consent, may get no answer on a link that is slow and whole.
const patience = 2 * time.Second

// Fallback is a Bus that asks a Region over First, and over Second where First does not get through. Requests are
// heard from both. After First failed Second is asked first, for ten seconds or until it fails too.
type Fallback struct {
	First, Second Bus

	mu     sync.Mutex
	second map[string]time.Time // Regions asked over Second, until then
}

var _ Bus = (*Fallback)(nil)

// Request implements Bus. A request whose outcome over one bus is unknown is not repeated over the other.
func (f *Fallback) Request(ctx context.Context, dst string, kind Kind, envelope []byte) ([]byte, error) {
	if f.onSecond(dst, time.Now()) {
		answer, err := f.Second.Request(ctx, dst, kind, envelope)
		if failed(err) {
			f.turn(dst, time.Time{})
		}
		return answer, err
	}
	begun := time.Now()
	answer, err := f.First.Request(ctx, dst, kind, envelope)
	if !failed(err) || errors.Is(err, ErrNoAnswer) && time.Since(begun) < patience {
		return answer, err
	}
	f.turn(dst, time.Now().Add(preferSecond))
	if !errors.Is(err, ErrUnreachable) || ctx.Err() != nil {
		return answer, err
	}
	answer, again := f.Second.Request(ctx, dst, kind, envelope)
	if failed(again) {
		f.turn(dst, time.Time{})
		return nil, errors.Join(err, again)
	}
	return answer, again
}

// failed says whether a request did not get through, as far as the bus can tell.
func failed(err error) bool { return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNoAnswer) }

func (f *Fallback) onSecond(dst string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return now.Before(f.second[dst])
}

// turn has a Region asked over Second until some time.
func (f *Fallback) turn(dst string, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.second == nil {
		f.second = make(map[string]time.Time)
	}
	f.second[dst] = until
}

// Serve implements Bus.
func (f *Fallback) Serve(h Handler) (stop func(), err error) {
	first, err := f.First.Serve(h)
	if err != nil {
		return nil, err
	}
	second, err := f.Second.Serve(h)
	if err != nil {
		first()
		return nil, err
	}
	return func() { first(); second() }, nil
}
