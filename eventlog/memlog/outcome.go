package memlog

import (
	"math/rand/v2"

	"meridian/eventlog"
)

// Outcome is what happens to an append.
type Outcome int

// The outcomes of an append.
const (
	Done      Outcome = iota // it is appended, applied and answered
	Refused                  // ErrNotLeader: the leader lost its term before it could append
	LostEntry                // ErrUnknown: it was never appended, and the leader lost its term
	LostReply                // ErrUnknown: it is appended and applied, and the leader lost its term
	Late                     // ErrUnknown: the next election commits it
	NewTerm                  // ErrStale: the leader lost its term and won the next between stamp and append
	outcomes
)

// Next sets the outcomes of the next appends on the leader, in order.
func (g *Group) Next(outcomes ...Outcome) {
	defer g.lock()()
	g.next = append(g.next, outcomes...)
}

// Chaos gives each append for which Next has nothing an outcome other than Done with the given
// probability. Nobody leads after most of them: the test elects. A nil source ends it.
func (g *Group) Chaos(source *rand.Rand, probability float64) {
	defer g.lock()()
	g.chaos, g.rate = source, probability
}

func (g *Group) outcome() Outcome {
	if len(g.next) > 0 {
		o := g.next[0]
		g.next = g.next[1:]
		return o
	}
	if g.chaos != nil && g.chaos.Float64() < g.rate {
		return Refused + Outcome(g.chaos.IntN(int(outcomes-Refused)))
	}
	return Done
}

// meet gives an entry of the leader its outcome.
func (g *Group) meet(o Outcome, entry []byte) (eventlog.Position, error) {
	var none eventlog.Position
	lose := func(err error) (eventlog.Position, error) {
		g.depose()
		g.tell()
		return none, err
	}
	switch o {
	case Refused:
		return lose(eventlog.ErrNotLeader)
	case LostEntry:
		return lose(eventlog.ErrUnknown)
	case LostReply:
		g.commit(g.term, entry)
		return lose(eventlog.ErrUnknown)
	case Late:
		g.late = append(g.late, eventlog.Entry{Term: g.term, Data: entry})
		return lose(eventlog.ErrUnknown)
	case NewTerm:
		g.elect(g.leader)
		return g.commit(g.term, entry)
	default:
		return g.commit(g.term, entry)
	}
}
