package keystore

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
)

// TestSizes measures a store of that many rows on real files: how long a snapshot takes and what it costs those who
// apply beside it, how long a start takes from the local state, and from the snapshot alone. It asserts no time; what
// it does hold is that records go on being applied while the snapshot is written, and that it restores to the same.
func TestSizes(t *testing.T) {
	counts := []int{10_000}
	if s := os.Getenv("MERIDIAN_SNAPSHOT_ROWS"); s != "" {
		counts = nil
		for field := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			counts = append(counts, n)
		}
	}
	for _, n := range counts {
		measure(t, n)
	}
}

func measure(t *testing.T, n int) {
	t.Helper()
	dir := t.TempDir()
	cfg := func(name string) Config {
		c := config(vfs.Default)
		c.Dir, c.MemTableBytes, c.CacheBytes = filepath.Join(dir, name), 0, 0
		return c
	}
	s, err := Open(cfg("state"))
	if err != nil {
		t.Fatal(err)
	}
	index := uint64(0)
	next := func() eventlog.Entry {
		index++
		return eventlog.Entry{Index: index, Term: 1, Data: logtest.AddTo(1, fmt.Sprintf("%0200d", index))}
	}
	for int(index) < n {
		batch := make([]eventlog.Entry, 0, 100)
		for range 100 {
			batch = append(batch, next())
		}
		s.Apply(batch)
	}
	alone := latencies(s, next, time.After(200*time.Millisecond), nil)
	path := filepath.Join(dir, "snapshot")
	began := time.Now()
	done := make(chan struct{})
	var size int64
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	at := s.Meta()
	go func() {
		defer close(done)
		size = save(t, path, snap)
	}()
	beside := latencies(s, next, nil, done)
	took := time.Since(began)
	snap.Release()
	if s.Meta().Seq == at.Seq || len(beside) == 0 {
		t.Errorf("%d rows: nothing was applied while the snapshot was written", n)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opened := clocked(func() { s, err = Open(cfg("state")) })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	restored := clocked(func() { restoreFrom(t, cfg("new"), path, at) })
	t.Logf("%d rows: snapshot of %.1f MiB in %v; apply median %v worst %v, beside the snapshot %v and %v; start from local state %v, from the snapshot %v; memory %d MiB",
		n, float64(size)/(1<<20), took.Round(time.Millisecond), alone[len(alone)/2].Round(time.Microsecond), alone[len(alone)-1].Round(time.Microsecond),
		beside[len(beside)/2].Round(time.Microsecond), beside[len(beside)-1].Round(time.Microsecond),
		opened.Round(time.Millisecond), restored.Round(time.Millisecond), memory.Sys>>20)
}

// latencies applies one record at a time until one of the two ends it, at least one, and returns how long each took,
// sorted.
func latencies(s *Store, next func() eventlog.Entry, late <-chan time.Time, done <-chan struct{}) []time.Duration {
	var took []time.Duration
	for {
		e := next()
		took = append(took, clocked(func() { s.Apply([]eventlog.Entry{e}) }))
		select {
		case <-late:
		case <-done:
		default:
			continue
		}
		slices.Sort(took)
		return took
	}
}

func save(t *testing.T, path string, snap eventlog.Snapshot) int64 {
	f, err := os.Create(path)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer f.Close()
	size, err := snap.WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Error(err)
	}
	return size
}

func restoreFrom(t *testing.T, c Config, path string, want Meta) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(io.Reader(f)); err != nil {
		t.Fatal(err)
	}
	if s.Meta() != want {
		t.Errorf("restored to %+v, want %+v", s.Meta(), want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func clocked(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}
