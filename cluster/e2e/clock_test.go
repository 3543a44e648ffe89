package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/clustertest"
)

// small is a cluster of two Regions of one node, for a test that moves time.
func small(t *testing.T) *cluster {
	t.Helper()
	data, err := os.MkdirTemp("", "meridian-e2e-data-")
	ok(t, err)
	port, err := clustertest.FreePort(2, 1)
	ok(t, err)
	c := &cluster{data: filepath.Join(data, "cluster"), port: port}
	t.Cleanup(c.purge)
	c.do(t, "up", "--detach", "--port", strconv.Itoa(port), "--regions", east+","+west, "--nodes", "1")
	return c
}

// moved is what `clock advance -o json` says, as «Region event».
func moved(t *testing.T, out string) (offset int64, due []string) {
	t.Helper()
	var said struct {
		OffsetSeconds int64 `json:"offsetSeconds"`
		Due           []struct{ Time, Region, Key, Event, What string }
	}
	parse(t, out, &said)
	last := ""
	for _, d := range said.Due {
		if d.Time < last || d.Key == "" || d.What == "" {
			t.Errorf("after %s: %+v", last, d)
		}
		last = d.Time
		due = append(due, d.Region+" "+d.Event)
	}
	return said.OffsetSeconds, due
}

// TestTimeIsMovedAhead deletes a primary and its replica in a second: first what falls due first, a primary's
// waiting only after its last replica. A Region that is down meanwhile is named, and moved when it is back.
func TestTimeIsMovedAhead(t *testing.T) {
	c := small(t)
	us, eu := c.client(east), c.client(west)
	key := createKey(t, us, true)
	c.replicate(t, key, east, west)
	for _, client := range []*kms.Client{us, eu} {
		_, err := client.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
		ok(t, err)
	}

	moving := createKey(t, us, true)
	c.replicate(t, moving, east, west)
	c.do(t, "delay", east, west, "--latency", "200ms")
	eventually(t, 10*time.Second, "the primary knows that the replica is there", func() error {
		_, err := us.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: &moving, PrimaryRegion: aws.String(west)})
		return err
	})

	offset, due := moved(t, c.do(t, "clock", "advance", "6d", "-o", "json"))
	if offset != 6*86400 || !slices.Equal(due, []string{west + " PrimaryTaken"}) {
		t.Errorf("after 6 days: offset %d, due %v, want the hand-off alone", offset, due)
	}
	c.do(t, "heal")
	awaitPrimary(t, c, moving, west, east, west) // its time-out was passed, but it was waited for
	awaitState(t, us, key, types.KeyStatePendingReplicaDeletion)
	awaitState(t, eu, key, types.KeyStatePendingDeletion)
	offset, due = moved(t, c.do(t, "clock", "advance", "9d", "-o", "json"))
	want := []string{west + " KeyDeleted", east + " MemberGone", east + " DeletionScheduled", east + " KeyDeleted"}
	if offset != 15*86400 || strings.Join(due, ", ") != strings.Join(want, ", ") {
		t.Errorf("after 15 days: offset %d, due %v, want %v", offset, due, want)
	}
	for _, client := range []*kms.Client{us, eu} {
		_, err := describe(t, client, key)
		refused(t, err, "NotFoundException")
	}

	c.do(t, "kill", west)
	_, err := c.run("clock", "advance", "1h")
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), west+" could not be reached") {
		t.Errorf("while a Region is down: %v", err)
	}
	c.do(t, "start", west)
	var s struct {
		OffsetSeconds int64
		Regions       []struct {
			Region, Time  string
			OffsetSeconds int64
		}
	}
	parse(t, c.do(t, "clock", "status", "-o", "json"), &s)
	if len(s.Regions) != 2 {
		t.Fatalf("clock status: %+v", s)
	}
	for _, r := range s.Regions {
		if r.OffsetSeconds != 15*86400+3600 || r.OffsetSeconds != s.OffsetSeconds {
			t.Errorf("%s is %d s ahead", r.Region, r.OffsetSeconds)
		}
	}
}
