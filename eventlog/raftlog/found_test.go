package raftlog_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/eventlog/raftlog"
	"meridian/region/keystore"
)

// memoryState is a state of counters in memory.
func memoryState(t *testing.T) *keystore.Store {
	t.Helper()
	s, err := keystore.Open(keystore.Config{
		Dir: "state", FS: vfs.NewMem(), ClusterID: "c", Region: "r", Domain: logtest.Counters{},
		Fatal: func(err error) { panic(err) }, MemTableBytes: 64 << 10, CacheBytes: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// leading opens a group of one and waits until it leads.
func leading(t *testing.T, dir, id string, state eventlog.StateMachine) *raftlog.Log {
	t.Helper()
	log, err := raftlog.Open(raftlog.Config{
		Dir: dir, ID: id, Addr: "n1", Transport: logtest.NewNetwork(nil).Transport("n1"), StateMachine: state,
		Timeouts: raftlog.Timeouts{Heartbeat: 20 * time.Millisecond, Election: 20 * time.Millisecond, Lease: 20 * time.Millisecond},
		Fatal:    func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for l := range log.Watch() {
		if l.Leader {
			break
		}
	}
	return log
}

// TestFoundAndReplay: a group begins with a state, at its place in the log, and goes on; what it wrote is replayed
// from its folder into a state that lacks all of it.
func TestFoundAndReplay(t *testing.T) {
	old := memoryState(t)
	for i := range uint64(7) {
		old.Apply([]eventlog.Entry{{Index: 40 + i, Term: 5, Data: logtest.AddTo(5, "a")}})
	}
	snapshot, err := old.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	_, err = snapshot.WriteTo(&b)
	snapshot.Release()
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	f := raftlog.Founding{
		Members: []raftlog.Member{{ID: "n1-new", Addr: "n1", Voter: true}}, At: old.Applied(), Snapshot: bytes.NewReader(b.Bytes()),
	}
	if err := raftlog.Found(dir, "n1-new", f); err != nil {
		t.Fatal(err)
	}
	if err := raftlog.Found(dir, "n1-new", f); err == nil || !strings.Contains(err.Error(), "there is one") {
		t.Errorf("founded twice: %v", err)
	}
	state := memoryState(t)
	log := leading(t, dir, "n1-new", state)
	if at := state.Applied(); at.Seq != 7 || logtest.Count(state, "a") != 7 {
		t.Errorf("it begins at %+v, with %d", at, logtest.Count(state, "a"))
	}
	if term := log.Leadership().Term; term <= 5 {
		t.Errorf("it leads in term %d, the state is of term 5", term)
	}
	for range 5 {
		at, err := log.Append(t.Context(), logtest.AddTo(log.Leadership().Term, "a"))
		if err != nil || at.Index <= 46 {
			t.Fatalf("appended at %+v, %v", at, err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}

	again := memoryState(t)
	if err := raftlog.Replay(dir, again); err != nil {
		t.Fatal(err)
	}
	if again.Meta().Digest != state.Meta().Digest || logtest.Count(again, "a") != 12 {
		t.Errorf("replayed to %+v, the node had %+v", again.Meta(), state.Meta())
	}
	if err := raftlog.Replay(t.TempDir(), memoryState(t)); err == nil {
		t.Error("replayed nothing")
	}
}
