package keystore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
)

// TestStorageFails: the first write or read that fails ends the process, and no call returns as if
// all were well after it.
func TestStorageFails(t *testing.T) {
	writes := []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData}
	full := append(writes[:3:3], errorfs.OpCreate)
	for _, c := range []struct {
		what  string
		kinds []errorfs.OpKind
		err   error
		use   func(s *Store)
	}{
		{"disk full", full, syscall.ENOSPC, applyMuch},
		{"write error", writes, syscall.EIO, applyMuch},
		{"read error", []errorfs.OpKind{errorfs.OpFileRead, errorfs.OpFileReadAt}, syscall.EIO, func(s *Store) { dump(s) }},
	} {
		var failing atomic.Bool
		mem := vfs.NewMem()
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if failing.Load() && slices.Contains(c.kinds, op.Kind) {
				return c.err
			}
			return nil
		}))
		reasons := make(chan error, 1)
		cfg := config(fs)
		cfg.Fatal = func(err error) {
			reasons <- err
			select {} // as os.Exit would, never return; the goroutine stays until the tests end
		}
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 400 { // enough that rows are in tables
			s.Apply([]eventlog.Entry{{Index: uint64(i + 1), Term: 1, Data: logtest.AddTo(1, fmt.Sprint("row", i))}})
		}
		g := s.acquire()
		if err := g.db.Flush(); err != nil {
			t.Fatal(err)
		}
		s.cache.Unref() // give the reads no way around the disk
		s.cache = pebble.NewCache(0)
		failing.Store(true)
		returned := make(chan bool, 1)
		go func() {
			c.use(s)
			returned <- true
		}()
		select {
		case err := <-reasons:
			if !errors.Is(err, c.err) {
				t.Errorf("%s: fatal %v", c.what, err)
			}
		case <-returned:
			t.Errorf("%s: nobody noticed", c.what)
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nobody noticed", c.what)
		}
	}
}

// applyMuch writes until somebody stops it.
func applyMuch(s *Store) {
	from := s.Applied().Index
	for i := range uint64(100_000) {
		s.Apply([]eventlog.Entry{{Index: from + i + 1, Term: 1, Data: logtest.AddTo(1, strings.Repeat("x", 1000))}})
	}
}

// TestPowerLoss: what a power loss leaves of an unsynced store is an earlier state of it, whole; with
// the log applied again it is the store that never crashed.
func TestPowerLoss(t *testing.T) {
	entries := history(20, 300)
	whole := open(t, vfs.NewMem())
	whole.Apply(entries)
	behind := 0
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 4))
		fs := vfs.NewCrashableMem()
		for at := 0; at < len(entries); {
			s, err := Open(config(fs))
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if d := recomputed(s); d != s.Meta().Digest {
				t.Fatalf("seed %d: digest %s, rows have %s", seed, s.Meta().Digest, d)
			}
			applied := s.Applied().Index
			back := slices.IndexFunc(entries, func(e eventlog.Entry) bool { return e.Index > applied })
			if back < at {
				behind++
			}
			at = min(len(entries), at+20+r.IntN(60))
			apply(s, entries[back:at], r)
			crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			fs = crashed
		}
		s := open(t, fs)
		s.Apply(entries)
		if s.Meta() != whole.Meta() {
			t.Errorf("seed %d: %+v, want %+v", seed, s.Meta(), whole.Meta())
		}
	}
	if behind == 0 {
		t.Error("no power loss took anything")
	}
}

// BenchmarkApply: one record of two counters in a batch of its own.
func BenchmarkApply(b *testing.B) {
	c := config(nil)
	c.Dir, c.MemTableBytes = b.TempDir()+"/state", 0
	s := openWith(b, c)
	entry := logtest.AddTo(1, "a", "b")
	b.ReportAllocs()
	var index uint64
	for b.Loop() {
		index++
		s.Apply([]eventlog.Entry{{Index: index, Term: 1, Data: entry}})
	}
}

// BenchmarkGet: one row by key.
func BenchmarkGet(b *testing.B) {
	s := filled(b, vfs.NewMem(), 1, 400)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Get([]byte("k/all")); !ok {
			b.Fatal("row is gone")
		}
	}
}
