package node

import (
	"context"
	"errors"
	"slices"
	"testing"

	"meridian/eventlog/raftlog"
	"meridian/keyengine"
	"meridian/region/forward"
)

// TestAble: the level that all members know is the least that one says; without the word of one there is none.
func TestAble(t *testing.T) {
	voters := []raftlog.Member{member(1, true), member(2, true), member(3, true)}
	listener := append(slices.Clone(voters[:2]), raftlog.Member{ID: ids[3], Addr: addrs[2]})
	knows := func(second, third uint32) map[string]forward.Standing {
		return map[string]forward.Standing{addrs[1]: {ID: ids[1], Level: second}, addrs[2]: {ID: ids[2], Level: third}}
	}
	const here = keyengine.FeatureLevel
	for _, c := range []struct {
		what  string
		list  []raftlog.Member
		says  map[string]forward.Standing
		want  uint32
		fails bool
	}{
		{what: "all know what this program knows", list: voters, says: knows(here, here), want: here},
		{what: "others know more", list: voters, says: knows(here+1, here+7), want: here},
		{what: "one is of a program that does not speak of levels", list: voters, says: knows(here+1, 0), want: 1},
		{what: "one does not answer", list: voters, says: map[string]forward.Standing{addrs[1]: {ID: ids[1], Level: here}}, fails: true},
		{what: "at one's address there is another", list: listener, says: knows(here, here), fails: true},
		{what: "one without a vote does not answer", list: listener, says: map[string]forward.Standing{addrs[1]: {ID: ids[1], Level: here}}, fails: true},
		{what: "alone", list: voters[:1], want: here},
	} {
		m := &members{self: ids[0], log: &logOf{list: c.list}, ask: func(_ context.Context, addr string) (forward.Standing, error) {
			if s, ok := c.says[addr]; ok {
				return s, nil
			}
			return forward.Standing{}, errors.New("no answer")
		}}
		got, err := m.able(t.Context())
		if got != c.want || c.fails != (err != nil) {
			t.Errorf("%s: %d, %v", c.what, got, err)
		}
	}
}
