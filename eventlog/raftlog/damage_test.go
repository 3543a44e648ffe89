package raftlog_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog/logtest"
	"meridian/eventlog/raftlog"
	"meridian/region/keystore"
)

// onFiles is a node alone in its Region whose log lies on real files.
type onFiles struct {
	state *keystore.Store
	log   *raftlog.Log
}

func openOnFiles(t *testing.T, dir string, state vfs.FS) (n onFiles, err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil { // what would have ended the process
			err = fmt.Errorf("fatal: %v", p)
		}
		if err != nil && n.state != nil {
			n.state.Close()
		}
	}()
	n.state, err = keystore.Open(keystore.Config{
		Dir: "state", FS: state, ClusterID: "c", Region: "r", Domain: logtest.Counters{},
		Fatal: func(err error) { panic(err) }, MemTableBytes: 64 << 10, CacheBytes: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.log, err = raftlog.Open(raftlog.Config{
		Dir: dir, ID: "n1", Addr: "n1", Transport: logtest.NewNetwork(nil).Transport("n1"), StateMachine: n.state, Bootstrap: members(1),
		Timeouts:  raftlog.Timeouts{Heartbeat: 20 * time.Millisecond, Election: 20 * time.Millisecond, Lease: 20 * time.Millisecond},
		Snapshots: raftlog.Snapshots{Trailing: 20},
		Fatal:     func(err error) { panic(err) },
	})
	return n, err
}

func (n onFiles) lead(t *testing.T) {
	t.Helper()
	watch, late := n.log.Watch(), time.After(20*time.Second)
	for {
		select {
		case l := <-watch:
			if l.Leader {
				return
			}
		case <-late:
			t.Fatal("no leader")
		}
	}
}

func (n onFiles) close(t *testing.T) {
	t.Helper()
	if err := n.log.Close(); err != nil {
		t.Error(err)
	}
	if err := n.state.Close(); err != nil {
		t.Error(err)
	}
}

// TestDamage: one bit flipped, a byte overwritten, a page wiped or the end cut off, anywhere in any file of the log's
// folder. The node refuses to start and says so in one line, or it has all that it had.
func TestDamage(t *testing.T) {
	dir, state := t.TempDir(), vfs.NewMem()
	n, err := openOnFiles(t, dir, state)
	if err != nil {
		t.Fatal(err)
	}
	n.lead(t)
	for i := range 120 {
		if i == 60 {
			if err := n.log.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := n.log.Append(t.Context(), logtest.AddTo(n.log.Leadership().Term, strings.Repeat("x", 100), "a")); err != nil {
			t.Fatal(err)
		}
	}
	want := n.state.Meta()
	n.close(t)

	files := filesIn(t, dir)
	refused, harmless := map[string]int{}, map[string]int{}
	for seed := range seeds(t, 150) {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		copied := filepath.Join(t.TempDir(), "raft")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		name := files[seed%len(files)]
		what := spoilFile(t, filepath.Join(copied, name), r)
		// Every other node lost its state too, and has to rely on the log and the snapshot.
		kept, rest := vfs.NewMem(), seed%2 == 0
		if rest {
			copyTree(t, state, kept, "state")
		}
		n, err := openOnFiles(t, copied, kept)
		if err != nil {
			refused[filepath.Base(name)]++
			if text := err.Error(); strings.Contains(text, "\n") || text == "" {
				t.Errorf("seed %d: %s, %s: more than one line: %s", seed, name, what, text)
			}
			continue
		}
		harmless[filepath.Base(name)]++
		n.lead(t)
		if err := n.log.Snapshot(t.Context()); err != nil {
			t.Errorf("seed %d: %s, %s: snapshot: %v", seed, name, what, err)
		}
		if got := n.state.Meta(); got.Seq != want.Seq || got.Chain != want.Chain || got.Digest != want.Digest {
			t.Errorf("seed %d: %s, %s: started at %d, want %d", seed, name, what, got.Seq, want.Seq)
		}
		n.close(t)
	}
	t.Logf("refused %v, harmless %v", refused, harmless)
	for _, name := range files {
		if refused[filepath.Base(name)] == 0 {
			t.Errorf("no damage to %s was noticed", name)
		}
	}
}

func filesIn(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// spoilFile damages a file somewhere and says how.
func spoilFile(t *testing.T, path string, r *rand.Rand) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		t.Fatalf("%s: %d bytes, %v", path, len(b), err)
	}
	at := r.IntN(len(b))
	what := ""
	switch r.IntN(8) {
	case 0:
		b, what = b[:at], fmt.Sprintf("cut off at %d", at)
	case 1:
		what = fmt.Sprintf("page at %d wiped", at&^4095)
		clear(b[at&^4095 : min(len(b), at&^4095+4096)])
	case 2:
		what = fmt.Sprintf("byte %d overwritten", at)
		b[at] ^= byte(1 + r.IntN(255))
	default:
		bit := r.IntN(8)
		what = fmt.Sprintf("bit %d of byte %d flipped", bit, at)
		b[at] ^= 1 << bit
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return what
}
