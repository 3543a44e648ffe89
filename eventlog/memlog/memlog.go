package memlog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"meridian/eventlog"
)

var _ eventlog.Log = (*Log)(nil)

// Group is the Raft group. Its methods may be called from any goroutine.
type Group struct {
	turn   chan struct{} // held by who changes the group; a channel, since state machines run under it
	nodes  []*Log
	log    []eventlog.Entry // committed; entry i has index i+1
	late   []eventlog.Entry // of unknown outcome, committed at the next election
	term   uint64
	leader int // -1: none
	next   []Outcome
	chaos  *rand.Rand
	rate   float64
}

// Log is one node's part of a Group.
type Log struct {
	group   *Group
	place   int
	id      string
	machine eventlog.StateMachine
	leader  eventlog.Announcer
	cut     bool // off from all others
	held    bool // gets entries but does not apply them
	closed  bool
}

// New returns a group with a node for each state machine; the ids and addresses of the nodes are n1,
// n2 and so on. Nobody leads.
func New(machines ...eventlog.StateMachine) *Group {
	g := &Group{turn: make(chan struct{}, 1), leader: -1}
	for i, m := range machines {
		g.nodes = append(g.nodes, &Log{group: g, place: i, id: fmt.Sprintf("n%d", i+1), machine: m})
	}
	return g
}

// Node returns the part of node i, from 0.
func (g *Group) Node(i int) *Log { return g.nodes[i] }

func (g *Group) lock() (unlock func()) {
	g.turn <- struct{}{}
	return func() { <-g.turn }
}

// Leader returns the node that leads, -1 for none. A node that is cut off may believe otherwise.
func (g *Group) Leader() int {
	defer g.lock()()
	return g.leader
}

// Elect begins a term in which node i leads. Entries whose outcome was left for later are committed
// first. It panics if i cannot lead: it is closed, cut off or held.
func (g *Group) Elect(i int) {
	defer g.lock()()
	g.elect(i)
}

func (g *Group) elect(i int) {
	n := g.nodes[i]
	if n.closed || n.cut || n.held {
		panic(fmt.Sprintf("memlog: %s cannot lead", n.id))
	}
	g.depose()
	for _, e := range g.late {
		g.commit(e.Term, e.Data)
	}
	g.late = nil
	g.term++
	g.leader = i
	g.commit(g.term, nil)
	g.tell()
}

// Depose ends the leader's term; nobody leads until the next Elect.
func (g *Group) Depose() {
	defer g.lock()()
	g.depose()
	g.tell()
}

func (g *Group) depose() { g.leader = -1 }

// tell has every node that can hear it know who leads.
func (g *Group) tell() {
	for i, n := range g.nodes {
		if n.cut || n.closed {
			continue
		}
		var l eventlog.Leadership
		if g.leader >= 0 {
			id := g.nodes[g.leader].id
			l = eventlog.Leadership{ID: id, Addr: id}
			if i == g.leader {
				l.Leader, l.Term = true, g.term
			}
		}
		n.leader.Announce(l)
	}
}

// Cut takes node i off from all others. If it leads, it goes on believing so until it is healed or
// tries to append; nobody leads in its place before an Elect.
func (g *Group) Cut(i int) {
	defer g.lock()()
	g.nodes[i].cut = true
	if g.leader == i {
		g.depose()
		g.tell()
	}
}

// Heal connects node i again: it learns who leads and applies what it missed.
func (g *Group) Heal(i int) {
	defer g.lock()()
	g.nodes[i].cut = false
	g.catchUp(g.nodes[i])
	g.tell()
}

// Hold keeps node i from applying. It panics for the leader, which applies before it answers.
func (g *Group) Hold(i int) {
	defer g.lock()()
	if g.leader == i {
		panic("memlog: the leader cannot be held")
	}
	g.nodes[i].held = true
}

// Release has node i apply what it got while it was held.
func (g *Group) Release(i int) {
	defer g.lock()()
	g.nodes[i].held = false
	g.catchUp(g.nodes[i])
}

// commit appends an entry and has all nodes that can apply it. It returns the leader's result.
func (g *Group) commit(term uint64, data []byte) (eventlog.Position, error) {
	e := eventlog.Entry{Index: uint64(len(g.log)) + 1, Term: term, Data: slices.Clone(data)}
	g.log = append(g.log, e)
	at := eventlog.Position{Term: term, Index: e.Index}
	var err error
	for i, n := range g.nodes {
		results := g.catchUp(n)
		if i == g.leader && len(results) > 0 {
			last := results[len(results)-1]
			at.Seq, err = last.Seq, last.Err
		}
	}
	return at, err
}

// catchUp has a node apply what it has not applied yet.
func (g *Group) catchUp(n *Log) []eventlog.Result {
	at := n.machine.Applied().Index
	if n.cut || n.held || n.closed || at >= uint64(len(g.log)) {
		return nil
	}
	return n.machine.Apply(slices.Clone(g.log[at:]))
}

// Append implements eventlog.Log.
func (n *Log) Append(ctx context.Context, entry []byte) (eventlog.Position, error) {
	if len(entry) == 0 {
		return eventlog.Position{}, fmt.Errorf("append: empty entry")
	}
	select {
	case n.group.turn <- struct{}{}:
		defer func() { <-n.group.turn }()
	case <-ctx.Done():
		return eventlog.Position{}, fmt.Errorf("append: %w: %w", eventlog.ErrNotLeader, context.Cause(ctx))
	}
	at, err := n.group.append(n, entry)
	if err != nil {
		return at, fmt.Errorf("append: %w", err)
	}
	return at, nil
}

func (g *Group) append(n *Log, entry []byte) (eventlog.Position, error) {
	switch {
	case n.closed:
		return eventlog.Position{}, eventlog.ErrClosed
	case n.cut && n.leader.Now().Leader: // it finds out now; the entry will be overwritten
		n.leader.Announce(eventlog.Leadership{})
		return eventlog.Position{}, eventlog.ErrUnknown
	case g.leader != n.place:
		return eventlog.Position{}, eventlog.ErrNotLeader
	}
	return g.meet(g.outcome(), entry)
}

// Leadership implements eventlog.Log.
func (n *Log) Leadership() eventlog.Leadership { return n.leader.Now() }

// Watch implements eventlog.Log.
func (n *Log) Watch() <-chan eventlog.Leadership { return n.leader.Watch() }

// VerifyLeader implements eventlog.Log.
func (n *Log) VerifyLeader(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("verify leader: %w", err)
	}
	defer n.group.lock()()
	switch {
	case n.closed:
		return fmt.Errorf("verify leader: %w", eventlog.ErrClosed)
	case n.cut || n.group.leader != n.place:
		return fmt.Errorf("verify leader: %w", eventlog.ErrNotLeader)
	}
	return nil
}

// Term implements eventlog.Log. A node that is cut off knows no term newer than the one it led.
func (n *Log) Term() uint64 {
	defer n.group.lock()()
	if l := n.leader.Now(); n.cut && l.Leader {
		return l.Term
	}
	return n.group.term
}

// Transfer implements eventlog.Log: the next node that can lead does.
func (n *Log) Transfer(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("transfer leadership: %w", err)
	}
	g := n.group
	defer g.lock()()
	switch {
	case n.closed:
		return fmt.Errorf("transfer leadership: %w", eventlog.ErrClosed)
	case g.leader != n.place:
		return fmt.Errorf("transfer leadership: %w", eventlog.ErrNotLeader)
	}
	for i := 1; i < len(g.nodes); i++ {
		to := (n.place + i) % len(g.nodes)
		if t := g.nodes[to]; !t.closed && !t.cut && !t.held {
			g.elect(to)
			return nil
		}
	}
	return fmt.Errorf("transfer leadership: no other node can lead")
}

// Close implements eventlog.Log. A leader that closes leaves the group without one.
func (n *Log) Close() error {
	g := n.group
	defer g.lock()()
	if n.closed {
		return nil
	}
	n.closed = true
	n.leader.Close()
	if g.leader == n.place {
		g.depose()
		g.tell()
	}
	return nil
}
