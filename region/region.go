package region

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/attestation"
	"meridian/keyengine/identity"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
	"meridian/keyengine/rows"
	"meridian/region/forward"
	"meridian/replication"
)

// Store is the applied state of this node. Package keystore implements it.
type Store interface {
	rows.Reader
	// Applied is the position of the last applied entry.
	Applied() eventlog.Position
	// WaitApplied returns when the record seq is applied.
	WaitApplied(ctx context.Context, seq uint64) error
	// View calls f with one consistent state.
	View(f func(rows.Reader))
	// Seq is the number of the newest record whose rows can be read.
	Seq() uint64
	// StateHash is the digest of the newest state.
	StateHash() eventlog.StateHash
	// Time is the Region time of the newest record, ms since 1970 UTC; 0 before the first.
	Time() int64
	// Life is the life number of the Region's history.
	Life() uint64
	// Born is the Region time of its first record; 0 before it.
	Born() int64
}

// Peers are the other nodes of the Region. Package forward's Client implements it.
type Peers interface {
	Forward(ctx context.Context, addr string, call forward.Call) (*forward.Answer, error)
	Position(ctx context.Context, addr string) (forward.Position, error)
	Clock(ctx context.Context, addr string) (int64, error)
	ReportUses(ctx context.Context, addr string, uses []keyengine.Use) error
}

// Config is what a Region is made of.
type Config struct {
	Place      keyengine.Place
	Regions    []string // of the cluster
	Node       string   // name of this node
	Nodes      int      // voters of the Region; SetNeighbours changes it
	OtherNodes []string // internal addresses of the other nodes; SetNeighbours changes them
	Store      Store
	Log        eventlog.Log
	Ring       *keyring.Ring
	Peers      Peers
	// SaveRing puts the Ring's sealing keys on the disk, in place of those there; nil: there is no disk.
	SaveRing func() error
	// LeastLife is the life number that the Region must be in: a leader that finds an earlier one begins it.
	LeastLife   uint64
	Primitives  primitive.Set
	Generator   Generator // makes material; nil: the primitives do, when they are asked
	Random      io.Reader
	Wall        func() time.Time
	Consistency Consistency // level of a call that asks for none
	HashEvery   uint64      // records between two that state the leader's digest; 0: 1024
	// Attestation is what attested callers lead to; nil: there are none.
	Attestation *attestation.Roots
	// Directory returns the identity file in force; nil: there is none.
	Directory func() *identity.Directory
	// Able returns the feature level that every member of the log knows; nil: the level is not raised.
	Able func(ctx context.Context) (uint32, error)
	// GrantDelay is how long, in Region time, a grant takes to count for those without its token; nil: as long as
	// Dial's lag profile says.
	GrantDelay *time.Duration
	// Soft lets calls through that policies deny, and says so in the log.
	Soft bool
	// Explain answers callers who ask for it why a call is allowed or denied.
	Explain bool
	// HandoffTimeout is how long a hand-off of the primary role may wait for consent (rule R6), unless Dial stretches it.
	HandoffTimeout time.Duration
	// Dial is how the synchronisation between Regions is set; nil: nothing is held back.
	Dial *replication.Dial
	// NewRelay makes what carries families to other Regions while this node leads; nil: nothing does.
	NewRelay func(replication.Region) Relay
	// Observe, if set, is told of each turn of this node's proposer. It must not block.
	Observe func(Round)
	Logger  *slog.Logger
}

// Relay is replication, seen from the Region it serves. Package replication's Relay implements it.
type Relay interface {
	// Start begins the work of a term, Stop ends it.
	Start(term uint64) error
	Stop()
	// Changed says that the state of these families changed, by records up to the Region time at. It does not block.
	Changed(at int64, refs ...keyengine.Ref)
	// TimeMoved says that the Region's time was moved ahead.
	TimeMoved()
	// LevelRaised says that the Region's feature level was raised.
	LevelRaised()
	// Precheck asks another Region for its consent; nil: yes, or no answer in time.
	Precheck(ctx context.Context, dst string, pre replication.Pre) *kmsapi.Fault
	// Lag returns how far each other Region is behind.
	Lag() []replication.Lag
}

// DefaultHandoffTimeout is the time-out of a hand-off where no lag profile stretches it.
const DefaultHandoffTimeout = 30 * time.Second

// Region is one node's part of a Region. It implements kmsapi.Service for calls that may be answered
// here; Dispatch is the whole way, the leader included.
type Region struct {
	kmsapi.Unimplemented
	Config

	relay     Relay // nil: no other Regions
	clock     *Clock
	dueNow    chan struct{} // asks for a look at the due work
	ringMoved chan struct{} // asks for the ring to be saved
	proposer  atomic.Pointer[proposer]
	catchUps  coalescer
	flaps     flaps
	materials materialCache
	kept      *kept
	asks      keyengine.Asker // what each call's has in common
	useNotes  useNotes
	turnedOff atomic.Uint64 // commands that found the queue full
	ready     atomic.Bool
	around    atomic.Pointer[Neighbours]
	caughtUp  atomic.Pointer[time.Time] // when the last catch-up that worked began

	still bool                       // no goroutine works for this Region: see Still
	rest  func(context.Context) bool // waits before another attempt at the leader; false: it is in vain

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New starts this node's part of a Region.
func New(c Config) *Region {
	ctx, cancel := context.WithCancel(context.Background())
	r := assemble(c)
	r.stop = cancel
	r.wg.Go(func() { r.follow(ctx) })
	r.wg.Go(func() {
		r.becomeReady(ctx)
		every(ctx, freshEvery, func() { r.stayFresh(ctx) })
	})
	r.wg.Go(func() { every(ctx, reportEvery, func() { r.reportUses(ctx) }) })
	r.wg.Go(func() { r.saveRing(ctx) })
	return r
}

// assemble puts the parts of a Region together. None of them works yet.
func assemble(c Config) *Region {
	r := &Region{Config: c, dueNow: make(chan struct{}, 1), ringMoved: make(chan struct{}, 1), rest: restAtLeader}
	r.kept = &kept{rows: c.Store, place: c.Place}
	r.SetNeighbours(Neighbours{Voters: c.Nodes, Others: c.OtherNodes, OtherVoters: c.OtherNodes})
	r.clock = NewClock(c.Wall, func() int64 { return r.view().ClockOffset() })
	if r.HandoffTimeout == 0 {
		r.HandoffTimeout = DefaultHandoffTimeout
	}
	if r.Dial == nil {
		r.Dial = new(replication.Dial)
	}
	if r.Generator == nil {
		r.Generator = newBounded(r.Primitives, r.Random)
	}
	if r.SaveRing == nil {
		r.SaveRing = func() error { return nil }
	}
	r.asks = r.commonAsker()
	r.followSealingKey() // what was applied before this node could save it
	r.catchUps.ask = r.askPosition
	if c.NewRelay != nil {
		r.relay = c.NewRelay(forRelay{r})
	}
	return r
}

// Close stops this node's part. The log and the store are left to their owner.
func (r *Region) Close() {
	r.stop()
	r.wg.Wait()
}

// Ready reports whether this node has caught up with a leader since it started.
func (r *Region) Ready() bool { return r.ready.Load() }

// view is the applied state as the engine reads it. Each read sees the newest applied row; use
// snapshot for reads that belong together.
func (r *Region) view() *keyengine.View { return keyengine.NewestView(r.Store, r.Place, r.kept) }

// snapshot calls f with one consistent state.
func (r *Region) snapshot(f func(*keyengine.View)) {
	r.Store.View(func(rows rows.Reader) { f(keyengine.FrozenView(rows, r.Place, r.kept)) })
}

// Now is the Region's time, ms since 1970 UTC.
func (r *Region) Now() int64 { return r.clock.Now(r.Store.Time()) }

// becomeReady catches up with a leader once; before, this node serves nothing.
func (r *Region) becomeReady(ctx context.Context) {
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		err := r.catchUp(attempt)
		cancel()
		if err == nil {
			r.ready.Store(true)
			return
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// follow runs the leader's work in each term that this node leads.
func (r *Region) follow(ctx context.Context) {
	var end func()
	defer func() {
		if end != nil {
			end()
		}
	}()
	var term uint64
	for l := range orDone(ctx, r.Log.Watch()) {
		if l.Leader && l.Term == term && end != nil {
			continue
		}
		if end != nil {
			end()
			end = nil
		}
		if l.Leader {
			term, end = l.Term, r.lead(ctx, l.Term)
		}
	}
}

// lead starts the leader's work of one term and returns what ends it.
func (r *Region) lead(ctx context.Context, term uint64) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	p := r.newProposer(term)
	r.proposer.Store(p)
	var wg sync.WaitGroup
	sample := func() bool { return r.clock.sample(ctx, r.otherClocks, r.around.Load().Voters/2+1) }
	wg.Go(func() {
		// Nothing is decided by this node's clock alone: it may be an hour off, and keys would be
		// deleted early.
		for !sample() && ctx.Err() == nil {
			pause(ctx, leaderPause)
		}
		wg.Go(func() {
			every(ctx, clockEvery, func() {
				if !sample() {
					r.Logger.Debug("clock not sampled: too few nodes answered")
				}
			})
		})
		p.run(ctx)
		for ctx.Err() == nil { // the outcome of a record is unknown: let another node, or another term, find out
			r.stepDown(ctx)
		}
	})
	wg.Go(func() { r.executeDue(ctx) })
	wg.Go(func() { every(ctx, sealingEvery, func() { r.stepSealingKey(ctx) }) })
	wg.Go(func() { every(ctx, levelEvery, func() { r.raiseLevel(ctx) }) })
	if r.relay != nil {
		wg.Go(func() { r.replicate(ctx, term) })
	}
	r.Logger.Info("leading", "term", term)
	return func() {
		r.proposer.CompareAndSwap(p, nil)
		cancel()
		wg.Wait()
		r.Logger.Info("no longer leading", "term", term)
	}
}

// newProposer makes the proposer of a term that this node leads.
func (r *Region) newProposer(term uint64) *proposer {
	p := &proposer{
		term: term, place: r.Place, state: r.Store, kept: r.kept, log: r.Log, now: r.clock.Now, last: r.Store.Time(), slog: r.Logger,
		hash: r.Store.StateHash, hashEvery: cmp.Or(r.HashEvery, hashEvery),
		queue: make(chan *proposal, maxWaiting), stopped: make(chan struct{}), turnedOff: &r.turnedOff, observe: r.Observe, caused: r.causes(),
	}
	p.leaf.Store(r.view().NextLeaf())
	r.beginLife(p)
	return p
}

// replicate runs the relay until ctx ends.
func (r *Region) replicate(ctx context.Context, term uint64) {
	for r.life() < r.LeastLife { // what this Region said in an earlier life is refused by those who know
		if pause(ctx, leaderPause); ctx.Err() != nil {
			return
		}
	}
	for {
		err := r.relay.Start(term)
		if err == nil {
			break
		}
		r.Logger.Error("replication did not start and will be tried again; other Regions hear nothing from this one", "term", term, "err", err)
		if pause(ctx, time.Second); ctx.Err() != nil {
			return
		}
	}
	<-ctx.Done()
	r.relay.Stop()
}

func (r *Region) stepDown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := r.Log.Transfer(ctx); err != nil {
		r.Logger.Warn("leadership could not be moved away", "err", err)
		pause(ctx, time.Second)
	}
}

// otherClocks returns the wall clocks of the other voters that answer in time.
func (r *Region) otherClocks(ctx context.Context) []int64 {
	others := r.around.Load().OtherVoters
	answers := make(chan int64, len(others))
	var wg sync.WaitGroup
	for _, addr := range others {
		wg.Go(func() {
			if ms, err := r.Peers.Clock(ctx, addr); err == nil {
				answers <- ms
			}
		})
	}
	wg.Wait()
	close(answers)
	var readings []int64
	for ms := range answers {
		readings = append(readings, ms)
	}
	return readings
}

// Lag returns how far each other Region is behind, if this node leads.
func (r *Region) Lag() []replication.Lag {
	if r.relay == nil {
		return nil
	}
	return r.relay.Lag()
}

// every calls f each d until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// orDone yields what c gives until it is closed or ctx ends.
func orDone[T any](ctx context.Context, c <-chan T) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case v, ok := <-c:
				if !ok || !yield(v) {
					return
				}
			}
		}
	}
}

// errNoLeader is why this node could not catch up.
var errNoLeader = errors.New("no leader is known")
