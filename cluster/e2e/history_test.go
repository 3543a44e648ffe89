package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/keyview"
	"meridian/cluster/timeline"
)

// TestWhoKnewWhatWhen plays a story with one key, and looks at it as a person does who studies it: side by side while
// the Regions are cut apart, in the past, and as one history.
func TestWhoKnewWhatWhen(t *testing.T) {
	c := breakable(t)
	us := c.client(east)
	key := createKey(t, us, true)
	c.replicate(t, key, east, west)
	c.do(t, "lag", "--wait-converged")
	before := c.compared(t, "describe", key)
	if len(before.Behind)+len(before.Violations)+before.Differing(keyview.Shared) != 0 {
		t.Errorf("in quiet: %q %q", before.Behind, before.Violations)
	}

	c.do(t, "partition", east, west)
	_, err := us.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: &key})
	ok(t, err)
	cut := c.compared(t, "describe", key, "--all-regions")
	if len(cut.Behind) != 1 || !strings.HasPrefix(cut.Behind[0], west+" is behind "+east) || len(cut.Violations) != 0 {
		t.Errorf("behind a cut: %q %q", cut.Behind, cut.Violations)
	}
	if s := cut.States[slices.Index(regions(), east)]; s.Shared.Pending == "" || len(s.Own.Owes) != 1 || s.Own.Owes[0].To != west {
		t.Errorf("%+v %+v", s.Shared, s.Own)
	}

	c.do(t, "heal")
	c.do(t, "lag", "--wait-converged")
	_, err = us.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: &key, PrimaryRegion: aws.String(west)})
	ok(t, err)
	awaitPrimary(t, c, key, west, east, west)
	c.do(t, "lag", "--wait-converged")

	// The past of each Region is still what it was behind the cut.
	for _, then := range cut.States {
		if !then.Known { // it was never replicated there
			continue
		}
		now := c.compared(t, "describe", key, "--region", then.Region, "--as-of", number(then.Seq))
		if got := now.States[0]; !got.Known || got.Shared.Version != then.Shared.Version || got.Own.State != then.Own.State {
			t.Errorf("%s behind record %d: %+v, it was %+v", then.Region, then.Seq, got.Shared, then.Shared)
		}
	}
	moved := c.compared(t, "diff", key, number(cut.States[0].Seq), "now", "--region", east)
	if i := slices.IndexFunc(moved.Rows, func(r keyview.Row) bool { return r.Name == "role" }); i < 0 || !slices.Equal(moved.Rows[i].Values, []string{"PRIMARY", "REPLICA"}) {
		t.Errorf("%+v", moved.Rows)
	}
	c.inOrder(t, key)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// compared runs a command that compares states of a key.
func (c *cluster) compared(t *testing.T, args ...string) (k keyview.Comparison) {
	t.Helper()
	ok(t, json.Unmarshal([]byte(c.do(t, append(args, "-o", "json")...)), &k))
	return k
}

// inOrder holds the history of a key against what is known of it: each log is in its order, every message comes behind
// the event that wrote it, and every event that came from another Region says from which event there.
func (c *cluster) inOrder(t *testing.T, key string) {
	t.Helper()
	var history []timeline.Entry
	ok(t, json.Unmarshal([]byte(c.do(t, "events", "--key", key, "-o", "json")), &history))
	type place struct {
		region string
		seq    uint64
		i      int
	}
	seen, last, messages := map[place]bool{}, map[string]place{}, 0
	for _, e := range history {
		at, was := place{e.Region, e.Seq, e.I}, last[e.Region]
		if at.seq < was.seq || at.seq == was.seq && at.i <= was.i {
			t.Errorf("%v comes behind %v", at, was)
		}
		if e.From != nil {
			messages++
			if !seen[place{e.From.Region, e.From.Seq, e.From.I}] {
				t.Errorf("%v %s comes before what it came from: %+v", at, e.Text, e.From)
			}
		}
		seen[at], last[e.Region] = true, at
	}
	text := c.do(t, "events", "--key", key)
	for _, what := range []string{"ReplicaCreated 1.1", "RotationStarted", "RotationActivated", "HandoffBegun", "PrimaryTaken 2.1", "▶●"} {
		if !strings.Contains(text, what) {
			t.Errorf("no %s in\n%s", what, text)
		}
	}
	if messages < 8 {
		t.Errorf("%d messages in\n%s", messages, text)
	}
	file := filepath.Join(t.TempDir(), "story.mmd")
	c.do(t, "events", "--key", key, "--export", "mermaid", file)
	if diagram, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(diagram), "sequenceDiagram\n") || strings.Count(string(diagram), "->>") != messages {
		t.Errorf("%v\n%s", err, diagram)
	}
}
