package region_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"meridian/eventlog"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive/builtin"
	"meridian/region"
	"meridian/region/keystore"
)

// TestSizes measures a Region of that many keys on real files: each was made by the engine as a caller's is, half of
// them have an alias and a tenth a grant. How large is a snapshot, how long does it take and what does it cost those
// who write meanwhile; how long until a node is there again, from its own files and from a snapshot alone. No time is
// asserted. What is held: writes go on while the snapshot is written, and it leads to the same state.
func TestSizes(t *testing.T) {
	counts := []string{"1000"}
	if s := os.Getenv("MERIDIAN_SNAPSHOT_KEYS"); s != "" {
		counts = strings.Split(s, ",")
	}
	for _, count := range counts {
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(measureSnapshot(t, n))
	}
}

func measureSnapshot(t *testing.T, n int) string {
	dir := t.TempDir()
	config := func(name string) keystore.Config {
		return keystore.Config{
			Dir: filepath.Join(dir, name), ClusterID: "cluster", Region: place.Region, Domain: region.Domain{Place: place},
			Fatal: func(err error) { panic(err) },
		}
	}
	c := newCrowd(t, config("state"))
	made := clocked(func() {
		for range n {
			c.one()
		}
	})
	quiet := c.writes(func(i int) bool { return i < 2000 })
	largest := peakMemory()

	path, done := filepath.Join(dir, "snapshot"), make(chan int64)
	snap, err := c.store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	at, began := c.store.Meta(), time.Now()
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
		t.Errorf("%d keys: nothing was written beside the snapshot", n)
	}
	if err := c.store.Close(); err != nil {
		t.Fatal(err)
	}
	opened := clocked(func() { closeStore(t, openStore(t, config("state"))) })
	checked, restored := restoreSnapshot(t, config("new"), path, at)
	return fmt.Sprintf("%d keys, made in %v: snapshot of %.1f MiB written in %v, checked in %v, restored in %v; start from local files %v; "+
		"a write is applied in p50 %v p99 %v worst %v of %d, beside the snapshot p50 %v p99 %v worst %v of %d (p99 × %.1f); memory at most %d MiB, restoring %d MiB",
		n, made.Round(time.Second), float64(size)/(1<<20), rounded(took), rounded(checked.took), rounded(restored.took), rounded(opened),
		quiet.at(0.5), quiet.at(0.99), quiet.at(1), len(quiet), beside.at(0.5), beside.at(0.99), beside.at(1), len(beside),
		float64(beside.at(0.99))/float64(quiet.at(0.99)), memory, max(checked.memory, restored.memory))
}

// crowd is a Region of one node whose callers make keys. Its log is the test's: an entry is in it when it is applied.
type crowd struct {
	t      *testing.T
	store  *keystore.Store
	region region.Still
	index  uint64
	took   latencies // of the applies since it was emptied
	keys   int
	now    time.Time
}

func newCrowd(t *testing.T, config keystore.Config) *crowd {
	c := &crowd{t: t, store: openStore(t, config), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	ring, err := keyring.New("cluster", place.Region, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.region = region.NewStill(region.Config{
		Place: place, Regions: []string{place.Region}, Node: place.Region + "/1", Nodes: 1, Store: keystore.Reads{Store: c.store},
		Log: appliedAtOnce{crowd: c}, Ring: ring, Primitives: builtin.Set(), Random: rand.Reader, Wall: func() time.Time { return c.now },
		Logger: slog.New(slog.DiscardHandler),
	}, func() bool { return false })
	return c
}

// one makes a key and what goes with it: in Region time fifty a second, so that replies are forgotten as they are in a
// Region that is used.
func (c *crowd) one() {
	i := c.keys
	c.keys, c.now = i+1, c.now.Add(20*time.Millisecond)
	out := c.call("CreateKey", fmt.Sprintf(`{"Description": "key %d of a crowd", "Tags": [{"TagKey": "team", "TagValue": "t%d"}]}`, i, i%100))
	id := *out.(*kmsapi.CreateKeyResponse).KeyMetadata.KeyId
	if i%2 == 0 {
		c.call("CreateAlias", fmt.Sprintf(`{"AliasName": "alias/crowd/%d", "TargetKeyId": %q}`, i, id))
	}
	if i%10 == 0 {
		c.call("CreateGrant", fmt.Sprintf(`{"KeyId": %q, "GranteePrincipal": "arn:aws:iam::000000000000:root", "Operations": ["Decrypt"]}`, id))
	}
}

func (c *crowd) call(operation, body string) any {
	op, _ := kmsapi.Lookup(operation)
	in := op.New()
	if err := in.UnmarshalJSON([]byte(body)); err != nil {
		c.t.Fatal(err)
	}
	out, err := c.region.Dispatch(c.t.Context(), op, &kmsapi.Call{
		RequestID: fmt.Sprintf("%s-%d", operation, c.keys),
		Caller:    kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", AccessKeyID: "test"},
	}, in)
	if err != nil {
		c.t.Fatalf("%s %s: %v", operation, body, err)
	}
	return out
}

// writes makes keys as long as it is told to go on, one at least, and returns how long each write took to apply.
func (c *crowd) writes(on func(i int) bool) latencies {
	c.took = nil
	for i := 0; i == 0 || on(i); i++ {
		c.one()
	}
	slices.Sort(c.took)
	return c.took
}

// appliedAtOnce is a log of one node that always leads. Of an Append only the apply is measured.
type appliedAtOnce struct {
	eventlog.Log // whatever else there is to ask is not asked
	*crowd
}

// Append implements eventlog.Log.
func (l appliedAtOnce) Append(_ context.Context, entry []byte) (eventlog.Position, error) {
	l.index++
	var results []eventlog.Result
	l.took = append(l.took, clocked(func() {
		results = l.store.Apply([]eventlog.Entry{{Index: l.index, Term: 1, Data: entry}})
	}))
	return eventlog.Position{Term: 1, Index: l.index, Seq: results[0].Seq}, results[0].Err
}

// Leadership implements eventlog.Log.
func (appliedAtOnce) Leadership() eventlog.Leadership {
	return eventlog.Leadership{Leader: true, Term: 1, ID: "n1", Addr: "n1"}
}

// VerifyLeader implements eventlog.Log.
func (appliedAtOnce) VerifyLeader(context.Context) error { return nil }

// Term implements eventlog.Log.
func (appliedAtOnce) Term() uint64 { return 1 }

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

// step is what reading a snapshot cost.
type step struct {
	took   time.Duration
	memory int64 // MiB
}

// restoreSnapshot does with a snapshot what a node does that is sent one.
func restoreSnapshot(t *testing.T, c keystore.Config, path string, want keystore.Meta) (checked, restored step) {
	t.Helper()
	s := openStore(t, c)
	defer closeStore(t, s)
	read := func(what string, f func(*os.File) error) (s step) {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		largest := peakMemory()
		s.took = clocked(func() { err = f(file) })
		s.memory = largest()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return s
	}
	checked = read("check", func(f *os.File) error { return s.Check(f) })
	restored = read("restore", func(f *os.File) error { return s.Restore(f) })
	if s.Meta() != want {
		t.Errorf("restored to %+v, want %+v", s.Meta(), want)
	}
	return checked, restored
}

// peakMemory begins to look at how much memory the process has, as the kernel counts it, and returns what says how
// much it was at most, in MiB; 0 where the kernel does not tell.
func peakMemory() func() int64 {
	runtime.GC()
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
