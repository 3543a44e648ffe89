package region_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"meridian/eventlog"
	"meridian/region"
	"meridian/region/keystore"
)

// TestSizes measures a Region as it grows on real files: half of its keys have an alias and a tenth a grant. What does a
// call cost that makes a key; how large is a snapshot, how long does it take and what does it cost those who write
// meanwhile; how long until a node is there again, from its own files and from a snapshot alone; how much memory does
// each take. The last snapshot is kept on request, for `meridian restore` to make a real Region of. No time is asserted. What is held: writes go on while the snapshot is written, and it leads to the same
// state.
func TestSizes(t *testing.T) {
	counts := []string{"1000"}
	if s := os.Getenv("MERIDIAN_SNAPSHOT_KEYS"); s != "" {
		counts = strings.Split(s, ",")
	}
	dir := t.TempDir()
	c := newCrowd(t, filepath.Join(dir, "state"))
	for _, count := range counts {
		n, err := strconv.Atoi(count)
		if err != nil || n < c.keys {
			t.Fatalf("%q is no number of keys, or there are %d already", count, c.keys)
		}
		filled := clocked(func() { c.grow(n) })
		t.Logf("filled up in %v: %s", filled.Round(time.Second), measureSize(t, c, dir))
	}
	if to := os.Getenv("MERIDIAN_SNAPSHOT_KEEP"); to != "" {
		c.keep(filepath.Join(dir, "snapshot"), to)
	}
	c.close()
	if os.Getenv("MERIDIAN_SNAPSHOT_KEYS") != "" {
		return // the log of a million keys takes minutes to be replayed
	}
	report, err := keystore.Verify(nil, filepath.Join(dir, "state"), region.Domain{Place: place})
	if err != nil || !report.OK() {
		t.Errorf("the crowd is not as its log says: %+v, %v", report, err)
	}
}

// measureSize says what c costs at its present size.
func measureSize(t *testing.T, c *crowd, dir string) string {
	quiet := c.writes(func(i int) bool { return i < 500 })
	path, done := filepath.Join(dir, "snapshot"), make(chan int64)
	largest := peakMemory()
	snap, err := c.store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	at, keys, began := c.store.Meta(), c.keys, time.Now()
	var took time.Duration
	go func() {
		size := saveSnapshot(t, path, snap)
		took = time.Since(began)
		done <- size
	}()
	var size int64
	beside := c.writes(func(int) bool {
		select {
		case size = <-done:
			return false
		default:
			return true
		}
	})
	memory := largest()
	snap.Release()
	if c.store.Meta().Seq == at.Seq {
		t.Errorf("%d keys: nothing was written beside the snapshot", keys)
	}
	disk := c.store.Stats().DiskBytes
	c.close()
	restored := restoreSnapshot(t, crowdConfig(filepath.Join(dir, "new")), path, at)
	opened := measured(c.open)
	return fmt.Sprintf("%d keys, %d records, %d MiB on disk; CreateKey p50 %v p99 %v; "+
		"snapshot of %d MiB written in %v with at most %d MiB of memory, checked in %v with %d, restored in %v with %d; start from local files %v with %d; "+
		"a write is applied in p50 %v p99 %v worst %v of %d, beside the snapshot p50 %v p99 %v worst %v of %d (p99 × %.1f)",
		keys, at.Seq, disk>>20, quiet.creating.at(0.5), quiet.creating.at(0.99),
		size>>20, rounded(took), memory, rounded(restored[0].took), restored[0].memory, rounded(restored[1].took), restored[1].memory, rounded(opened.took), opened.memory,
		quiet.applying.at(0.5), quiet.applying.at(0.99), quiet.applying.at(1), len(quiet.applying),
		beside.applying.at(0.5), beside.applying.at(0.99), beside.applying.at(1), len(beside.applying),
		float64(beside.applying.at(0.99))/float64(quiet.applying.at(0.99)))
}

type latencies []time.Duration

// at is a quantile of sorted latencies.
func (l latencies) at(q float64) time.Duration {
	return l[min(len(l)-1, int(q*float64(len(l))))].Round(time.Microsecond)
}

func openStore(t *testing.T, c keystore.Config) *keystore.Store {
	t.Helper()
	s, err := keystore.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t *testing.T, s *keystore.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func saveSnapshot(t *testing.T, path string, snap eventlog.Snapshot) int64 {
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

// step is what something took.
type step struct {
	took   time.Duration
	memory int64 // MiB
}

func measured(f func()) (s step) {
	largest := peakMemory()
	s.took = clocked(f)
	s.memory = largest()
	return s
}

// restoreSnapshot does with a snapshot what a node does that is sent one: it checks it, then takes it.
func restoreSnapshot(t *testing.T, c keystore.Config, path string, want keystore.Meta) (steps [2]step) {
	t.Helper()
	defer os.RemoveAll(c.Dir)
	s := openStore(t, c)
	defer closeStore(t, s)
	for i, take := range []func(io.Reader) error{s.Check, s.Restore} {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		steps[i] = measured(func() { err = take(file) })
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if s.Meta() != want {
		t.Errorf("restored to %+v, want %+v", s.Meta(), want)
	}
	return steps
}

// peakMemory begins to look at how much memory the process has, as the kernel counts it, and returns what says how
// much it was at most, in MiB; 0 where the kernel does not tell.
func peakMemory() func() int64 {
	debug.FreeOSMemory()                                      // what was measured before is over
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // without it the peak is the whole test's
	return func() int64 {
		status, _ := os.ReadFile("/proc/self/status")
		m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
		if m == nil {
			return 0
		}
		kib, _ := strconv.ParseInt(string(m[1]), 10, 64) // digits
		return kib >> 10
	}
}

func rounded(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

func clocked(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}
