package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"meridian/cluster/layout"
)

// TestRegionGrowsAndShrinks adds a node to a Region while clients write, removes the leader, which hands over, and gets
// the Region back to the nodes that it had: no acknowledged write is lost, and no call fails that the SDK repeats.
func TestRegionGrowsAndShrinks(t *testing.T) {
	c := breakable(t)
	us := c.client(east)
	key := createKey(t, us, true)
	c.replicate(t, key, east, west)
	blob := encrypt(t, us, key, "through all of it", nil)
	t.Cleanup(func() { // whatever this test did not get to
		for n := 1; n <= nodes; n++ {
			_, _ = c.run("add", layout.NodeName(east, n))
		}
		_, _ = c.run("remove", layout.NodeName(east, nodes+1), "--delete")
	})
	w := &writers{name: unique("members")}
	stop := make(chan struct{})
	var running sync.WaitGroup
	for n := range 2 {
		running.Go(func() { w.run(t, c.patient(east), n, stop) })
	}
	t.Cleanup(running.Wait)
	halt := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(halt)
	w.progress(t, 5)

	added, _, _ := strings.Cut(c.do(t, "add", "--region", east), " ")
	if added != layout.NodeName(east, nodes+1) {
		t.Errorf("added %q", added)
	}
	w.progress(t, 5)
	if got := decrypt(t, c.clientAt(east, c.node(east, nodes+1), 5), blob, nil); string(got.Plaintext) != "through all of it" {
		t.Errorf("the new node decrypted %q", got.Plaintext)
	}
	leader := c.leader(t, east)
	for leader == added { // hand over: one that was there before is to go
		c.do(t, "restart", leader)
		leader = c.leader(t, east)
	}
	c.do(t, "remove", leader, "--delete")
	w.progress(t, 5)
	// Of the three that are there now one may be lost, the new one is among those that count.
	if next := c.leader(t, east); next == leader {
		t.Fatalf("%s was removed and leads", leader)
	}
	victim := others(leader)[0] // of the two that were there before
	c.do(t, "kill", victim)
	if _, err := c.run("remove", added, "--delete"); err == nil || !strings.Contains(err.Error(), "no majority") {
		t.Errorf("removed from three of which two live: %v", err)
	}
	w.progress(t, 5)
	c.do(t, "start", victim)
	c.do(t, "add", leader)
	c.do(t, "remove", added, "--delete")
	w.progress(t, 5)
	halt()
	running.Wait()
	w.check(t, c.patient(east))
	// The other Regions find the leader wherever it is.
	_, err := c.patient(east).UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: &key, Description: new(string)})
	ok(t, err)
	c.do(t, "lag", "--wait-converged", "--timeout", "60s")
	c.verify(t)
}

// TestReadReplica: a node without a vote answers what any node answers, counts for nothing, and refuses cryptography
// when it has not heard a leader for so long that a key may have been disabled without its knowledge.
func TestReadReplica(t *testing.T) {
	c := breakable(t)
	name, _, _ := strings.Cut(c.do(t, "add", "--region", west, "--read-replica"), " ")
	removed := false
	t.Cleanup(func() {
		if !removed {
			_, _ = c.run("remove", name, "--delete")
		}
	})
	if role := roleOf(t, c, name); role != "read-replica" {
		t.Errorf("its role is %q", role)
	}
	at := c.clientAt(west, c.node(west, nodes+1), 1)
	key := createKey(t, at, false) // at the leader, in truth
	blob := encrypt(t, at, key, "read here", nil)
	for _, level := range []string{"strong", "", "session", "eventual", "bounded=2000"} {
		if m, err := describe(t, withLevel(at, level), key); err != nil || *m.KeyId != key {
			t.Errorf("read of the level %q: %v", level, err)
		}
	}

	// One of two voters is no majority, although the replica is there, too.
	leader := c.leader(t, west)
	var followers []string
	for n := 1; n <= nodes; n++ {
		if voter := layout.NodeName(west, n); voter != leader {
			followers = append(followers, voter)
		}
	}
	c.do(t, "kill", followers[1])
	if _, err := c.run("remove", followers[0]); err == nil || !strings.Contains(err.Error(), "of the 2 voters that it would leave only 1 answer") {
		t.Errorf("a read replica was counted: %v", err)
	}
	c.do(t, "start", followers[1])

	// A member lost to the disk, it comes back as what it was.
	c.do(t, "kill", name)
	c.do(t, "replace", name)
	if role := roleOf(t, c, name); role != "read-replica" {
		t.Errorf("replaced, its role is %q", role)
	}
	decrypt(t, c.clientAt(west, c.node(west, nodes+1), 5), blob, nil)

	for n := 1; n <= nodes; n++ {
		c.do(t, "partition", layout.NodeName(west, n), name)
	}
	eventually(t, 20*time.Second, "the replica that hears no leader refuses cryptography", func() error {
		_, err := at.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		return wantCode(err, "KMSInternalException")
	})
	c.do(t, "heal")
	eventually(t, 20*time.Second, "it answers again", func() error {
		_, err := at.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		return err
	})
	c.do(t, "remove", name, "--delete")
	removed = true
	c.verify(t)
}

// withLevel is a client that asks for a level of consistency.
func withLevel(client *kms.Client, level string) *kms.Client {
	o := client.Options()
	o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("x-meridian-consistency", level))
	return kms.New(o)
}

func wantCode(err error, code string) error {
	if got := codeOf(err); got != code {
		return fmt.Errorf("answered %q (%v), want %q", got, err, code)
	}
	return nil
}

func roleOf(t *testing.T, c *cluster, name string) string {
	t.Helper()
	for _, n := range nodesOf(t, c, layout.RegionOf(name)) {
		if n.Name == name {
			return n.Role
		}
	}
	return ""
}

func nodesOf(t *testing.T, c *cluster, region string) []nodeStatus {
	t.Helper()
	for _, r := range c.status(t) {
		if r.Region == region {
			return r.Nodes
		}
	}
	return nil
}
