package node

import (
	"slices"
	"strings"
	"testing"

	"meridian/cluster/layout"
)

// TestWhichLayoutIsFollowed: nodes come and go, but a node goes by no file that is another cluster's, or its successor's.
func TestWhichLayoutIsFollowed(t *testing.T) {
	east := func(ids ...string) layout.Region {
		r := layout.Region{Name: "us-east-1"}
		for i, id := range ids {
			r.Nodes = append(r.Nodes, layout.Node{Name: layout.NodeName(r.Name, i+1), ID: id})
		}
		return r
	}
	started := layout.Cluster{ID: "c", Regions: []layout.Region{east("a", "b"), {Name: "eu-west-1"}}}
	c := &Config{Cluster: started, Node: started.Regions[0].Nodes[1]}
	for _, try := range []struct {
		what string
		next layout.Cluster
		says string // empty: it is followed
	}{
		{"the same", started, ""},
		{"another came", layout.Cluster{ID: "c", Regions: []layout.Region{east("a", "b", "d"), {Name: "eu-west-1"}}}, ""},
		{"another was replaced", layout.Cluster{ID: "c", Regions: []layout.Region{east("e", "b"), {Name: "eu-west-1"}}}, ""},
		{"this one was replaced", layout.Cluster{ID: "c", Regions: []layout.Region{east("a", "e"), {Name: "eu-west-1"}}}, "does not name this node (b)"},
		{"this one was removed", layout.Cluster{ID: "c", Regions: []layout.Region{east("a"), {Name: "eu-west-1"}}}, "does not name this node (b)"},
		{"another cluster", layout.Cluster{ID: "d", Regions: started.Regions}, "another cluster"},
		{"a Region more", layout.Cluster{ID: "c", Regions: append(slices.Clone(started.Regions), layout.Region{Name: "mars-1"})}, "other Regions"},
	} {
		err := checkLayout(&try.next, c)
		if (err == nil) != (try.says == "") || err != nil && !strings.Contains(err.Error(), try.says) {
			t.Errorf("%s: %v, want %q", try.what, err, try.says)
		}
	}
}

// TestNeighbours: a read replica is asked as any other, but neither counted nor asked for its clock.
func TestNeighbours(t *testing.T) {
	r := &layout.Region{Name: "us-east-1", Nodes: []layout.Node{
		{Name: "us-east-1/1", Internal: "one"}, {Name: "us-east-1/3", Internal: "three"}, {Name: "us-east-1/4", Internal: "four", ReadReplica: true},
	}}
	for _, want := range []struct {
		self           string
		others, voters []string
	}{
		{"us-east-1/1", []string{"three", "four"}, []string{"three"}},
		{"us-east-1/4", []string{"one", "three"}, []string{"one", "three"}},
	} {
		got := neighbours(r, want.self)
		if got.Voters != 2 || !slices.Equal(got.Others, want.others) || !slices.Equal(got.OtherVoters, want.voters) {
			t.Errorf("around %s: %+v", want.self, got)
		}
	}
}
