package keystore

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
)

// stream is a snapshot of a store as bytes.
func stream(t testing.TB, s *Store) []byte {
	t.Helper()
	n, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Release()
	var b bytes.Buffer
	if wrote, err := n.WriteTo(&b); err != nil || wrote != int64(b.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", wrote, b.Len(), err)
	}
	return b.Bytes()
}

// filled is a store with a history in it.
func filled(t testing.TB, fs vfs.FS, seed uint64, n int) *Store {
	t.Helper()
	s := open(t, fs)
	s.Apply(history(seed, n))
	return s
}

// TestRestore: a restored store is the one that the snapshot was made of, it goes on like it, and
// who was reading the old one reads on undisturbed.
func TestRestore(t *testing.T) {
	entries := history(5, 300)
	from := open(t, vfs.NewMem())
	from.Apply(entries[:200])
	snap := stream(t, from)
	if err := from.Check(bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewMem()
	told := 0
	c := config(fs)
	c.OnApply = func(ch Change) {
		if ch.All {
			told++
		}
	}
	to, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	to.Apply(entries[:50])
	old := to.View()
	before := dump(old)
	if err := to.Restore(bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	if told != 1 || to.Meta() != from.Meta() || !maps.Equal(dump(to), dump(from)) {
		t.Fatalf("told %d times; restored %+v, want %+v", told, to.Meta(), from.Meta())
	}
	if !maps.Equal(dump(old), before) {
		t.Error("an old view changed")
	}
	old.Close()
	from.Apply(entries[200:])
	to.Apply(entries[150:])
	if to.Meta() != from.Meta() {
		t.Errorf("went on to %+v, want %+v", to.Meta(), from.Meta())
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, fs)
	if again.Meta() != from.Meta() {
		t.Errorf("opened at %+v, want %+v", again.Meta(), from.Meta())
	}
	if names := generations(t, fs); len(names) != 1 {
		t.Errorf("generations left: %q", names)
	}
}

func generations(t testing.TB, fs vfs.FS) (names []string) {
	t.Helper()
	all, err := fs.List("state")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if strings.HasPrefix(name, generationTag) {
			names = append(names, name)
		}
	}
	return names
}

// TestRestoreContained: a snapshot of a state that this one grew out of changes nothing, as at every
// start after a crash; one of another history replaces it even if it is shorter.
func TestRestoreContained(t *testing.T) {
	entries := history(6, 100)
	s := open(t, vfs.NewMem())
	empty := stream(t, s)
	s.Apply(entries[:60])
	early := stream(t, s)
	s.Apply(entries[60:])
	at := s.Meta()
	gen := s.current.Load()
	for _, snap := range [][]byte{empty, early, stream(t, s)} {
		if err := s.Restore(bytes.NewReader(snap)); err != nil || s.Meta() != at || s.current.Load() != gen {
			t.Errorf("restored a state that was there: %v", err)
		}
	}
	other := filled(t, vfs.NewMem(), 7, 60)
	if err := s.Restore(bytes.NewReader(stream(t, other))); err != nil || s.Meta() != other.Meta() {
		t.Errorf("restored another history: %v, at %+v", err, s.Meta())
	}
}

// TestRestoreRefuses: no damaged, shortened, lengthened or foreign snapshot changes anything.
func TestRestoreRefuses(t *testing.T) {
	snap := stream(t, filled(t, vfs.NewMem(), 8, 60))
	foreign := func(change func(*Config)) []byte {
		c := config(vfs.NewMem())
		change(&c)
		s := openWith(t, c)
		s.Apply(history(8, 60))
		return stream(t, s)
	}
	type bad struct {
		what string
		snap []byte
	}
	list := []bad{
		{"empty", nil},
		{"longer", append(bytes.Clone(snap), 0)},
		{"twice", append(bytes.Clone(snap), snap...)},
		{"other cluster", foreign(func(c *Config) { c.ClusterID = "other" })},
		{"other region", foreign(func(c *Config) { c.Region = "eu-west-1" })},
	}
	r := rand.New(rand.NewPCG(9, 9))
	for range 150 {
		flipped := bytes.Clone(snap)
		flipped[r.IntN(len(snap))] ^= 1 << r.IntN(8)
		list = append(list, bad{"flipped", flipped}, bad{"cut", snap[:r.IntN(len(snap))]})
	}
	fs := vfs.NewMem()
	s := filled(t, fs, 10, 20)
	before, rowsBefore := s.Meta(), dump(s)
	for _, b := range list {
		if err := s.Check(bytes.NewReader(b.snap)); err == nil {
			t.Errorf("%s: checked", b.what)
		}
		if err := s.Restore(bytes.NewReader(b.snap)); err == nil {
			t.Errorf("%s: restored", b.what)
		}
	}
	if s.Meta() != before || !maps.Equal(dump(s), rowsBefore) || len(generations(t, fs)) != 1 {
		t.Errorf("changed to %+v, generations %q", s.Meta(), generations(t, fs))
	}
}

// TestSnapshotLies: a snapshot whose frames and sums are right, but whose rows are not what its header
// says of them, is refused too: its maker's own state was wrong.
func TestSnapshotLies(t *testing.T) {
	s := filled(t, vfs.NewMem(), 11, 60)
	v := s.View()
	defer v.Close()
	lie := func(m Meta, change func(key, value []byte) (bool, []byte)) []byte {
		var b bytes.Buffer
		w, err := newStreamWriter(&b, m, 1)
		for k, value := range v.Scan(nil, nil) {
			keep, value := change(k, bytes.Clone(value))
			if keep && has(carried, k) {
				err = errors.Join(err, w.row(k, value))
			}
		}
		if err := errors.Join(err, w.end()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	truth := func(_, value []byte) (bool, []byte) { return true, value }
	longer, otherDigest := v.Meta(), v.Meta()
	longer.Seq++
	otherDigest.Digest[0]++
	to := open(t, vfs.NewMem())
	for what, snap := range map[string][]byte{
		"a counter is wrong": lie(v.Meta(), func(k, value []byte) (bool, []byte) {
			if string(k) == "k/all" {
				value[7]++
			}
			return true, value
		}),
		"a row is missing":    lie(v.Meta(), func(k, value []byte) (bool, []byte) { return string(k) != "k/all", value }),
		"a record is missing": lie(v.Meta(), func(k, value []byte) (bool, []byte) { return !bytes.Equal(k, eventKey(5)), value }),
		"a record is another": lie(v.Meta(), func(k, value []byte) (bool, []byte) {
			if bytes.Equal(k, eventKey(5)) {
				value[len(value)-1] ^= 1
			}
			return true, value
		}),
		"the head is further": lie(longer, truth),
		"the digest differs":  lie(otherDigest, truth),
	} {
		if err := to.Restore(bytes.NewReader(snap)); err == nil || to.Meta().Seq != 0 {
			t.Errorf("%s: restored", what)
		}
	}
	if err := to.Restore(bytes.NewReader(lie(v.Meta(), truth))); err != nil {
		t.Errorf("the truth: %v", err)
	}
}

// TestSnapshotIsDurable: when a snapshot has been written, a power loss does not take the state behind
// it, although applying syncs nothing.
func TestSnapshotIsDurable(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs)
	for _, e := range history(12, 50) { // a batch that fills the memtable would be written at once
		s.Apply([]eventlog.Entry{e})
	}
	n, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Release()
	lost := open(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	if lost.Applied().Index >= s.Applied().Index {
		t.Fatal("nothing is lost without a snapshot: this test shows nothing")
	}
	if _, err := n.WriteTo(&bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if kept := open(t, fs.CrashClone(vfs.CrashCloneCfg{})); kept.Meta() != s.Meta() {
		t.Errorf("after power loss at %+v, snapshot of %+v", kept.Meta(), s.Meta())
	}
}

// TestPowerLossInRestore: the power goes at any step of a restore; the store opens as the old or the
// new one, whole.
func TestPowerLossInRestore(t *testing.T) {
	from := filled(t, vfs.NewMem(), 13, 100)
	snap := stream(t, from)
	olds, news := 0, 0
	for step, done := 0, false; !done; step++ {
		mem := vfs.NewCrashableMem()
		var (
			crashed *vfs.MemFS
			at      = -1
			ops     = 0
		)
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if at >= 0 {
				if ops++; ops == at+1 && crashed == nil {
					crashed = mem.CrashClone(vfs.CrashCloneCfg{
						UnsyncedDataPercent: step % 101, RNG: rand.New(rand.NewPCG(uint64(step), 1)),
					})
				}
			}
			return nil
		}))
		s := open(t, fs)
		s.Apply(history(14, 30))
		if _, err := (&snapshot{s.View(), s.cfg.Domain}).WriteTo(&bytes.Buffer{}); err != nil { // durable
			t.Fatal(err)
		}
		old := s.Meta()
		at = step
		if err := s.Restore(bytes.NewReader(snap)); err != nil {
			t.Fatal(err)
		}
		at = -1
		if done = crashed == nil; done { // the restore has fewer steps: after the last
			crashed = mem.CrashClone(vfs.CrashCloneCfg{})
		}
		c := open(t, crashed)
		switch c.Meta() {
		case old:
			olds++
		case from.Meta():
			news++
		default:
			t.Errorf("step %d: opened at %+v", step, c.Meta())
		}
		if d := recomputed(c); d != c.Meta().Digest {
			t.Errorf("step %d: digest %s, rows have %s", step, c.Meta().Digest, d)
		}
	}
	if olds == 0 || news == 0 {
		t.Errorf("%d old, %d new stores: the steps do not cover the change", olds, news)
	}
}

// FuzzRestore: no stream makes a store panic, take what it should not, or change when it refuses.
func FuzzRestore(f *testing.F) {
	snap := stream(f, filled(f, vfs.NewMem(), 15, 30))
	f.Add(snap)
	f.Add(snap[:len(snap)/2])
	f.Add(stream(f, open(f, vfs.NewMem())))
	f.Add([]byte(streamMagic + "\x01H\xff\xff\xff\xff"))
	s := open(f, vfs.NewMem())
	f.Fuzz(func(t *testing.T, b []byte) {
		before := s.Meta()
		checked := s.Check(bytes.NewReader(b))
		if err := s.Restore(bytes.NewReader(b)); err != nil && s.Meta() != before {
			t.Errorf("refused and changed: %v", err)
		} else if err == nil && checked == nil && recomputed(s) != s.Meta().Digest {
			t.Error("took rows that are not what the header says")
		}
	})
}

// FuzzRows: the decoders of what lies on the disk.
func FuzzRows(f *testing.F) {
	s := filled(f, vfs.NewMem(), 16, 5)
	f.Add(eventKey(1), s.Meta().encode())
	v, _ := s.Get(eventKey(1))
	f.Add(eventKey(1), v)
	f.Add([]byte("e/"), []byte("meridian-state 1 gen-000001\n"))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if m, err := decodeMeta(value); err == nil && !bytes.Equal(m.encode()[1:], value[1:]) {
			t.Errorf("meta %x is not in its one form", value)
		}
		if _, err := decodeStored(key, value); err == nil && len(key) != 10 {
			t.Errorf("key %x taken for an event's", key)
		}
		if name, err := parseCurrent(string(value)); err == nil && strings.ContainsAny(name, "/\\.") {
			t.Errorf("CURRENT leads to %q", name)
		}
	})
}

var _ eventlog.Snapshot = (*snapshot)(nil)

var _ Domain = logtest.Counters{}
