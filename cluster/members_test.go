package cluster_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/cluster"
	"meridian/cluster/clustertest"
	"meridian/cluster/fault"
	"meridian/cluster/layout"
)

// namesOf are the nodes of the Region in cluster.json.
func namesOf(t *testing.T, c *cluster.Cluster) (names []string) {
	t.Helper()
	file, err := layout.ReadCluster(c.Dir)
	must(t, err)
	for _, n := range file.Regions[0].Nodes {
		names = append(names, strings.TrimPrefix(n.Name, east+"/"))
	}
	return names
}

func voting(c *cluster.Cluster) (n int) {
	for _, m := range members(c) {
		if m.Voter {
			n++
		}
	}
	return n
}

// TestNodesAreAddedAndRemoved grows a Region by a voter and a read replica, takes the leader away, and fills the gap.
func TestNodesAreAddedAndRemoved(t *testing.T) {
	c := three(t)
	added, err := c.Add(t.Context(), east, false)
	must(t, err)
	replica, err := c.Add(t.Context(), east+"/7", true)
	must(t, err)
	if added.Name != east+"/4" || replica.Name != east+"/7" || !replica.ReadReplica {
		t.Errorf("added %+v and %+v", added, replica)
	}
	if list := members(c); len(list) != 5 || voting(c) != 4 {
		t.Errorf("members are %+v", list)
	}
	s := status(t, c)
	if n := nodeOf(t, s, added.Name); !n.Ready || n.Role != "follower" || n.ReadReplica {
		t.Errorf("the new node is %+v", n)
	}
	if n := nodeOf(t, s, replica.Name); !n.Ready || n.Role != cluster.ReadReplica || !n.ReadReplica {
		t.Errorf("the read replica is %+v", n)
	}

	gone := nodeOf(t, s, east+"/1") // the leader
	removed, err := c.Remove(t.Context(), gone.Name, false)
	must(t, err)
	if removed.ID != gone.ID || !strings.HasPrefix(removed.Aside, string(c.Dir.Node(gone.Name))+".removed-") || lives(gone.PID) {
		t.Errorf("removed %+v", removed)
	}
	if _, err := os.Stat(layout.NodeDir(removed.Aside).RootKey()); err != nil {
		t.Errorf("its folder is not aside: %v", err)
	}
	for _, name := range []string{replica.Name, added.Name} {
		must(t, c.AddFault(t.Context(), fault.Rule{Kind: fault.Partition, A: name, B: east + "/2"}))
	}
	must(t, second(c.Remove(t.Context(), replica.Name, true)))
	if rules, err := c.Faults(); err != nil || len(rules) != 1 || rules[0].A != added.Name {
		t.Errorf("left in force: %v, %v", rules, err)
	}
	if _, err := os.Stat(string(c.Dir.Node(replica.Name))); !os.IsNotExist(err) {
		t.Errorf("a folder that was to be deleted: %v", err)
	}
	if got := namesOf(t, c); !slices.Equal(got, []string{"2", "3", "4"}) || voting(c) != 3 || len(members(c)) != 3 {
		t.Errorf("nodes %v, members %+v", got, members(c))
	}

	again, err := c.Add(t.Context(), east, false)
	must(t, err)
	if again.Name != gone.Name || again.ID == gone.ID {
		t.Errorf("the gap was filled with %+v", again)
	}
	if _, err := cluster.Down(t.Context(), string(c.Dir), t.Logf); err != nil {
		t.Fatal(err)
	}
	c, err = cluster.Open(string(c.Dir), c.Program, t.Logf)
	must(t, err)
	up(t, c)
	if got := namesOf(t, c); !slices.Equal(got, []string{"1", "2", "3", "4"}) {
		t.Errorf("after a rest there are %v", got)
	}
	nothingLeft(t, c)
}

// second is the error of a call that answers something, too.
func second[T any](_ T, err error) error { return err }

func TestWhoIsNotAddedOrRemoved(t *testing.T) {
	c := three(t)
	add := func(place string) error { return second(c.Add(t.Context(), place, false)) }
	remove := func(name string) error { return second(c.Remove(t.Context(), name, false)) }
	wants(t, add("mars-1"), cluster.ErrUsage, east)
	wants(t, add(east+"/10"), cluster.ErrUsage, "1 to 9")
	wants(t, add(east+"/04"), cluster.ErrUsage, "1 to 9")
	wants(t, add(east+"/2"), cluster.ErrUsage, "there already")
	wants(t, remove(east), cluster.ErrUsage, "not a node")
	wants(t, remove(east+"/4"), cluster.ErrUsage, "no Region or node")

	before := members(c)
	must(t, c.Kill(t.Context(), east+"/3"))
	wants(t, remove(east+"/2"), nil, "no majority")
	if !slices.Equal(members(c), before) || len(namesOf(t, c)) != 3 || nodeOf(t, status(t, c), east+"/2").State != cluster.Running {
		t.Error("a refused removal changed something")
	}
	must(t, remove(east+"/3")) // which is dead: two of two answer
	must(t, remove(east+"/1"))
	wants(t, remove(east+"/2"), nil, "0 voters")
	nothingLeft(t, c)
}

// TestAChangeIsRepeated: whatever ends an addition or a removal, the same call again completes it.
func TestAChangeIsRepeated(t *testing.T) {
	c := three(t)
	name := east + "/4"
	barrier := filepath.Join(string(c.Dir), east, clustertest.NoVotes)
	must(t, os.WriteFile(barrier, nil, 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var watching sync.WaitGroup
	watching.Go(func() { // the call is broken off when the new node is a member
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil && len(members(c)) < 4 {
			<-tick.C
		}
		cancel()
	})
	first, err := c.Add(ctx, east, false)
	cancel()
	watching.Wait()
	wants(t, err, cluster.ErrUnknown, "no vote yet", "meridian add --region "+east)
	must(t, os.Remove(barrier))
	t.Run("while the new node waits for its vote", func(t *testing.T) {
		must(t, c.Kill(t.Context(), name)) // and it does not even run
		again, err := c.Add(t.Context(), east, false)
		if must(t, err); again != first || voting(c) != 4 {
			t.Errorf("not gone on with: %+v, then %+v", first, again)
		}
	})
	t.Run("before cluster.json forgets the node", func(t *testing.T) {
		with, err := layout.ReadCluster(c.Dir)
		must(t, err)
		must(t, second(c.Remove(t.Context(), name, false)))
		must(t, layout.WriteCluster(c.Dir, with))
		c.File = with
		wants(t, second(c.Add(t.Context(), name, false)), cluster.ErrUsage, "`meridian remove` completes")
		must(t, second(c.Remove(t.Context(), name, false)))
		if got := namesOf(t, c); len(got) != 3 {
			t.Errorf("nodes %v", got)
		}
	})
	t.Run("a folder that no cluster.json knows", func(t *testing.T) {
		dir := c.Dir.Node(name)
		must(t, os.MkdirAll(string(dir), 0o700))
		must(t, layout.WriteNode(dir, layout.NodeFile{Format: layout.Format, ClusterID: c.File.ID, Region: east, Name: name, ID: "4", Joining: true}))
		must(t, second(c.Add(t.Context(), name, false)))
	})
	if got := namesOf(t, c); !slices.Equal(got, []string{"1", "2", "3", "4"}) || voting(c) != 4 {
		t.Errorf("nodes %v, members %+v", got, members(c))
	}
	nothingLeft(t, c)
}
