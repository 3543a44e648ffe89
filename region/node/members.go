package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"meridian/cluster/layout"
	"meridian/eventlog"
	"meridian/eventlog/raftlog"
	"meridian/region/forward"
)

const (
	// maxBehind is how many entries a member may lack when it gets its vote.
	maxBehind = 100
	// standingTimeout is how long a node may take to say how it stands; who takes longer counts as dead.
	standingTimeout = time.Second
	// changeTimeout bounds one change of the membership.
	changeTimeout = 10 * time.Second
)

// memberLog is what changes of the membership need of the log.
type memberLog interface {
	Members(ctx context.Context) ([]raftlog.Member, error)
	Add(ctx context.Context, m raftlog.Member) error
	Remove(ctx context.Context, id string) error
	Transfer(ctx context.Context) error
	Leadership() eventlog.Leadership
	Status() raftlog.Status
}

// members changes who is a member of the Region's Raft group, where this node leads: one change at a
// time, and none after which fewer than a majority of the voters would answer.
type members struct {
	self string // this node's id
	log  memberLog
	ask  func(ctx context.Context, addr string) (forward.Standing, error)
	// find finds the node of the Region with an internal address: nobody else becomes a member.
	find func(addr string) (layout.Node, bool)
	busy sync.Mutex // held during a change
}

// no is why a change is not made; the status tells whether to ask again, or somebody else.
type no struct {
	status int
	reason string
}

// Error implements error.
func (n no) Error() string { return n.reason }

func refused(status int, format string, args ...any) error {
	return no{status, fmt.Sprintf(format, args...)}
}

// begin starts a change; the membership it returns holds what is not committed yet, too.
func (m *members) begin(ctx context.Context) (list []raftlog.Member, end func(), err error) {
	if !m.log.Leadership().Leader {
		return nil, nil, refused(http.StatusServiceUnavailable, "this node does not lead its Region")
	}
	if !m.busy.TryLock() {
		return nil, nil, refused(http.StatusConflict, "another change of the membership is under way")
	}
	if list, err = m.log.Members(ctx); err != nil {
		m.busy.Unlock()
		return nil, nil, err
	}
	return list, m.busy.Unlock, nil
}

// add adds a server without a vote, or gives one that is a member its vote.
func (m *members) add(ctx context.Context, next raftlog.Member) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if err := m.check(next); err != nil {
		return err
	}
	list, end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	i := slices.IndexFunc(list, func(old raftlog.Member) bool { return old.ID == next.ID })
	switch {
	case i >= 0 && list[i].Addr != next.Addr:
		return refused(http.StatusBadRequest, "member %s is at %s: it cannot move", next.ID, list[i].Addr)
	case i >= 0 && list[i].Voter == next.Voter:
		return nil
	case i >= 0 && !next.Voter:
		return refused(http.StatusBadRequest, "member %s has a vote: remove it, its id may not be used again", next.ID)
	case i >= 0:
		return m.promote(ctx, list, next)
	case next.Voter:
		return refused(http.StatusConflict, "%s is not a member: add it without a vote, and let it catch up", next.ID)
	}
	for _, old := range list {
		if old.Addr == next.Addr {
			return refused(http.StatusConflict, "%s is the address of member %s: remove that one first", next.Addr, old.ID)
		}
	}
	return m.log.Add(ctx, next)
}

// check refuses what can never be a member.
func (m *members) check(next raftlog.Member) error {
	if _, err := uuid.Parse(next.ID); err != nil || len(next.ID) != len(uuid.UUID{}.String()) {
		return refused(http.StatusBadRequest, "the id of a member is a UUID, not %.64q", next.ID)
	}
	node, ok := m.find(next.Addr)
	switch {
	case !ok:
		return refused(http.StatusBadRequest, "%.64q is not the internal address of a node of this Region", next.Addr)
	case node.ReadReplica && next.Voter:
		return refused(http.StatusBadRequest, "node %s is a read replica: it gets no vote", node.Name)
	}
	return nil
}

// promote gives a member its vote. From then on the Region may count on what it acknowledged, so it
// must have written down that its log is not a new one, and it must have that log.
func (m *members) promote(ctx context.Context, list []raftlog.Member, next raftlog.Member) error {
	s, err := m.standing(ctx, next.Addr)
	if err != nil {
		return refused(http.StatusConflict, "member %s does not answer: %v", next.ID, err)
	}
	last := m.log.Status().Last
	switch {
	case s.ID != next.ID:
		return refused(http.StatusConflict, "at %s there is server %s, not %s", next.Addr, s.ID, next.ID)
	case s.Joining:
		return refused(http.StatusConflict, "member %s does not know yet that it is one", next.ID)
	case s.Last+maxBehind < last:
		return refused(http.StatusConflict, "member %s lacks %d entries", next.ID, last-s.Last)
	}
	if err := m.quorum(ctx, append(voters(list, next.ID), next)); err != nil {
		return err
	}
	return m.log.Add(ctx, next)
}

// remove ends a membership, if there is one. The leader's own it does not end: it hands over, and the next leader is to
// be asked.
func (m *members) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	list, end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	i := slices.IndexFunc(list, func(old raftlog.Member) bool { return old.ID == id })
	if i < 0 {
		return nil
	}
	if list[i].Voter {
		if err := m.quorum(ctx, voters(list, id)); err != nil {
			return err
		}
	}
	if id == m.self {
		if err := m.log.Transfer(ctx); err != nil {
			return refused(http.StatusServiceUnavailable, "this node leads, and leadership could not be moved away yet: %v", err)
		}
		return refused(http.StatusServiceUnavailable, "this node led and has handed over: ask the new leader")
	}
	return m.log.Remove(ctx, id)
}

// voters returns the voters of a membership but one.
func voters(list []raftlog.Member, but string) (v []raftlog.Member) {
	for _, m := range list {
		if m.Voter && m.ID != but {
			v = append(v, m)
		}
	}
	return v
}

// quorum refuses a membership with these voters if no majority of them answers now: it could commit
// nothing, not even the next change.
func (m *members) quorum(ctx context.Context, voters []raftlog.Member) error {
	var alive atomic.Int64
	var wg sync.WaitGroup
	for _, v := range voters {
		if v.ID == m.self {
			alive.Add(1)
			continue
		}
		wg.Go(func() {
			if s, err := m.standing(ctx, v.Addr); err == nil && s.ID == v.ID {
				alive.Add(1)
			}
		})
	}
	wg.Wait()
	if n := int(alive.Load()); n < len(voters)/2+1 {
		return refused(http.StatusConflict, "of the %d voters that it would leave only %d answer: that is no majority", len(voters), n)
	}
	return nil
}

func (m *members) standing(ctx context.Context, addr string) (forward.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, standingTimeout)
	defer cancel()
	return m.ask(ctx, addr)
}

// statusOf is the HTTP status of a change that was not made, or is not known to have been.
func statusOf(err error) int {
	var n no
	switch {
	case errors.As(err, &n):
		return n.status
	case errors.Is(err, eventlog.ErrNotLeader):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
