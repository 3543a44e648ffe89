package replication

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/region/trace"
)

// Config is what a Relay is made of.
type Config struct {
	Place     keyengine.Place
	ClusterID string
	Peers     []Peer // the other Regions; this one's own entry is ignored
	Region    Region
	Ring      *keyring.Ring
	Bus       Bus
	Tracer    *trace.Tracer // nil: what is said to other Regions is not traced
	Dial      *Dial         // how the synchronisation is set; nil: nothing is held back or paused
	Logger    *slog.Logger  // nil: none
}

// Relay carries the families of one Region to the others and takes in what they send, while its
// node leads the Region. It is safe for concurrent use.
type Relay struct {
	config   Config
	log      *slog.Logger
	own      []byte            // this Region's public signing key
	peers    map[string][]byte // the others'
	counters counters
	poisons  poisons
	traces   traces
	calendar Calendar
	locks    [64]chan struct{} // one family's messages are taken in one at a time

	mu      sync.Mutex
	session *session // nil while stopped
}

// New returns a Relay that is not started.
func New(c Config) *Relay {
	r := &Relay{config: c, log: c.Logger, own: c.Ring.Public().Signing, peers: make(map[string][]byte)}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	for _, p := range c.Peers {
		if p.Region != c.Place.Region {
			r.peers[p.Region] = p.SigningKey
		}
	}
	for i := range r.locks {
		r.locks[i] = make(chan struct{}, 1)
	}
	if r.config.Dial == nil {
		r.config.Dial = new(Dial)
	}
	r.config.Dial.tell(r)
	return r
}

// session is the work between Start and Stop.
type session struct {
	*Relay
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	stop   func() // ends serving
	links  map[string]*link
	news   *mailbox
}

// Start begins the work of a term of leadership: it serves the bus, meets every other Region and
// sends what is owed. The term is for the log alone: a deposed leader's Relay can do no harm, for it
// cannot propose. Starting a started Relay is an error.
func (r *Relay) Start(term uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session != nil {
		return errors.New("relay is started already")
	}
	s := &session{Relay: r, links: make(map[string]*link), news: newMailbox()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for region := range r.peers {
		s.links[region] = newLink(s, region)
	}
	var err error
	if s.stop, err = r.config.Bus.Serve(s.handle); err != nil {
		s.cancel()
		return err
	}
	s.tasks.Go(s.plan)
	for _, l := range s.links {
		s.tasks.Go(l.run)
	}
	r.session = s
	r.log.Info("relay started", "term", term, "peers", len(s.links))
	return nil
}

// Stop ends it and waits for everything that Start began. What is owed is in the Region's state.
func (r *Relay) Stop() {
	r.mu.Lock()
	s := r.session
	r.session = nil
	r.mu.Unlock()
	if s == nil {
		return
	}
	s.cancel()
	s.stop()
	s.tasks.Wait()
	r.log.Info("relay stopped")
}

func (r *Relay) started() *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session
}

// Changed says that the rows of these families changed, by records up to the Region time at: it is called after
// what was applied can be read, and never waits. While the Relay is stopped it only notes the time.
func (r *Relay) Changed(at int64, refs ...keyengine.Ref) {
	r.noteMoments(at, refs)
	if s := r.started(); s != nil {
		s.news.put(refs...)
	}
}

// noteMoments notes when families changed, if a lag profile needs to know.
func (r *Relay) noteMoments(at int64, refs []keyengine.Ref) {
	refs = slices.DeleteFunc(slices.Clone(refs), func(ref keyengine.Ref) bool { return !multiRegion(ref) })
	if len(refs) == 0 {
		return
	}
	profile := r.config.Dial.Now().Lag
	if profile.Instant() {
		return
	}
	r.config.Region.View(func(v *keyengine.View) {
		for _, ref := range refs {
			if l, ok := v.Family(ref); ok && l.Record.Multi {
				r.calendar.Note(&profile, ref, l, at)
			}
		}
	})
}

// plan tells each link of the families that concern its Region, and finishes the births that are
// only short of their second entry.
func (s *session) plan() {
	s.tasks.Go(s.finishAll)
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.news.wake:
		}
		concerned := make(map[string][]keyengine.Ref)
		refs := s.news.take()
		s.config.Region.View(func(v *keyengine.View) {
			for _, ref := range refs {
				l, ok := v.Family(ref)
				if !ok || !l.Record.Multi {
					continue
				}
				if family.Completable(l) {
					s.tasks.Go(func() { s.finish(ref) })
				}
				for i := range l.Record.Members {
					region := l.Record.Members[i].Region
					concerned[region] = append(concerned[region], ref)
				}
				for _, region := range l.Awaits { // asked, though the record may not list it
					concerned[region] = append(concerned[region], ref)
				}
			}
		})
		for region, refs := range concerned {
			if l := s.links[region]; l != nil {
				l.note(refs...)
			}
		}
	}
}

// finishAll finishes the births that an earlier leader left.
func (s *session) finishAll() {
	var refs []keyengine.Ref
	s.config.Region.View(func(v *keyengine.View) {
		for ref, l := range v.Families() {
			if l.Record.Multi && family.Completable(l) {
				refs = append(refs, ref)
			}
		}
	})
	s.news.put(refs...)
}

// finish proposes the second entry of a replica that holds every material already: a leader that
// was lost between the two entries cannot, and the other Region has nothing more to send.
func (s *session) finish(ref keyengine.Ref) {
	unlock, ok := s.lock(s.ctx, ref)
	if !ok {
		return
	}
	defer unlock()
	if !family.Completable(s.local(ref)) {
		return
	}
	if err := s.config.Region.Propose(s.ctx, keyengine.FinishCreate{Ref: ref}, nil); err != nil && s.ctx.Err() == nil {
		s.log.Info("replica not finished", "key", ref.KeyID, "err", err)
		time.AfterFunc(resendFirst, func() { s.news.put(ref) })
	}
}

// Lag returns how far each other Region is behind, sorted by Region; nil while stopped.
func (r *Relay) Lag() []Lag {
	s := r.started()
	if s == nil {
		return nil
	}
	var out []Lag
	now := time.Now()
	for _, region := range slices.Sorted(maps.Keys(s.links)) {
		var owed []keyengine.Ref
		r.config.Region.View(func(v *keyengine.View) { owed = slices.Collect(v.Obligations(region)) })
		out = append(out, s.links[region].lag(now, owed))
	}
	return out
}

// Precheck asks dst for its consent and returns its definite no. Silence for a second, or any
// failure, is nil: the record will ask again when it arrives.
func (r *Relay) Precheck(ctx context.Context, dst string, p Pre) *kmsapi.Fault {
	s := r.started()
	if s == nil || r.peers[dst] == nil {
		return nil
	}
	return s.askConsent(ctx, dst, p)
}

// lock waits for the family's turn; it returns false if ctx ends first. The lock is a channel, not a
// mutex, because it is held while the log is waited for.
func (r *Relay) lock(ctx context.Context, ref keyengine.Ref) (unlock func(), ok bool) {
	turn := r.locks[int(bucketOf(ref))%len(r.locks)]
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, true
	case <-ctx.Done():
		return nil, false
	}
}

// mailbox is a set of families that grows from any goroutine and is emptied by one.
type mailbox struct {
	wake chan struct{}

	mu   sync.Mutex
	refs map[keyengine.Ref]struct{}
}

func newMailbox() *mailbox {
	return &mailbox{wake: make(chan struct{}, 1), refs: make(map[keyengine.Ref]struct{})}
}

func (m *mailbox) put(refs ...keyengine.Ref) {
	if len(refs) == 0 {
		return
	}
	m.mu.Lock()
	for _, ref := range refs {
		m.refs[ref] = struct{}{}
	}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take empties the mailbox. The order is that of the names, so that equal runs do equal things.
func (m *mailbox) take() []keyengine.Ref {
	m.mu.Lock()
	defer m.mu.Unlock()
	refs := slices.SortedFunc(maps.Keys(m.refs), compareRefs)
	clear(m.refs)
	return refs
}
