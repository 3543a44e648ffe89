package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/keyengine/rows"
)

func config(fs vfs.FS) Config {
	return Config{
		Dir: "state", FS: fs, ClusterID: "5e8a2a52-8c5d-4a52-9f0e-2f0a3c6f7d11", Region: "us-east-1",
		Domain: logtest.Counters{}, Fatal: func(err error) { panic(fmt.Errorf("fatal: %w", err)) },
		MemTableBytes: 64 << 10, CacheBytes: 1 << 20,
	}
}

func open(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	return openWith(t, config(fs))
}

func openWith(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(c)
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

// history is a random but repeatable log: records that add to, drop and demand, entries of no
// record, and stale records.
func history(seed uint64, n int) []eventlog.Entry {
	r := rand.New(rand.NewPCG(seed, 2))
	var entries []eventlog.Entry
	term := uint64(1)
	secretNames := []string{"red", "green", "blue"}
	demanded := map[string]bool{}
	for i := range n {
		e := eventlog.Entry{Index: uint64(2*i + 3), Term: term} // gaps, as barriers leave them
		name := fmt.Sprintf("counter-%02d", r.IntN(12))
		switch r.IntN(12) {
		case 0:
			term++
			e.Term = term
		case 1:
			e.Data = logtest.AddTo(term+1, name)
		case 2:
			e.Data = logtest.Entry(term, int64(i), []eventlog.Event{logtest.Event(logtest.Drop, name)})
		case 3:
			secret := secretNames[r.IntN(len(secretNames))]
			if demanded[secret] {
				e.Data = logtest.Entry(term, int64(i), []eventlog.Event{logtest.Event(logtest.Forget, secret)})
			} else {
				e.Data = logtest.Entry(term, int64(i), []eventlog.Event{logtest.Event(logtest.Demand, secret)},
					eventlog.Secret{ID: logtest.SecretID(secret), Leaf: uint64(i), Wrapped: []byte("wrapped " + secret)})
			}
			demanded[secret] = !demanded[secret]
		default:
			e.Data = logtest.Entry(term, int64(i), []eventlog.Event{
				logtest.Event(logtest.Add, name), logtest.Event(logtest.Add, "all"),
			})
		}
		entries = append(entries, e)
	}
	return entries
}

// apply applies entries in batches of random size.
func apply(s *Store, entries []eventlog.Entry, r *rand.Rand) (results []eventlog.Result) {
	for len(entries) > 0 {
		n := 1 + r.IntN(min(len(entries), 7))
		results = append(results, s.Apply(entries[:n])...)
		entries = entries[n:]
	}
	return results
}

// dump is every row.
func dump(r rows.Reader) map[string]string {
	all := map[string]string{}
	for k, v := range r.Scan(nil, nil) {
		all[string(k)] = string(v)
	}
	return all
}

func recomputed(r rows.Reader) (d Digest) {
	for k, v := range r.Scan(nil, nil) {
		if has(digested, k) {
			d.Add(k, v)
		}
	}
	return d
}

// TestApply: however a log is cut into batches, and however often a store is closed on the way, the
// rows, the position, the chain and the digest come out the same.
func TestApply(t *testing.T) {
	entries := history(1, 400)
	whole := open(t, vfs.NewMem())
	want := whole.Apply(entries)
	fs := vfs.NewMem()
	r := rand.New(rand.NewPCG(3, 3))
	var got []eventlog.Result
	for at := 0; at < len(entries); {
		s, err := Open(config(fs))
		if err != nil {
			t.Fatal(err)
		}
		back := min(at, r.IntN(5)) // entries below the applied index come again after a restart
		n := min(len(entries), at+40)
		results := apply(s, entries[at-back:n], r)
		got = append(got, results[back:]...)
		at = n
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, fs)
	if !slices.Equal(got, want) {
		t.Error("results differ")
	}
	if s.Meta() != whole.Meta() || !maps.Equal(dump(s), dump(whole)) {
		t.Errorf("stores differ: %+v, %+v", s.Meta(), whole.Meta())
	}
	if d := recomputed(s); d != s.Meta().Digest || d == (Digest{}) {
		t.Errorf("digest %s, recomputed %s", s.Meta().Digest, d)
	}
	stale := 0
	for _, r := range want {
		if errors.Is(r.Err, eventlog.ErrStale) {
			stale++
		}
	}
	if stale == 0 || s.Meta().Seq == 0 || s.Meta().Index != entries[399].Index {
		t.Errorf("%d stale entries, at %+v", stale, s.Meta())
	}
}

// TestApplied: what each kind of entry moves.
func TestApplied(t *testing.T) {
	s := open(t, vfs.NewMem())
	for _, c := range []struct {
		what   string
		entry  eventlog.Entry
		result eventlog.Result
		after  eventlog.Position
	}{
		{"configuration", eventlog.Entry{Index: 1, Term: 1}, eventlog.Result{}, eventlog.Position{Term: 1, Index: 1}},
		{"record", eventlog.Entry{Index: 3, Term: 2, Data: logtest.AddTo(2, "a")}, eventlog.Result{Seq: 1}, eventlog.Position{Term: 2, Index: 3, Seq: 1}},
		{"repeated", eventlog.Entry{Index: 3, Term: 2, Data: logtest.AddTo(2, "a")}, eventlog.Result{Seq: 1}, eventlog.Position{Term: 2, Index: 3, Seq: 1}},
		{"stamp too old", eventlog.Entry{Index: 4, Term: 3, Data: logtest.AddTo(2, "a")}, eventlog.Result{Seq: 1, Err: eventlog.ErrStale}, eventlog.Position{Term: 3, Index: 4, Seq: 1}},
		{"stamp too new", eventlog.Entry{Index: 5, Term: 3, Data: logtest.AddTo(4, "a")}, eventlog.Result{Seq: 1, Err: eventlog.ErrStale}, eventlog.Position{Term: 3, Index: 5, Seq: 1}},
		{"record", eventlog.Entry{Index: 6, Term: 3, Data: logtest.AddTo(3, "a")}, eventlog.Result{Seq: 2}, eventlog.Position{Term: 3, Index: 6, Seq: 2}},
	} {
		got := s.Apply([]eventlog.Entry{c.entry})
		if got[0] != c.result || s.Applied() != c.after {
			t.Errorf("%s: %+v, applied %+v, want %+v, %+v", c.what, got[0], s.Applied(), c.result, c.after)
		}
	}
	if n := logtest.Count(s, "a"); n != 2 {
		t.Errorf("counted %d", n)
	}
	if e, ok := s.Event(2); !ok || e.Index != 6 || e.Term != 3 || e.Chain != s.Meta().Chain || e.Digest != s.Meta().Digest {
		t.Errorf("event row %+v, %v", e, ok)
	}
	if _, ok := s.Event(3); ok {
		t.Error("a record that nobody appended")
	}
}

// TestHalt: an entry that cannot be understood stops the node and leaves no trace.
func TestHalt(t *testing.T) {
	unknown := logtest.Entry(1, 0, []eventlog.Event{logtest.Event(99, "a")})
	for what, e := range map[string]eventlog.Entry{
		"unknown event":  {Index: 2, Term: 1, Data: unknown},
		"no record":      {Index: 2, Term: 1, Data: []byte{0, 0, 0, 9, 1}},
		"not an entry":   {Index: 2, Term: 1, Data: []byte{1}},
		"term goes back": {Index: 2, Term: 0, Data: logtest.AddTo(0, "a")},
	} {
		fs := vfs.NewMem()
		var reason error
		c := config(fs)
		c.Fatal = func(err error) { reason = err }
		s := openWith(t, c)
		s.Apply([]eventlog.Entry{{Index: 1, Term: 1, Data: logtest.AddTo(1, "a")}})
		before, rowsBefore := s.Meta(), dump(s)
		if !panics(func() { s.Apply([]eventlog.Entry{e}) }) {
			t.Errorf("%s: applying went on", what)
		}
		if reason == nil || s.Meta() != before || !maps.Equal(dump(s), rowsBefore) {
			t.Errorf("%s: fatal %v, at %+v", what, reason, s.Meta())
		}
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

// TestReach: the domain cannot write the store's own rows.
func TestReach(t *testing.T) {
	s := open(t, vfs.NewMem())
	g := s.acquire()
	defer g.drop()
	b := s.begin(g)
	defer b.w.b.Close()
	for _, key := range []string{"x/meta", "e/12345678", "", "k", "k/", "z/a", "k/" + strings.Repeat("a", maxKey)} {
		if !panics(func() { b.w.Put([]byte(key), nil) }) || !panics(func() { b.w.Delete([]byte(key)) }) {
			t.Errorf("the domain wrote %.20q", key)
		}
	}
}

// TestOpenRefuses: a store that is not this node's, or not of this time.
func TestOpenRefuses(t *testing.T) {
	newer := func(fs *vfs.MemFS) error { // meta row of the next format
		db, err := pebble.Open("state/gen-000001", &pebble.Options{FS: fs, Logger: quiet{}, FormatMajorVersion: pebble.FormatTableFormatV6})
		if err != nil {
			return err
		}
		return errors.Join(db.Set(metaKey(), []byte{Format + 1, 0xff}, pebble.Sync), db.Close())
	}
	current := func(text string) func(fs *vfs.MemFS) error {
		return func(fs *vfs.MemFS) error {
			f, err := fs.Create("state/CURRENT", vfs.WriteCategoryUnspecified)
			if err != nil {
				return err
			}
			_, err = f.Write([]byte(text))
			return errors.Join(err, f.Close())
		}
	}
	for _, c := range []struct {
		what   string
		spoil  func(fs *vfs.MemFS) error
		change func(c *Config)
		says   string
	}{
		{"other cluster", nil, func(c *Config) { c.ClusterID = "other" }, "belongs to cluster"},
		{"other region", nil, func(c *Config) { c.Region = "eu-west-1" }, "belongs to region"},
		{"newer rows", newer, nil, "newer format: it has format 2, this build reads up to 1"},
		{"newer folder", current("meridian-state 2 gen-000001\n"), nil, "newer format: it has format 2, this build reads up to 1"},
		{"damaged CURRENT", current("meridian"), nil, "CURRENT is damaged"},
		{"CURRENT leads elsewhere", current("meridian-state 1 ../other\n"), nil, "CURRENT is damaged"},
		{"no domain", nil, func(c *Config) { c.Domain = nil }, "are needed"},
		{"no region", nil, func(c *Config) { c.Region = "" }, "are needed"},
	} {
		fs := vfs.NewMem()
		s, err := Open(config(fs))
		if err == nil {
			err = s.Close()
		}
		if err == nil && c.spoil != nil {
			err = c.spoil(fs)
		}
		if err != nil {
			t.Fatal(err)
		}
		cfg := config(fs)
		if c.change != nil {
			c.change(&cfg)
		}
		if s, err := Open(cfg); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.what, err)
			if err == nil {
				s.Close()
			}
		}
	}
}

// TestChange: who listens learns of rows after they can be read and before Applied shows them.
func TestChange(t *testing.T) {
	var (
		s    *Store
		seen []Change
	)
	c := config(vfs.NewMem())
	c.OnApply = func(ch Change) {
		if ch.Last > 0 && logtest.Count(s, "a") == 0 {
			t.Error("told of rows that cannot be read")
		}
		if ch.Last > 0 && s.Applied().Seq >= ch.Last {
			t.Error("told after Applied")
		}
		seen = append(seen, ch)
	}
	s = openWith(t, c)
	s.Apply([]eventlog.Entry{{Index: 1, Term: 1}})
	s.Apply([]eventlog.Entry{
		{Index: 2, Term: 1, Data: logtest.Entry(1, 7, []eventlog.Event{logtest.Event(logtest.Add, "a")})},
		{Index: 3, Term: 1, Data: logtest.Entry(1, 8, []eventlog.Event{logtest.Event(logtest.Demand, "b")}, eventlog.Secret{ID: logtest.SecretID("b")})},
	})
	if len(seen) != 2 || seen[0].First <= seen[0].Last {
		t.Fatalf("changes %+v", seen)
	}
	got := fmt.Sprintf("%d-%d at %d: %s", seen[1].First, seen[1].Last, seen[1].At, bytes.Join(seen[1].Keys, []byte(" ")))
	if want := "1-2 at 8: k/a o/a f/b"; got != want {
		t.Errorf("change %q, want %q", got, want)
	}
}

// TestView: a view does not move, and a scan breaks off where its user does.
func TestView(t *testing.T) {
	s := open(t, vfs.NewMem())
	entries := history(4, 100)
	s.Apply(entries[:50])
	v := s.View()
	defer v.Close()
	before := dump(v)
	s.Apply(entries[50:])
	if !maps.Equal(dump(v), before) || v.Meta().Seq >= s.Meta().Seq {
		t.Error("a view moved")
	}
	n := uint64(0)
	for e := range v.Events(3) {
		if n++; e.Seq != n+2 {
			t.Fatalf("event %d has seq %d", n, e.Seq)
		}
	}
	if n+2 != v.Meta().Seq {
		t.Errorf("%d events from 3, the last is %d", n, v.Meta().Seq)
	}
	var keys []string
	for k := range s.Scan([]byte("k/"), []byte("k/counter-03")) {
		if keys = append(keys, string(k)); len(keys) == 2 {
			break
		}
	}
	if len(keys) != 2 || keys[0] <= "k/counter-03" || keys[1] <= keys[0] {
		t.Errorf("scan after counter-03: %q", keys)
	}
}
