package keystore

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
)

// TestDamage: one bit flipped, a byte overwritten, a page wiped, the end cut off or all of it gone, in any file of the
// store: tables, write-ahead log, MANIFEST, OPTIONS, markers, CURRENT. The store does not open, or ends the process when
// the place is read, each time with one line; or it is, row for row, what it was after some entry, and the log brings the
// rest. It is never anything else.
func TestDamage(t *testing.T) {
	seeds := 130
	if s := os.Getenv("MERIDIAN_CRASH_SEEDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		seeds = n
	}
	entries := history(31, 400)
	for _, c := range []struct {
		what   string
		closed bool
	}{{"a store that was closed", true}, {"a store whose process was killed", false}} {
		fs := worn(t, entries, c.closed)
		files := filesUnder(t, fs, "state")
		tally := map[string]*[2]int{} // refused or stopped, harmless
		for seed := range seeds {
			r := rand.New(rand.NewPCG(uint64(seed), 31))
			name := files[seed%len(files)]
			copied := vfs.NewMem()
			copyFiles(t, fs, copied, files)
			how := spoil(t, copied, name, r)
			kind := kindOf(name)
			if tally[kind] == nil {
				tally[kind] = new([2]int)
			}
			got, err := readAll(copied)
			if err != nil {
				tally[kind][0]++
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("%s, seed %d: %s, %s: more than one line: %v", c.what, seed, name, how, err)
				}
				continue
			}
			tally[kind][1]++
			if want := after(t, entries, got.meta); !maps.Equal(got.rows, want) {
				t.Errorf("%s, seed %d: %s, %s: it opened at record %d with %d rows, which are not those after it, %d",
					c.what, seed, name, how, got.meta.Seq, len(got.rows), len(want))
			}
		}
		for _, kind := range slices.Sorted(maps.Keys(tally)) {
			t.Logf("%s: %s: refused %d, harmless %d", c.what, kind, tally[kind][0], tally[kind][1])
			if tally[kind][0] == 0 && kind != "LOCK" && kind != "OPTIONS" && kind != ".log" {
				t.Errorf("%s: no damage to %s was noticed", c.what, kind)
			}
		}
	}
}

// TestHole: a MANIFEST that ends early forgets tables, and what the write-ahead log has of later records is put on those
// that it still knows. That is noticed by the records between them, which are missing.
func TestHole(t *testing.T) {
	entries := history(32, 250)
	disk := vfs.NewCrashableMem()
	s := open(t, disk)
	for _, part := range [][]eventlog.Entry{entries[:100], entries[100:200], entries[200:]} {
		s.Apply(part)
		if len(part) == 100 {
			if err := s.current.Load().db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	fs := killed(disk)
	files := filesUnder(t, fs, "state")
	manifest := files[slices.IndexFunc(files, func(path string) bool { return kindOf(path) == "MANIFEST" })]
	whole := contentsOf(t, fs, manifest)
	holes := 0
	for n := 0; n < len(whole); n += 3 {
		copied := vfs.NewMem()
		copyFiles(t, fs, copied, files)
		rewriteFile(t, copied, manifest, whole[:n])
		switch got, err := readAll(copied); {
		case err != nil && strings.Contains(err.Error(), "damaged: record"):
			holes++
		case err == nil && !maps.Equal(got.rows, after(t, entries, got.meta)):
			t.Errorf("with the first %d of %d bytes of its MANIFEST the store opened at record %d with other rows", n, len(whole), got.meta.Seq)
		}
	}
	if holes == 0 {
		t.Error("no cut made a hole: the test does not test what it should")
	}
}

// worn is a store that has lived: tables of several flushes, merged ones among them, and a write-ahead log that is in no
// table yet.
func worn(t *testing.T, entries []eventlog.Entry, closed bool) vfs.FS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	s, err := Open(config(disk))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(entries); i += 10 {
		s.Apply(entries[i : i+10])
		if i%60 == 50 {
			if err := s.current.Load().db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if i == 200 {
			if err := s.current.Load().db.Compact(t.Context(), []byte("a"), []byte("z"), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	left := killed(disk)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if closed {
		left = killed(disk)
	}
	return left
}

// killed is what is on a disk at one moment, all that was written to it.
func killed(disk *vfs.MemFS) *vfs.MemFS {
	return disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

// contents is all that a store holds.
type contents struct {
	meta Meta
	rows map[string]string
}

// readAll opens a store and reads every row of it. What would have ended the process is an error.
func readAll(fs vfs.FS) (contents, error) {
	type outcome struct {
		contents
		err error
	}
	over := make(chan outcome, 2)
	c := config(fs)
	c.Fatal = func(err error) {
		over <- outcome{err: err}
		select {} // as os.Exit would, never return; the goroutine stays until the tests end
	}
	go func() {
		s, err := Open(c)
		if err != nil {
			over <- outcome{err: err}
			return
		}
		got := contents{s.Meta(), dump(s)}
		over <- outcome{got, s.Close()}
	}()
	o := <-over
	return o.contents, o.err
}

// after is what a store holds that applied all entries up to a position and nothing else.
func after(t *testing.T, entries []eventlog.Entry, m Meta) map[string]string {
	t.Helper()
	s := open(t, vfs.NewMem())
	s.Apply(slices.DeleteFunc(slices.Clone(entries), func(e eventlog.Entry) bool { return e.Index > m.Index }))
	if s.Meta() != m {
		t.Errorf("position %+v, want %+v", m, s.Meta())
	}
	return dump(s)
}

// kindOf is what a file of the store is called without its numbers.
func kindOf(path string) string {
	base := path[strings.LastIndexByte(path, '/')+1:]
	if dot := strings.IndexByte(base, '.'); dot > 0 && base[0] >= '0' && base[0] <= '9' {
		return base[dot:]
	}
	kind, _, _ := strings.Cut(base, "-")
	if strings.HasPrefix(kind, "marker.") {
		kind = strings.Join(strings.Split(kind, ".")[:2], ".")
	}
	return kind
}

func filesUnder(t *testing.T, fs vfs.FS, dir string) (files []string) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			files = append(files, filesUnder(t, fs, path)...)
		} else {
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return files
}

func copyFiles(t *testing.T, from, to vfs.FS, files []string) {
	t.Helper()
	for _, path := range files {
		rewriteFile(t, to, path, contentsOf(t, from, path))
	}
}

func contentsOf(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rewriteFile(t *testing.T, fs vfs.FS, path string, b []byte) {
	t.Helper()
	err := fs.MkdirAll(fs.PathDir(path), 0o700)
	var f vfs.File
	if err == nil {
		f, err = fs.Create(path, vfs.WriteCategoryUnspecified)
	}
	if err == nil {
		_, err = f.Write(b)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// spoil damages a file somewhere and says how.
func spoil(t *testing.T, fs vfs.FS, path string, r *rand.Rand) (how string) {
	t.Helper()
	b := contentsOf(t, fs, path)
	kind := r.IntN(8)
	if kind == 0 || len(b) == 0 {
		if err := fs.Remove(path); err != nil {
			t.Fatal(err)
		}
		return "gone"
	}
	at := r.IntN(len(b))
	switch kind {
	case 1:
		b, how = b[:at], fmt.Sprintf("cut off at %d of %d", at, len(b))
	case 2:
		clear(b[at&^511 : min(len(b), at&^511+512)])
		how = fmt.Sprintf("sector at %d of %d wiped", at&^511, len(b))
	case 3:
		b[at] ^= byte(1 + r.IntN(255))
		how = fmt.Sprintf("byte %d of %d overwritten", at, len(b))
	default:
		bit := r.IntN(8)
		b[at] ^= 1 << bit
		how = fmt.Sprintf("bit %d of byte %d of %d flipped", bit, at, len(b))
	}
	rewriteFile(t, fs, path, b)
	return how
}
