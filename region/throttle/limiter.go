package throttle

import (
	"sync"
	"time"

	"meridian/keyengine/kmsapi"
)

// maxBuckets bounds how many buckets are kept. A full bucket is as good as none, so what goes first is full.
const maxBuckets = 16_384

// Limiter counts the calls of one node.
type Limiter struct {
	profile Profile
	now     func() time.Time

	mu      sync.Mutex
	share   float64 // of a Region's rate that is this node's
	buckets map[account]*bucket
}

// account is whose calls a bucket counts, and by what.
type account struct {
	id    string
	quota Quota
}

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     time.Time // when tokens was right
}

// New returns a Limiter for one of a Region's nodes. Now is read for its monotonic time.
func New(p Profile, nodes int, now func() time.Time) *Limiter {
	l := &Limiter{profile: p, now: now, buckets: map[account]*bucket{}}
	l.SetNodes(nodes)
	return l
}

// SetNodes says how many nodes the Region has from now on.
func (l *Limiter) SetNodes(nodes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.share = 1 / float64(max(nodes, 1))
}

// Admit counts a call that the whole Region counts here.
func (l *Limiter) Admit(id string, op *kmsapi.Operation, in kmsapi.Input) *kmsapi.Fault {
	return l.admit(id, op, in, false)
}

// AdmitShare counts a call of which each node of the Region counts its own.
func (l *Limiter) AdmitShare(id string, op *kmsapi.Operation, in kmsapi.Input) *kmsapi.Fault {
	return l.admit(id, op, in, true)
}

func (l *Limiter) admit(id string, op *kmsapi.Operation, in kmsapi.Input, shared bool) *kmsapi.Fault {
	first, second := QuotasOf(op, in)
	l.mu.Lock()
	defer l.mu.Unlock()
	share := 1.0
	if shared {
		share = l.share
	}
	a, b := l.bucket(id, first, share), l.bucket(id, second, share)
	if !a.has() || !b.has() { // a call takes from both or from none
		return kmsapi.Errorf(kmsapi.ThrottlingException, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
	}
	a.take()
	b.take()
	return nil
}

// bucket returns an account's bucket, filled up to now; nil where there is no limit.
func (l *Limiter) bucket(id string, q Quota, share float64) *bucket {
	rate, limited := l.profile[q]
	if !limited || q == "" {
		return nil
	}
	now := l.now()
	key := account{id, q}
	size := sizeOf(rate * share)
	b, ok := l.buckets[key]
	if !ok {
		l.makeRoom(now)
		b = &bucket{tokens: size, at: now}
		l.buckets[key] = b
		return b
	}
	b.tokens = min(size, b.tokens+rate*share*now.Sub(b.at).Seconds())
	b.at = now
	return b
}

// sizeOf is how many calls a bucket holds: a second's worth, at least one; none if none may pass.
func sizeOf(rate float64) float64 {
	if rate == 0 {
		return 0
	}
	return max(rate, 1)
}

// makeRoom removes buckets that have not been asked for lately; they are about full. Where all are new, all go: then
// the accounts are inventions.
func (l *Limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for key, b := range l.buckets {
		if now.Sub(b.at) > time.Minute {
			delete(l.buckets, key)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

func (b *bucket) has() bool { return b == nil || b.tokens >= 1 }

func (b *bucket) take() {
	if b != nil {
		b.tokens--
	}
}
