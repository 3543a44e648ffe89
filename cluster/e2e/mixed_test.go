package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/clustertest"
	"meridian/cluster/layout"
	"meridian/keyengine"
)

// The feature levels that the two programs know, and what the next one adds to a description that is changed once its
// level is in force: see keyengine.NextMark.
const (
	oldLevel  uint32 = keyengine.FeatureLevel
	nextLevel        = oldLevel + 1
	nextMark         = " (as of the next level)"
)

// upgrade is a cluster of two Regions on its way from one program to the next.
type upgrade struct {
	*cluster
	t    *testing.T
	next *cluster // the same, by the next program
}

// TestMixedVersions upgrades a cluster under load to a program that knows one version of one event more. While one node
// of a Region runs the old program, the new version is not written and going back works; when none does, it is, and the
// old program refuses to start. Keys go both ways between a Region of the new level and one of the old.
func TestMixedVersions(t *testing.T) {
	u := newUpgrade(t)
	load := u.load()

	u.next.do(t, "restart", layout.NodeName(east, 1))
	u.next.do(t, "restart", layout.NodeName(east, 2))
	if old := layout.NodeName(east, 3); u.region(east).Leader == old {
		u.do(t, "restart", old) // hands over to one of the next program
	}
	u.levels(east, oldLevel, nextLevel, nextLevel, oldLevel)
	u.describes(east, "")
	u.do(t, "restart", layout.NodeName(east, 1)) // back
	u.levels(east, oldLevel, oldLevel, nextLevel, oldLevel)
	u.describes(east, "")

	u.next.do(t, "restart", east, "--rolling")
	u.levels(east, nextLevel, nextLevel, nextLevel, nextLevel)
	u.describes(east, nextMark)
	u.refusesOld(layout.NodeName(east, 3))

	u.levels(west, oldLevel, oldLevel, oldLevel, oldLevel)
	u.bothWays(east, west)
	u.bothWays(west, east)
	u.describes(west, "")

	u.next.do(t, "restart", west, "--rolling")
	u.levels(west, nextLevel, nextLevel, nextLevel, nextLevel)
	u.describes(west, nextMark)
	load()
	u.next.do(t, "lag", "--wait-converged", "--timeout", "60s")
	u.next.do(t, "verify")
	u.next.do(t, "verify", "--invariants")
}

func newUpgrade(t *testing.T) *upgrade {
	next := filepath.Join(t.TempDir(), "meridian-next")
	ok(t, build(next, "-tags", "nextlevel"))
	port, err := clustertest.FreePort(2, nodes)
	ok(t, err)
	c := &cluster{data: filepath.Join(t.TempDir(), "cluster"), port: port}
	u := &upgrade{cluster: c, t: t, next: &cluster{data: c.data, port: port, by: next}}
	t.Cleanup(func() {
		if t.Failed() {
			c.explain(t)
		}
		c.purge()
	})
	c.do(t, "up", "--detach", "--port", strconv.Itoa(port), "--regions", east+","+west, "--nodes", strconv.Itoa(nodes))
	return u
}

// load has both Regions used as applications use them, with the SDK's own retries, until the function that it returns is
// called. No call may fail.
func (u *upgrade) load() (halt func()) {
	stop := make(chan struct{})
	var running sync.WaitGroup
	var calls atomic.Int64
	for _, region := range []string{east, west} {
		key := createKey(u.t, u.client(region), false)
		blob := encrypt(u.t, u.client(region), key, "all the while", nil)
		use := func(call func(*kms.Client) error) {
			running.Go(func() {
				for client := u.usual(region); open(stop); calls.Add(1) {
					if err := call(client); err != nil && u.t.Context().Err() == nil {
						u.t.Errorf("%s: a call failed in spite of the SDK's retries: %v", region, err)
						return
					}
				}
			})
		}
		use(func(client *kms.Client) error {
			_, err := client.UpdateKeyDescription(u.t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: &key, Description: aws.String(unique("load"))})
			return err
		})
		use(func(client *kms.Client) error {
			_, err := client.Decrypt(u.t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
			return err
		})
	}
	halt = sync.OnceFunc(func() {
		close(stop)
		running.Wait()
		u.t.Logf("%d calls under the upgrade, none failed: %t", calls.Load(), !u.t.Failed())
	})
	u.t.Cleanup(halt)
	return halt
}

// region is what status says of a Region.
func (u *upgrade) region(name string) regionStatus {
	u.t.Helper()
	var s struct {
		Regions []regionStatus `json:"regions"`
	}
	parse(u.t, u.do(u.t, "status", "-o", "json"), &s)
	i := slices.IndexFunc(s.Regions, func(r regionStatus) bool { return r.Region == name })
	return s.Regions[i]
}

// levels waits until a Region has a feature level, and its nodes know those that follow.
func (u *upgrade) levels(region string, level uint32, known ...uint32) {
	u.t.Helper()
	eventually(u.t, 30*time.Second, fmt.Sprintf("%s has level %d", region, level), func() error {
		r := u.region(region)
		var says []uint32
		for _, n := range r.Nodes {
			says = append(says, n.Knows)
		}
		if r.Level != level || !slices.Equal(says, known) {
			return fmt.Errorf("it has %d, its nodes know %v", r.Level, says)
		}
		return nil
	})
}

// describes changes a description, at every node's door, and requires what the level makes of it.
func (u *upgrade) describes(region, mark string) {
	u.t.Helper()
	client := u.usual(region)
	key := createKey(u.t, client, false)
	for range 3 {
		text := unique("text")
		_, err := client.UpdateKeyDescription(u.t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: &key, Description: &text})
		ok(u.t, err)
		m, err := describe(u.t, client, key)
		ok(u.t, err)
		if *m.Description != text+mark {
			u.t.Errorf("%s: the description is %q, want %q", region, *m.Description, text+mark)
		}
	}
}

// refusesOld starts a node with the old program, which says why it cannot, and then with the right one.
func (u *upgrade) refusesOld(node string) {
	u.t.Helper()
	u.do(u.t, "stop", node)
	_, err := u.run("start", node)
	var says string
	if err != nil {
		says = err.Error()
	}
	if !strings.Contains(says, fmt.Sprintf("feature level %d, this program knows %d", nextLevel, oldLevel)) || !strings.Contains(says, "with the program that the other nodes of "+layout.RegionOf(node)+" run") {
		u.t.Errorf("%s with the old program: %v", node, err)
	}
	u.next.do(u.t, "start", node)
}

// bothWays makes a multi-Region key in one Region, gives the other a replica and then the primary role, and rotates it
// there.
func (u *upgrade) bothWays(from, to string) {
	u.t.Helper()
	key := createKey(u.t, u.patient(from), true)
	blob := encrypt(u.t, u.patient(from), key, "over there", nil)
	_, err := u.patient(from).ReplicateKey(u.t.Context(), &kms.ReplicateKeyInput{KeyId: &key, ReplicaRegion: &to})
	ok(u.t, err)
	awaitState(u.t, u.patient(to), key, types.KeyStateEnabled)
	decrypt(u.t, u.patient(to), blob, nil)
	u.next.do(u.t, "lag", "--wait-converged", "--timeout", "60s") // the primary's Region knows that the replica is there
	_, err = u.patient(from).UpdatePrimaryRegion(u.t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: &key, PrimaryRegion: &to})
	ok(u.t, err)
	eventually(u.t, 45*time.Second, "the primary is in "+to, func() error {
		for _, region := range []string{from, to} {
			m, err := describe(u.t, u.patient(region), key)
			if err != nil {
				return err
			}
			if m.KeyState != types.KeyStateEnabled || *m.MultiRegionConfiguration.PrimaryKey.Region != to {
				return errors.New(region + " does not know yet")
			}
		}
		return nil
	})
	before, err := describe(u.t, u.patient(to), key)
	ok(u.t, err)
	_, err = u.patient(to).RotateKeyOnDemand(u.t.Context(), &kms.RotateKeyOnDemandInput{KeyId: &key})
	ok(u.t, err)
	eventually(u.t, 45*time.Second, from+" has the new material", func() error {
		m, err := describe(u.t, u.patient(from), key)
		if err == nil && aws.ToString(m.CurrentKeyMaterialId) == aws.ToString(before.CurrentKeyMaterialId) {
			err = errors.New("it has the old one")
		}
		return err
	})
	decrypt(u.t, u.patient(to), encrypt(u.t, u.patient(from), key, "and back", nil), nil)
}
