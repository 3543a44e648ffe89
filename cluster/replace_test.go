package cluster_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"meridian/cluster"
	"meridian/cluster/clustertest"
	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/keyengine/keyring"
)

// three makes a cluster of one Region with three nodes and starts it.
func three(t *testing.T) *cluster.Cluster {
	t.Helper()
	port, err := clustertest.FreePort(1, 3)
	must(t, err)
	c := prepare(t, cluster.Options{Regions: []string{east}, Nodes: 3, Port: port})
	up(t, c)
	return c
}

func members(c *cluster.Cluster) []control.Member { return clustertest.Members(c.Dir, c.File, east) }

func lostFolders(t *testing.T, c *cluster.Cluster) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(string(c.Dir), east, "*.lost-*"))
	must(t, err)
	return found
}

// nothingLeft requires that no half-made folder is left in the Region's.
func nothingLeft(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(string(c.Dir), east, ".new-*"))
	if must(t, err); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
}

func TestADamagedNodeIsReplaced(t *testing.T) {
	c := three(t)
	name := east + "/2"
	must(t, c.Kill(t.Context(), name))
	must(t, os.WriteFile(filepath.Join(string(c.Dir.Node(name)), clustertest.Crash), nil, 0o644))
	wants(t, c.Start(t.Context(), name), nil, "as it was told")
	before := *c.File

	got, err := c.Replace(t.Context(), name, false)
	must(t, err)
	after, err := layout.ReadCluster(c.Dir)
	must(t, err)
	was, _ := before.Node(name)
	is, _ := after.Node(name)
	if got.Name != name || got.OldID != was.ID || got.ID != is.ID || is.ID == was.ID || is.KMS != was.KMS || is.Internal != was.Internal {
		t.Errorf("%+v; it was %+v and is %+v", got, was, is)
	}
	if n := nodeOf(t, status(t, c), name); n.State != cluster.Running || !n.Ready || n.ID != is.ID {
		t.Errorf("the new node is %+v", n)
	}
	want := []control.Member{
		{ID: after.Regions[0].Nodes[0].ID, Addr: after.Regions[0].Nodes[0].Internal, Voter: true},
		{ID: after.Regions[0].Nodes[2].ID, Addr: after.Regions[0].Nodes[2].Internal, Voter: true},
		{ID: is.ID, Addr: is.Internal, Voter: true},
	}
	if list := members(c); !slices.Equal(list, want) {
		t.Errorf("members are %+v, want %+v", list, want)
	}
	if lost := lostFolders(t, c); len(lost) != 1 || lost[0] != got.Lost {
		t.Errorf("put aside: %v, said: %s", lost, got.Lost)
	}
	nothingLeft(t, c)

	// The key ring is the Region's, sealed for the new node alone.
	dir := c.Dir.Node(name)
	root, err := keyring.LoadRoot(dir.RootKey())
	must(t, err)
	ring, err := keyring.Load(dir.Keystore(), root)
	must(t, err)
	if ring.Public().NKey != after.Regions[0].NKey {
		t.Error("the new node has another key ring")
	}
	if _, err := keyring.Load(c.Dir.Node(east+"/1").Keystore(), root); err == nil {
		t.Error("the new node's root key opens another node's key store")
	}
}

// A folder that is gone as a whole: nothing to put aside, the rest is the same.
func TestANodeWithoutAFolderIsReplaced(t *testing.T) {
	c := three(t)
	name := east + "/1" // the leader
	must(t, c.Kill(t.Context(), name))
	must(t, os.RemoveAll(string(c.Dir.Node(name))))
	got, err := c.Replace(t.Context(), name, false)
	must(t, err)
	if got.Lost != "" || len(lostFolders(t, c)) != 0 {
		t.Errorf("%+v, put aside: %v", got, lostFolders(t, c))
	}
	if n := nodeOf(t, status(t, c), name); !n.Ready {
		t.Errorf("the new node is %+v", n)
	}
}

func TestWhoIsNotReplaced(t *testing.T) {
	c := three(t)
	replace := func(name string, force bool) error {
		_, err := c.Replace(t.Context(), name, force)
		return err
	}
	wants(t, replace(east, false), cluster.ErrUsage, east+"/1")
	wants(t, replace(east+"/4", false), cluster.ErrUsage, "no Region or node")
	wants(t, replace(east+"/2", false), nil, "runs", "--force")

	// Nobody is there who could give the vote, or the key ring.
	must(t, c.Kill(t.Context(), east+"/3"))
	before, members1 := status(t, c), members(c)
	wants(t, replace(east+"/2", true), nil, "no majority")
	if after := status(t, c); !slices.Equal(pids(before), pids(after)) || !slices.Equal(members1, members(c)) || len(lostFolders(t, c)) != 0 {
		t.Errorf("a refused replacement changed something: %+v", after)
	}
	must(t, c.Kill(t.Context(), east+"/1", east+"/2"))
	wants(t, replace(east+"/2", false), nil, "no other node")
	nothingLeft(t, c)

	alone, err := clustertest.FreePort(1, 1)
	must(t, err)
	one := prepare(t, cluster.Options{Regions: []string{east}, Nodes: 1, Port: alone})
	_, err = one.Replace(t.Context(), east+"/1", true)
	wants(t, err, nil, "all of "+east)
	young := prepare(t, options(t))
	_, err = young.Replace(t.Context(), east+"/1", true)
	wants(t, err, nil, "meridian up")
}

func TestForceReplacesANodeThatRuns(t *testing.T) {
	c := three(t)
	name := east + "/1" // the leader
	before := nodeOf(t, status(t, c), name)
	_, err := c.Replace(t.Context(), name, true)
	must(t, err)
	if after := nodeOf(t, status(t, c), name); after.PID == before.PID || after.ID == before.ID || !after.Ready || lives(before.PID) {
		t.Errorf("it was %+v and is %+v", before, after)
	}
}

// Whatever ends a replacement, the same call again brings the node back.
func TestAReplacementIsRepeated(t *testing.T) {
	c := three(t)
	name := east + "/2"
	barrier := filepath.Join(string(c.Dir), east, clustertest.NoVotes)
	must(t, os.WriteFile(barrier, nil, 0o644))
	must(t, c.Kill(t.Context(), name))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	first, err := c.Replace(ctx, name, false)
	wants(t, err, cluster.ErrUnknown, "no vote yet", "meridian replace "+name)
	must(t, os.Remove(barrier))

	t.Run("while the new node waits for its vote", func(t *testing.T) {
		again, err := c.Replace(t.Context(), name, false)
		if must(t, err); again.ID != first.ID || len(lostFolders(t, c)) != 1 {
			t.Errorf("not gone on with: %+v, then %+v", first, again)
		}
	})
	t.Run("between the folder and cluster.json", func(t *testing.T) {
		must(t, c.Kill(t.Context(), name))
		f, err := layout.ReadNode(c.Dir.Node(name))
		must(t, err)
		f.ID = "11111111-1111-4111-8111-111111111111"
		must(t, layout.WriteNode(c.Dir.Node(name), f))
		wants(t, c.Start(t.Context(), name), nil, "belongs to")
		_, err = c.Replace(t.Context(), name, false)
		must(t, err)
	})
	t.Run("after the old folder was moved", func(t *testing.T) {
		must(t, c.Kill(t.Context(), name))
		must(t, os.Rename(string(c.Dir.Node(name)), string(c.Dir.Node(name))+".lost-before"))
		_, err := c.Replace(t.Context(), name, false)
		must(t, err)
	})
	t.Run("after a member was added that never came", func(t *testing.T) {
		must(t, c.Kill(t.Context(), name))
		must(t, os.WriteFile(barrier, nil, 0o644))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := c.Replace(ctx, name, false)
		wants(t, err, cluster.ErrUnknown)
		must(t, c.Kill(t.Context(), name))
		must(t, os.Remove(barrier))
		_, err = c.Replace(t.Context(), name, false)
		must(t, err)
	})
	if list := members(c); len(list) != 3 {
		t.Errorf("members are %+v", list)
	}
	nothingLeft(t, c)
	if _, err := os.Stat(c.Dir.Node(name).Admin()); errors.Is(err, fs.ErrNotExist) {
		t.Error("the node does not run")
	}
}
