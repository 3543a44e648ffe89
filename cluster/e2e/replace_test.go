package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"meridian/cluster/layout"
)

// TestDamagedNodeReplaced kills a node and spoils one of its files, while clients write: its log, its wrapped keys, a
// table of its state. It does not start, a new member takes its place, writes go on all the while, and the Region then
// stands the loss of another node.
func TestDamagedNodeReplaced(t *testing.T) {
	c := breakable(t)
	us := c.client(east)
	key := createKey(t, us, true)
	c.replicate(t, key, east, west)
	blob := encrypt(t, us, key, "before the loss", nil)

	w := &writers{name: unique("replace")}
	stop := make(chan struct{})
	var running sync.WaitGroup
	for n := range 2 {
		running.Go(func() { w.run(t, c.patient(east), n, stop) })
	}
	t.Cleanup(running.Wait)
	halt := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(halt)
	w.progress(t, 10)

	leader := c.leader(t, east)
	n := 1
	if leader == layout.NodeName(east, n) {
		n = 2
	}
	victim := layout.NodeName(east, n)
	folder := layout.Dir(c.data).Node(victim)
	for _, file := range []string{
		filepath.Join(folder.Raft(), "raft.db"), folder.Keystore(), filepath.Join(folder.State(), "gen-*", "*.sst"),
	} {
		c.replaceSpoiled(t, victim, file, w)
	}
	id := idOf(t, c, victim)

	// Two of three remain, the new node one of them.
	c.do(t, "kill", leader)
	w.progress(t, 10)
	if got := decrypt(t, c.clientAt(east, c.node(east, n), 5), blob, nil); string(got.Plaintext) != "before the loss" {
		t.Errorf("the new node decrypted %q", got.Plaintext)
	}
	c.do(t, "start", leader)
	halt()
	running.Wait()
	w.check(t, c.patient(east))
	c.verify(t)

	// The new node keeps its place: it comes back as it is.
	c.do(t, "restart", victim)
	if got := idOf(t, c, victim); got != id {
		t.Errorf("after a restart the node is %s, not %s", got, id)
	}
}

// replaceSpoiled spoils files of a node that was killed and puts a new member in its place, while w writes.
func (c *cluster) replaceSpoiled(t *testing.T, victim, files string, w *writers) {
	t.Helper()
	aside := func() []string {
		found, err := filepath.Glob(string(layout.Dir(c.data).Node(victim)) + ".lost-*")
		ok(t, err)
		return found
	}
	before, putAside := idOf(t, c, victim), len(aside())
	c.do(t, "restart", victim) // what it has is in tables then
	c.do(t, "kill", victim)
	found, err := filepath.Glob(files)
	if err != nil || len(found) == 0 {
		t.Fatalf("there is nothing to spoil at %s (%v)", files, err)
	}
	for _, file := range found {
		spoil(t, file)
	}
	_, err = c.run("start", victim)
	if err == nil || !strings.Contains(err.Error(), "the Region goes on with its other nodes, and `meridian replace "+victim+"`") {
		t.Fatalf("start of a node with a damaged %s: %v", filepath.Base(files), err)
	}
	w.progress(t, 5)

	out := c.do(t, "replace", victim)
	if id := idOf(t, c, victim); id == before || strings.TrimSpace(out) != victim+" "+id {
		t.Errorf("replace printed %q, the node was %s and is %s", out, before, id)
	}
	w.progress(t, 5)
	if lost := aside(); len(lost) != putAside+1 {
		t.Errorf("folders put aside: %q, before there were %d", lost, putAside)
	}
}

// TestReplaceIsRefused: a node that runs, and one whose Region could not go on without it.
func TestReplaceIsRefused(t *testing.T) {
	c := breakable(t)
	leader := c.leader(t, west)
	var others []string
	for n := 1; n <= nodes; n++ {
		if name := layout.NodeName(west, n); name != leader {
			others = append(others, name)
		}
	}
	before := idOf(t, c, others[0])
	refuses := func(says string, args ...string) {
		t.Helper()
		_, err := c.run(append([]string{"replace"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("replace %v: %v, want %q", args, err, says)
		}
	}
	refuses("runs", others[0])
	c.do(t, "kill", others[1])
	refuses("that is no majority", others[0], "--force") // and nothing was stopped
	_ = createKey(t, c.patient(west), false)
	if id := idOf(t, c, others[0]); id != before {
		t.Errorf("a refused replacement changed the id of %s", others[0])
	}
	c.do(t, "start", others[1])

	// The leader itself, although it is well: another takes over.
	c.do(t, "replace", leader, "--force")
	_ = createKey(t, c.patient(west), false)
	c.verify(t)
}

func idOf(t *testing.T, c *cluster, name string) string {
	t.Helper()
	file, err := layout.ReadCluster(layout.Dir(c.data))
	ok(t, err)
	n, found := file.Node(name)
	if !found {
		t.Fatalf("no node %s", name)
	}
	return n.ID
}

// spoil writes over the beginning of a file.
func spoil(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	ok(t, err)
	_, err = f.Write(bytes.Repeat([]byte{0xa5}, 3*4096))
	ok(t, err)
	ok(t, f.Close())
}
