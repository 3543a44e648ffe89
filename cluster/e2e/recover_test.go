package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/layout"
)

// TestRegionRecoveredFromAMinority: two of three disks of a Region are lost for ever. It goes on from the third in a new
// life, agrees with the other Regions again, and a node that is found again is not let in.
func TestRegionRecoveredFromAMinority(t *testing.T) {
	c := breakable(t)
	us, eu := c.client(east), c.client(west)
	key, own := createKey(t, us, true), createKey(t, us, false)
	c.replicate(t, key, east, west)
	shared, private := encrypt(t, us, key, "shared", nil), encrypt(t, us, own, "private", nil)
	c.do(t, "lag", "--wait-converged", "--timeout", "60s")

	if _, err := c.run("recover-region", east, "--accept-data-loss"); err == nil || !strings.Contains(err.Error(), "has a leader") {
		t.Errorf("recovered a Region that is well: %v", err)
	}
	_, err := c.run("recover-region", east)
	if err == nil || !strings.Contains(err.Error(), "--accept-data-loss") {
		t.Errorf("recovered without a word: %v", err)
	}

	survivor, lost, found := layout.NodeName(east, 2), layout.NodeName(east, 1), layout.NodeName(east, 3)
	before := idOf(t, c, survivor)
	c.do(t, "kill", lost)
	c.do(t, "kill", found)
	ok(t, os.RemoveAll(string(layout.Dir(c.data).Node(lost))))
	kept := string(layout.Dir(c.data).Node(found)) + ".kept"
	ok(t, os.Rename(string(layout.Dir(c.data).Node(found)), kept))

	var done struct {
		Source string
		Life   uint64
	}
	parse(t, c.do(t, "recover-region", east, "--accept-data-loss", "-o", "json"), &done)
	if done.Source != survivor || done.Life < 2 {
		t.Errorf("recovered from %s into life %d", done.Source, done.Life)
	}
	if idOf(t, c, survivor) == before {
		t.Error("the survivor kept its id")
	}
	if got := decrypt(t, c.patient(east), private, nil); string(got.Plaintext) != "private" {
		t.Errorf("decrypted %q", got.Plaintext)
	}
	// The Regions hear of each other again: the primary changes hands, there and back.
	for _, to := range []string{west, east} {
		from := map[string]string{west: east, east: west}[to]
		// A Region in a new life first hears what the others have of each key, and how their members stand.
		eventually(t, 90*time.Second, from+" gives the role to "+to, func() error {
			_, err := c.patient(from).UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: &key, PrimaryRegion: &to})
			return err
		})
		awaitPrimary(t, c, key, to, east, west)
	}
	if got := decrypt(t, eu, shared, nil); string(got.Plaintext) != "shared" {
		t.Errorf("decrypted %q", got.Plaintext)
	}
	c.replicate(t, createKey(t, c.patient(east), true), east, south)
	c.do(t, "lag", "--wait-converged", "--timeout", "60s")
	c.verify(t)

	// The node that was found again has another id than the one that has its place.
	c.do(t, "kill", found)
	place := string(layout.Dir(c.data).Node(found))
	ok(t, os.Rename(place, place+".new"))
	ok(t, os.Rename(kept, place))
	if _, err := c.run("start", found); err == nil || !strings.Contains(err.Error(), "belongs to node") {
		t.Errorf("the old node is back: %v", err)
	}
	ok(t, os.RemoveAll(place))
	ok(t, os.Rename(place+".new", place))
	c.do(t, "start", found)
}

// TestRegionRecoveredFromAReadReplica: every voter's disk is lost, and a read replica alone has what the Region knew. The
// Region goes on from it; it is what it was, a member without a vote, and counts in no majority.
func TestRegionRecoveredFromAReadReplica(t *testing.T) {
	c := breakable(t)
	name, _, _ := strings.Cut(c.do(t, "add", "--region", west, "--read-replica"), " ")
	t.Cleanup(func() { _, _ = c.run("remove", name, "--delete") })
	client := c.patient(west)
	key := createKey(t, client, true)
	c.replicate(t, key, west, east)
	blob := encrypt(t, client, key, "kept by one", nil)
	c.do(t, "lag", "--wait-converged", "--timeout", "60s")
	before := idOf(t, c, name)
	eventually(t, 10*time.Second, "the replica has what its leader has", func() error {
		seqs := map[uint64]bool{}
		for _, n := range nodesOf(t, c, west) {
			seqs[n.Seq] = true
		}
		if len(seqs) != 1 {
			return fmt.Errorf("the nodes are at %v", seqs)
		}
		return nil
	})
	for n := 1; n <= nodes; n++ {
		voter := layout.NodeName(west, n)
		c.do(t, "kill", voter)
		ok(t, os.RemoveAll(string(layout.Dir(c.data).Node(voter))))
	}
	var done struct{ Source string }
	parse(t, c.do(t, "recover-region", west, "--accept-data-loss", "-o", "json"), &done)
	if done.Source != name || idOf(t, c, name) == before {
		t.Errorf("recovered from %s; the replica is %s again", done.Source, before)
	}
	if role := roleOf(t, c, name); role != "read-replica" || c.leader(t, west) == name {
		t.Errorf("the replica's role is %q, the leader %s", role, c.leader(t, west))
	}
	if got := decrypt(t, client, blob, nil); string(got.Plaintext) != "kept by one" {
		t.Errorf("decrypted %q", got.Plaintext)
	}
	c.do(t, "lag", "--wait-converged", "--timeout", "60s")
	eventually(t, 60*time.Second, "its keys can be changed again", func() error {
		_, err := client.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: &key, Description: new(string)})
		if err == nil {
			_, err = client.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: &key})
		}
		return err
	})
	// Two voters of three are a majority without it, and one with it is none.
	followers := others(c.leader(t, west))
	c.do(t, "kill", followers[0])
	if _, err := c.run("remove", followers[1]); err == nil || !strings.Contains(err.Error(), "only 1 answer") {
		t.Errorf("a read replica counts after the recovery: %v", err)
	}
	c.do(t, "start", followers[0])
	c.do(t, "lag", "--wait-converged", "--timeout", "60s")
	c.do(t, "remove", name, "--delete")
	c.verify(t)
}
