package replication

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/family"
)

// How a link behaves in time.
const (
	requestTimeout = 8 * time.Second // a record's or a status's way, its log entry there, and back
	probeTimeout   = 4 * time.Second
	probeFirst     = 500 * time.Millisecond // back-off of the probes of a link that is down
	probeAtMost    = 5 * time.Second
	keepAlive      = 5 * time.Second // a whole link without news is probed
	resendFirst    = time.Second     // back-off of one family's messages
	resendAtMost   = 30 * time.Second
	remindAfter    = time.Minute // what was applied there, but changed nothing here, is sent again
	compareEvery   = time.Minute
	compareAgain   = 5 * time.Second // after a comparison that failed, or showed only a part
	maxSilent      = 2               // requests in a row without answer, after which a link is down
	maxFlying      = 8               // families on their way at a time
	maxItems       = 1 << 16         // families in the queue; what is beyond is found by comparison
)

// link is the way to one other Region: what is owed to it, and whether it can be reached. One
// goroutine moves it; senders run beside and report back. No lock is held over a wait.
type link struct {
	*session
	to   string
	news *mailbox

	peerLevel atomic.Uint32 // feature level of the other Region, as it said last; 0: it has not said to this leader

	mu         sync.Mutex
	up         bool
	key        sealingKey // as announced; valid once up
	keyLife    uint64     // of the Region when it announced key
	life       uint64     // the greatest in which the Region was met
	silent     int        // requests in a row without answer
	probing    bool
	greet      bool // this Region has news of itself: the next probe is due at once
	probeAt    time.Time
	probeDelay time.Duration
	comparing  bool
	compareAt  time.Time
	flying     int
	overflow   bool
	ready      []keyengine.Ref
	items      map[keyengine.Ref]*item
	memories   map[keyengine.Ref]memory
}

// item is a family in the queue. Only that there is something to say is queued: what is said is
// read from the state when it is sent, so only the newest ever travels.
type item struct {
	since  time.Time
	delay  time.Duration // of the last back-off
	timer  *time.Timer   // puts it back; nil: it is ready or flying
	due    int64         // Region time until which a lag profile holds it, or a part of it; 0: it does not
	said   bool          // all was said, and the state waits for the other Region's word
	flying bool
	again  bool  // there was news while it was flying
	force  force // for the next flight
	flown  force // of the present one
}

// force is what is to be said whatever the state and the memory say.
type force struct {
	record bool
	status bool
	want   []family.MaterialID // that the other Region said it lacks
}

// and is what either says.
func (f force) and(g force) force {
	return force{record: f.record || g.record, status: f.status || g.status, want: slices.Concat(f.want, g.want)}
}

// memory is what the other Region has said that it applied. It spares messages; losing it, with the
// leader, costs some that change nothing.
type memory struct {
	told family.Version // of our record
	bare bool           // which went without the materials that it is to carry
	inc  family.Version // of our status
	sv   uint64
}

func newLink(s *session, to string) *link {
	return &link{
		session: s, to: to, news: newMailbox(), probeDelay: probeFirst,
		items: make(map[keyengine.Ref]*item), memories: make(map[keyengine.Ref]memory),
	}
}

// note says that there may be something to send about these families.
func (l *link) note(refs ...keyengine.Ref) { l.news.put(refs...) }

// poke makes run look at the link's fields again.
func (l *link) poke() {
	select {
	case l.news.wake <- struct{}{}:
	default:
	}
}

// run moves the link until the session ends.
func (l *link) run() {
	defer l.end()
	l.noteOwed()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.news.wake:
		case <-timer.C:
		}
		timer.Reset(l.step(time.Now()))
	}
}

// noteOwed queues every open obligation.
func (l *link) noteOwed() {
	var owed []keyengine.Ref
	l.config.Region.View(func(v *keyengine.View) {
		for ref := range v.Obligations(l.to) {
			owed = append(owed, ref)
		}
	})
	l.note(owed...)
}

// step does what can be done now and returns when to look again without news.
func (l *link) step(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ref := range l.news.take() {
		l.queue(ref, now)
	}
	if !now.Before(l.probeAt) && !l.probing {
		l.probing, l.greet = true, false
		l.tasks.Go(l.probe)
	}
	if !l.up {
		return l.wait(now)
	}
	if !now.Before(l.compareAt) && !l.comparing {
		l.comparing = true
		l.tasks.Go(l.compare)
	}
	for len(l.ready) > 0 && l.flying < maxFlying {
		l.dispatch(l.ready[0])
		l.ready = l.ready[1:]
	}
	if l.overflow && len(l.items) == 0 {
		l.overflow, l.compareAt = false, now
		l.tasks.Go(l.noteOwed)
	}
	return l.wait(now)
}

// wait is the time until the next probe or comparison is due. Those that run report by themselves.
func (l *link) wait(now time.Time) time.Duration {
	next := compareEvery
	if !l.probing {
		next = min(next, l.probeAt.Sub(now))
	}
	if l.up && !l.comparing {
		next = min(next, l.compareAt.Sub(now))
	}
	return max(next, 0)
}

// queue makes the family ready, unless it is on its way: then it goes again.
func (l *link) queue(ref keyengine.Ref, now time.Time) *item {
	it := l.items[ref]
	switch {
	case it == nil && len(l.items) >= maxItems:
		l.overflow = true
		return new(item)
	case it == nil:
		it = &item{since: now}
		l.items[ref] = it
		l.ready = append(l.ready, ref)
	case it.flying:
		it.again = true
	case it.timer != nil:
		it.timer.Stop()
		it.timer = nil
		l.ready = append(l.ready, ref)
	}
	return it
}

// dispatch sends a ready family on its way.
func (l *link) dispatch(ref keyengine.Ref) {
	it := l.items[ref]
	forced, known, key, life := it.force, l.memories[ref], l.key, l.life
	it.flying, it.again = true, false
	it.flown, it.force = forced, force{} // what is told during the flight is for the next
	l.flying++
	l.tasks.Go(func() {
		res := l.deliver(ref, forced, known, key)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.life > life { // what it said may be forgotten there
			res.memory, it.again = memory{}, true
		}
		l.settle(ref, res)
		l.poke()
	})
}

// settle says what becomes of a family whose sender has returned.
func (l *link) settle(ref keyengine.Ref, res result) {
	it := l.items[ref]
	it.flying, it.due, it.said = false, res.due, false
	l.flying--
	l.reached(res.err)
	l.memories[ref] = res.memory
	switch {
	case res.err != nil:
		it.force = it.force.and(it.flown)
		it.delay = min(max(2*it.delay, resendFirst), resendAtMost)
		it.timer = time.AfterFunc(jitter(it.delay), func() { l.note(ref) })
	case it.again || res.due == 0 && (res.more.record || res.more.status):
		it.force, it.delay = it.force.and(res.more), 0
		if res.due != 0 {
			it.force = it.force.and(it.flown)
		}
		l.ready = append(l.ready, ref)
	case res.due != 0: // a lag profile holds back the rest
		it.force, it.delay = it.force.and(it.flown).and(res.more), 0
		it.timer = time.AfterFunc(l.untilDue(res.due), func() { l.note(ref) })
	case res.open:
		it.force, it.delay, it.said = force{}, 0, true
		it.timer = time.AfterFunc(jitter(remindAfter), func() { l.remind(ref) })
	default:
		delete(l.items, ref)
		if res.memory == (memory{}) {
			delete(l.memories, ref)
		}
	}
}

// remind forgets that the family was said, so that it is said again.
func (l *link) remind(ref keyengine.Ref) {
	l.mu.Lock()
	delete(l.memories, ref)
	l.mu.Unlock()
	l.note(ref)
}

// tell queues a family whatever the state says: a comparison showed that the Regions differ.
func (l *link) tell(ref keyengine.Ref, what force) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.memories, ref)
	it := l.queue(ref, time.Now())
	it.force.record = it.force.record || what.record
	it.force.status = it.force.status || what.status
	l.poke()
}

// reached draws from a request's outcome whether the link is up.
func (l *link) reached(err error) {
	switch {
	case err == nil:
		l.silent = 0
	case errors.Is(err, ErrUnreachable):
		l.down()
	case errors.Is(err, ErrNoAnswer):
		if l.silent++; l.silent >= maxSilent {
			l.down()
		}
	}
}

// down makes the link wait for a probe to be answered.
func (l *link) down() {
	if l.up {
		l.log.Info("link is down", "to", l.to)
		l.up, l.probeDelay = false, probeFirst
		l.probeAt = time.Now().Add(jitter(l.probeDelay))
	}
}

// contact is a sign of life from the other Region: whoever can reach us may be reachable again.
func (l *link) contact() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.up && !l.probing {
		l.probeDelay, l.probeAt = probeFirst, time.Now()
		l.poke()
	}
}

// met notes the life in which the other Region was met. In a new one it may have forgotten what it confirmed before, so
// that this Region's memory of it is worth nothing any more.
func (l *link) met(life uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.life
	l.life = max(before, life)
	if before == 0 || life <= before {
		return
	}
	now := time.Now()
	clear(l.memories)
	for ref, it := range l.items {
		if it.timer != nil && it.due == 0 {
			it.delay = 0
			l.queue(ref, now)
		}
	}
	l.compareAt = now
	l.poke()
}

// probe exchanges sealing keys and lives.
func (l *link) probe() {
	key, life, err := l.meet()
	if err == nil {
		l.met(life)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.poke()
	now := time.Now()
	l.probing = false
	if err != nil {
		l.down()
		if !l.up {
			l.probeDelay = min(2*l.probeDelay, probeAtMost)
		}
		l.probeAt = now.Add(jitter(l.probeDelay))
		return
	}
	l.key, l.keyLife, l.silent = key, life, 0
	l.probeDelay, l.probeAt = probeFirst, now.Add(jitter(keepAlive))
	if l.greet {
		l.probeAt = now
	}
	if !l.up {
		l.rise(now)
	}
}

// rise is link-up: what waited goes at once, and the Regions compare.
func (l *link) rise(now time.Time) {
	l.log.Info("link is up", "to", l.to)
	l.up, l.silent, l.compareAt = true, 0, now
	for ref, it := range l.items {
		it.delay = 0
		if it.timer != nil {
			l.queue(ref, now)
		}
	}
}

// announced takes a key that the other Region announced by itself. Such an announcement may be an
// old one, repeated: only a later one counts.
func (l *link) announced(key sealingKey, life uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if life > l.keyLife || (life == l.keyLife && key.step > l.key.step) {
		l.key, l.keyLife = key, life
	}
}

// sealTo returns the key that the other Region announced last.
func (l *link) sealTo() sealingKey {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.key
}

// resealTo takes the key of an answer, which cannot be an old one, and returns it.
func (l *link) resealTo(key sealingKey, life uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.key, l.keyLife = key, life
}

// lag describes the link; owed are the open obligations.
func (l *link) lag(now time.Time, owed []keyengine.Ref) Lag {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Lag{To: l.to, LinkUp: l.up, Paused: l.paused(l.to), Level: l.level(), PendingKeys: len(l.items)}
	regionTime := l.config.Region.Now()
	for _, ref := range owed {
		if l.items[ref] == nil {
			out.PendingKeys++
		}
	}
	for _, it := range l.items {
		out.OldestMillis = max(out.OldestMillis, now.Sub(it.since).Milliseconds())
		if it.said && it.timer != nil {
			out.SaidKeys++
		}
		if it.due > regionTime && it.timer != nil {
			out.DelayedKeys++
			if out.NextDue == 0 || it.due < out.NextDue {
				out.NextDue = it.due
			}
		}
	}
	return out
}

// end stops the timers. Senders that still run find the session over.
func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range l.items {
		if it.timer != nil {
			it.timer.Stop()
		}
	}
}

// jitter spreads what would happen at once: between half of d and d.
func jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
}
