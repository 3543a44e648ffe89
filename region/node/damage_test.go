package node_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/layout"
	"meridian/keyengine"
	"meridian/region"
	"meridian/region/keystore"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

// TestDamage: a bit flipped, a byte overwritten, a page wiped, the end cut off or all of it gone, in any file of a node's
// folder: its name, its keys, its state, its log, its snapshots. The node does not start or stops, with one line; or it
// has, row for row, what it had, and its event log leads there; or the place was not read yet, and cannot be.
func TestDamage(t *testing.T) {
	const name = "us-east-1/1"
	seeds := 48
	if s := os.Getenv("MERIDIAN_CRASH_SEEDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		seeds = n
	}
	c := nodetest.NewWith(t, func(c *node.Config) { c.Snapshots.Threshold, c.Snapshots.Interval = 16, 20*time.Millisecond }, 1, "us-east-1")
	c.Ready()
	made := 0
	c.Eventually("there are snapshots, and what comes after", func() bool {
		if _, err := c.Client(name).CreateKey(t.Context(), &kms.CreateKeyInput{Description: new(fmt.Sprint("key ", made))}); err != nil {
			t.Fatal(err)
		}
		made++
		found, _ := filepath.Glob(filepath.Join(c.Dir.Node(name).Raft(), "snapshots", "*-*[0-9]")) // the pattern is right
		return made > 40 && len(found) > 1
	})
	c.Stop(name)
	c.File.Transport, c.File.Regions[0].Bootstrapped = layout.TransportHTTP, true
	n := &c.File.Regions[0].Nodes[0] // of nodes that stopped some keep their ports
	n.KMS, n.Internal, n.NATS = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	if err := layout.WriteCluster(c.Dir, &c.File); err != nil {
		t.Fatal(err)
	}
	want, err := keystore.Verify(nil, c.Dir.Node(name).State(), domain())
	if err != nil || !want.OK() {
		t.Fatal(want, err)
	}

	files := slices.DeleteFunc(pathsUnder(t, string(c.Dir)), func(path string) bool { return !spoilable.MatchString(path) })
	refused, unread, harmless := map[string]int{}, map[string]int{}, map[string]int{}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(uint64(seed), 17))
		path := files[seed%len(files)]
		kind, _ := kindOf(path)
		copied := copyOf(t, c)
		how := spoil(t, filepath.Join(string(copied.Dir), path), r)
		err := runOnce(t, copied, name)
		if err != nil {
			refused[kind.path]++
			if text := err.Error(); strings.Contains(text, "\n") || !strings.Contains(text, name) && !strings.Contains(text, "fatal") {
				t.Errorf("seed %d: %s, %s: it says: %s", seed, path, how, text)
			}
			continue
		}
		got, err := keystore.Verify(nil, copied.Dir.Node(name).State(), domain())
		if err != nil && strings.Contains(err.Error(), "checksum mismatch") { // nobody has read the place yet; who does will not get past it
			unread[kind.path]++
			continue
		}
		harmless[kind.path]++
		if err != nil || !got.OK() || got.Meta.Seq < want.Meta.Seq || got.Meta.Seq == want.Meta.Seq && got.Meta.Digest != want.Meta.Digest {
			t.Errorf("seed %d: %s, %s: it started, and had %+v (%v), want %+v", seed, path, how, got, err, want)
		}
	}
	t.Logf("%d files damaged; refused %v, noticed when read %v, harmless %v", seeds, refused, unread, harmless)
}

// spoilable are the files that a node reads to know who it is and what it has.
var spoilable = regexp.MustCompile(`/(node.json|root.key|keystore|CURRENT|.*\.sst|.*\.log|MANIFEST.*|marker.*|raft.db|state.bin|meta.json)$`)

func domain() keystore.Domain {
	return region.Domain{Place: keyengine.Place{Partition: "aws", Region: "us-east-1"}}
}

// copyOf is a cluster that does not run, with a folder of its own.
func copyOf(t *testing.T, c *nodetest.Cluster) *nodetest.Cluster {
	t.Helper()
	copied := *c
	copied.Dir = layout.Dir(t.TempDir())
	if err := os.CopyFS(string(copied.Dir), os.DirFS(string(c.Dir))); err != nil {
		t.Fatal(err)
	}
	for _, path := range pathsUnder(t, string(copied.Dir)) { // copies can be read by others
		if err := os.Chmod(filepath.Join(string(copied.Dir), path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &copied
}

// runOnce starts a node, waits until it answers for its Region and stops it. What would have ended its process is an
// error.
func runOnce(t *testing.T, c *nodetest.Cluster, name string) error {
	t.Helper()
	config, err := node.Load(c.Dir, name, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	over := make(chan error, 2)
	config.Fatal = func(err error) {
		over <- fmt.Errorf("fatal: %w", err)
		select {} // as os.Exit would, never return; what the node has stays until the tests end
	}
	go func() {
		n, err := node.Start(config)
		if err != nil {
			over <- err
			return
		}
		for deadline := time.After(30 * time.Second); !n.Status().Ready; {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-deadline:
				err = errors.New("it started and never became ready")
				over <- err
				return
			}
		}
		n.Close()
		over <- nil
	}()
	return <-over
}

// spoil damages a file somewhere and says how.
func spoil(t *testing.T, path string, r *rand.Rand) (how string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kind := r.IntN(8)
	if kind == 0 || len(b) == 0 {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return "gone"
	}
	at := r.IntN(len(b))
	switch kind {
	case 1:
		b, how = b[:at], fmt.Sprintf("cut off at %d of %d", at, len(b))
	case 2:
		clear(b[at&^4095 : min(len(b), at&^4095+4096)])
		how = fmt.Sprintf("page at %d of %d wiped", at&^4095, len(b))
	case 3:
		b[at] ^= byte(1 + r.IntN(255))
		how = fmt.Sprintf("byte %d of %d overwritten", at, len(b))
	default:
		bit := r.IntN(8)
		b[at] ^= 1 << bit
		how = fmt.Sprintf("bit %d of byte %d of %d flipped", bit, at, len(b))
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return how
}
