package node

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"meridian/cluster/layout"
	"meridian/eventlog"
	"meridian/eventlog/raftlog"
	"meridian/region/forward"
)

// Ids and addresses of the nodes of a Region; the fourth is the new one, in the third's place.
var (
	ids   = []string{"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003", "00000000-0000-4000-8000-000000000004"}
	addrs = []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}
)

// logOf is a log with a membership and nothing else.
type logOf struct {
	list     []raftlog.Member
	follower bool
	err      error // of a change
	handed   bool  // leadership was moved away
}

func (l *logOf) Members(context.Context) ([]raftlog.Member, error) { return slices.Clone(l.list), nil }

func (l *logOf) Leadership() eventlog.Leadership { return eventlog.Leadership{Leader: !l.follower} }

func (l *logOf) Status() raftlog.Status { return raftlog.Status{Last: 1000} }

func (l *logOf) Add(_ context.Context, m raftlog.Member) error {
	l.drop(m.ID)
	l.list = append(l.list, m)
	return l.err
}

func (l *logOf) Remove(_ context.Context, id string) error {
	l.drop(id)
	return l.err
}

func (l *logOf) Transfer(context.Context) error {
	l.handed = true
	return l.err
}

func (l *logOf) drop(id string) {
	l.list = slices.DeleteFunc(l.list, func(m raftlog.Member) bool { return m.ID == id })
}

func member(i int, voter bool) raftlog.Member {
	return raftlog.Member{ID: ids[i-1], Addr: addrs[min(i, 3)-1], Voter: voter}
}

// nodeAt finds the three nodes, the third of which may be a read replica.
func nodeAt(replica bool) func(string) (layout.Node, bool) {
	return func(addr string) (layout.Node, bool) {
		i := slices.Index(addrs, addr)
		return layout.Node{Name: layout.NodeName("us-east-1", i+1), ReadReplica: replica && i == 2}, i >= 0
	}
}

// TestChangesOfTheMembership tries changes on node 1, the leader: which it makes, and how it refuses the others.
func TestChangesOfTheMembership(t *testing.T) {
	three := []raftlog.Member{member(1, true), member(2, true), member(3, true)}
	two := three[:2]
	waiting := append(slices.Clone(two), member(4, false))
	all := map[string]forward.Standing{addrs[1]: {ID: ids[1], Last: 1000}, addrs[2]: {ID: ids[3], Last: 950}}
	with := func(s forward.Standing) map[string]forward.Standing {
		return map[string]forward.Standing{addrs[1]: {ID: ids[1], Last: 1000}, addrs[2]: s}
	}
	add := func(m raftlog.Member) func(*members) error {
		return func(c *members) error { return c.add(t.Context(), m) }
	}
	remove := func(i int) func(*members) error {
		return func(c *members) error { return c.remove(t.Context(), ids[i-1]) }
	}
	for _, c := range []struct {
		what     string
		list     []raftlog.Member
		alive    map[string]forward.Standing
		do       func(*members) error
		want     []raftlog.Member // nil: as it was
		status   int
		says     string
		follower bool
		replica  bool // the third node is one
		hands    bool // leadership is moved away
		err      error
	}{
		{what: "a dead voter leaves", list: three, alive: all, do: remove(3), want: two},
		{what: "the leader hands over first", list: three, alive: with(forward.Standing{ID: ids[2]}), do: remove(1), status: 503, says: "has handed over", hands: true},
		{what: "the leader cannot hand over", list: three, alive: with(forward.Standing{ID: ids[2]}), do: remove(1), status: 503, says: "not be moved away yet", hands: true, err: errors.New("nobody has caught up")},
		{what: "the leader stays that the others need", list: three, do: remove(1), status: 409, says: "of the 2 voters that it would leave only 0 answer"},
		{what: "who is none leaves", list: two, alive: all, do: remove(3)},
		{what: "one without a vote leaves, whoever answers", list: waiting, do: remove(4), want: two},
		{what: "a voter leaves one of two", list: three, do: remove(3), status: 409, says: "only 1 answer"},
		{what: "another server answers at a voter's address", list: three, alive: all, do: remove(2), status: 409, says: "only 1 answer"},
		{what: "the last one leaves", list: three[:1], do: remove(1), status: 409, says: "0 voters"},
		{what: "a new one comes", list: two, do: add(member(4, false)), want: waiting},
		{what: "it comes again", list: waiting, do: add(member(4, false))},
		{what: "the address is another's", list: three, do: add(member(4, false)), status: 409, says: "remove that one first"},
		{what: "it comes with a vote", list: two, alive: all, do: add(member(4, true)), status: 409, says: "without a vote"},
		{what: "it gets its vote", list: waiting, alive: all, do: add(member(4, true)), want: append(slices.Clone(two), member(4, true))},
		{what: "it has its vote", list: three, do: add(member(3, true))},
		{what: "it is to lose its vote", list: three, do: add(member(3, false)), status: 400, says: "may not be used again"},
		{what: "it moves", list: waiting, do: add(raftlog.Member{ID: ids[3], Addr: addrs[0]}), status: 400, says: "cannot move"},
		{what: "it is silent", list: waiting, do: add(member(4, true)), status: 409, says: "does not answer"},
		{what: "it is behind", list: waiting, alive: with(forward.Standing{ID: ids[3], Last: 899}), do: add(member(4, true)), status: 409, says: "lacks 101 entries"},
		{what: "it is just near enough", list: waiting, alive: with(forward.Standing{ID: ids[3], Last: 900}), do: add(member(4, true)), want: append(slices.Clone(two), member(4, true))},
		{what: "it is not on its disk that it is a member", list: waiting, alive: with(forward.Standing{ID: ids[3], Last: 1000, Joining: true}), do: add(member(4, true)), status: 409, says: "does not know yet"},
		{what: "the old one is still there", list: waiting, alive: with(forward.Standing{ID: ids[2], Last: 1000}), do: add(member(4, true)), status: 409, says: "there is server " + ids[2]},
		{what: "no UUID", list: two, do: add(raftlog.Member{ID: "n4", Addr: addrs[2]}), status: 400, says: "UUID"},
		{what: "an address elsewhere", list: two, do: add(raftlog.Member{ID: ids[3], Addr: "192.0.2.1:80"}), status: 400, says: "not the internal address"},
		{what: "a read replica is to vote", list: waiting, alive: all, replica: true, do: add(member(4, true)), status: 400, says: "us-east-1/3 is a read replica"},
		{what: "a read replica comes", list: two, replica: true, do: add(member(4, false)), want: waiting},
		{what: "not the leader", list: two, do: add(member(4, false)), follower: true, status: 503, says: "does not lead"},
		{what: "not the leader any more", list: three, alive: all, do: remove(3), want: two, err: eventlog.ErrNotLeader, status: 503},
		{what: "out of time", list: three, alive: all, do: remove(3), want: two, err: context.DeadlineExceeded, status: 500},
	} {
		t.Run(c.what, func(t *testing.T) {
			log := &logOf{list: slices.Clone(c.list), follower: c.follower, err: c.err}
			m := &members{self: ids[0], find: nodeAt(c.replica), log: log, ask: func(_ context.Context, addr string) (forward.Standing, error) {
				s, ok := c.alive[addr]
				if !ok {
					return s, errors.New("connection refused")
				}
				return s, nil
			}}
			err := c.do(m)
			status := 0
			if err != nil {
				status = statusOf(err)
			}
			if status != c.status || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("answer %d, %v; want %d, %q", status, err, c.status, c.says)
			}
			want := c.want
			if want == nil {
				want = c.list
			}
			if !slices.Equal(log.list, want) {
				t.Errorf("members are %+v, want %+v", log.list, want)
			}
			if log.handed != c.hands {
				t.Errorf("leadership moved away: %t", log.handed)
			}
		})
	}
}

// TestOneChangeAtATime: a second change is told to wait, and finds the membership that the first one left.
func TestOneChangeAtATime(t *testing.T) {
	log := &logOf{list: []raftlog.Member{member(1, true), member(2, true), member(3, true)}}
	var c *members
	var second error
	c = &members{self: ids[0], find: nodeAt(false), log: log, ask: func(_ context.Context, addr string) (forward.Standing, error) {
		second = c.remove(t.Context(), ids[1]) // while the first one asks who lives
		return forward.Standing{ID: ids[slices.Index(addrs, addr)]}, nil
	}}
	if err := c.remove(t.Context(), ids[2]); err != nil {
		t.Fatal(err)
	}
	if second == nil || statusOf(second) != http.StatusConflict || !strings.Contains(second.Error(), "under way") {
		t.Errorf("the second change: %v", second)
	}
	if len(log.list) != 2 {
		t.Errorf("members are %+v", log.list)
	}
}
