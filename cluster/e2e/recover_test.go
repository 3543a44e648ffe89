package e2e

import (
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
