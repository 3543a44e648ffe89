package keystore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/keyengine/canonical"
)

// TestVerify: a store as it should be has no problems; each single wrong row is found, and named.
func TestVerify(t *testing.T) {
	set := func(key, value []byte) func(db *pebble.DB) error {
		return func(db *pebble.DB) error { return db.Set(key, value, pebble.Sync) }
	}
	del := func(key []byte) func(db *pebble.DB) error {
		return func(db *pebble.DB) error { return db.Delete(key, pebble.Sync) }
	}
	change := func(key []byte, how func(value []byte) []byte) func(db *pebble.DB) error {
		return func(db *pebble.DB) error {
			v, closer, err := db.Get(key)
			if err != nil {
				return err
			}
			v = how(bytes.Clone(v))
			return errors.Join(closer.Close(), db.Set(key, v, pebble.Sync))
		}
	}
	stored := func(how func(*Stored)) func([]byte) []byte {
		return func(v []byte) []byte {
			e, err := decodeStored(eventKey(2), v)
			if err != nil {
				t.Fatal(err)
			}
			how(&e)
			return canonical.Marshal(e)
		}
	}
	meta := func(how func(*Meta)) func([]byte) []byte {
		return func(v []byte) []byte {
			m, err := decodeMeta(v)
			if err != nil {
				t.Fatal(err)
			}
			how(&m)
			return m.encode()
		}
	}
	otherRecord, _, _ := logtest.Counters{}.Split(logtest.AddTo(1, "z"))
	for _, c := range []struct {
		what   string
		spoil  func(db *pebble.DB) error
		chain  bool
		naming string // part of a problem; empty: none
	}{
		{"nothing", func(*pebble.DB) error { return nil }, true, ""},
		{"counter changed", set([]byte("k/b"), []byte{0, 0, 0, 0, 0, 0, 0, 9}), true, `row "k/b" differs`},
		{"counter removed", del([]byte("k/b")), true, `row "k/b" is missing`},
		{"counter from nowhere", set([]byte("k/z"), []byte{1}), true, `row "k/z" is not from the event log`},
		{"index row removed", del([]byte("o/b")), true, `row "o/b" is missing`},
		{"index row from nowhere", set([]byte("o/z"), nil), true, `row "o/z" is not from the event log`},
		{"secret removed", del(SecretKey(logtest.SecretID("s"))), true, "is missing"},
		{"secret from nowhere", set(SecretKey(logtest.SecretID("z")), nil), true, "is demanded by no key"},
		{"record removed", del(eventKey(2)), false, "record 3 follows record 1"},
		{"last record removed", del(eventKey(5)), false, "the event log ends at record 4, the state at 5"},
		{"record changed", change(eventKey(2), stored(func(e *Stored) { e.Record = otherRecord })), false, "the chain breaks at record 2"},
		{"record unreadable", change(eventKey(2), stored(func(e *Stored) { e.Record = []byte{0xff} })), false, "record 2: "},
		{"digest on the way changed", change(eventKey(2), stored(func(e *Stored) { e.Digest[0]++ })), true, "record 2 leads to digest"},
		{"digest changed", change(metaKey(), meta(func(m *Meta) { m.Digest[0]++ })), true, "the node kept"},
		{"head changed", change(metaKey(), meta(func(m *Meta) { m.Chain[0]++ })), false, "head of the chain differs"},
		{"position changed", change(metaKey(), meta(func(m *Meta) { m.Seq++ })), true, "the event log ends at record 5, the state at 6"},
	} {
		fs := vfs.NewMem()
		s, err := Open(config(fs))
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range [][]eventlog.Event{
			{logtest.Event(logtest.Add, "a")},
			{logtest.Event(logtest.Add, "b"), logtest.Event(logtest.Add, "a")},
			{logtest.Event(logtest.Drop, "a")},
			{logtest.Event(logtest.Demand, "s")},
			{logtest.Event(logtest.Add, "c")},
		} {
			s.Apply([]eventlog.Entry{{
				Index: uint64(i + 1), Term: 1,
				Data: logtest.Entry(1, 0, e, secretsOf(e)...),
			}})
		}
		if err := errors.Join(s.Checkpoint("copy"), s.Close()); err != nil {
			t.Fatal(err)
		}
		db, err := pebble.Open("copy/gen-000001", &pebble.Options{FS: fs, Logger: quiet{}})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.spoil(db), db.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(fs, "copy", logtest.Counters{})
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		found := strings.Join(r.Problems, "; ")
		if r.ChainOK != c.chain || r.OK() != (c.naming == "") || !strings.Contains(found, c.naming) {
			t.Errorf("%s: chain %v, problems %q, want %v, %q", c.what, r.ChainOK, found, c.chain, c.naming)
		}
		if r, err := Verify(fs, "state", logtest.Counters{}); err != nil || !r.OK() || r.Digest != r.Stored || r.Meta.Seq != 5 {
			t.Errorf("%s: the original: %+v, %v", c.what, r, err)
		}
	}
}

func secretsOf(events []eventlog.Event) (list []eventlog.Secret) {
	for _, e := range events {
		if e.Type == logtest.Demand {
			list = append(list, eventlog.Secret{ID: logtest.SecretID("s"), Leaf: 1, Wrapped: []byte("w")})
		}
	}
	return list
}

// TestVerifyNothing: a folder without a state is an error, not a clean report.
func TestVerifyNothing(t *testing.T) {
	fs := vfs.NewMem()
	if _, err := Verify(fs, "state", logtest.Counters{}); err == nil {
		t.Error("verified nothing")
	}
}

// TestForms: the bytes that are chained, summed and stored. A change here is a change of Format.
func TestForms(t *testing.T) {
	chain := ChainNext(ChainStart("cluster", "us-east-1", 1), []byte("record"))
	var d Digest
	d.Add([]byte("k/a"), []byte("1"))
	one := d
	d.Add([]byte("k/b"), []byte("2"))
	d.Sub([]byte("k/a"), []byte("1"))
	d.Add([]byte("k/a"), []byte("1"))
	d.Sub([]byte("k/b"), []byte("2"))
	if d != one {
		t.Errorf("digest %s, want %s", d, one)
	}
	m := Meta{ClusterID: "c", Region: "r", Life: 1, Index: 2, Term: 3, Seq: 4, At: 5, Chain: chain, Digest: one}
	e := Stored{Seq: 4, Index: 2, Term: 3, Chain: chain, Digest: one, Record: []byte("record")}
	for what, got := range map[string][]byte{ // chain and digest were computed by another program, too
		"chain": chain[:], "digest": one[:], "meta": m.encode(), "event": canonical.Marshal(e), "key": eventKey(4),
	} {
		if got, want := hex.EncodeToString(got), golden(what); got != want {
			t.Errorf("%s is %s, want %s", what, got, want)
		}
	}
}

func golden(what string) string {
	const (
		chain  = "45cec2d854b1f35a2daf7565f3438303c449a2b2684971eace01b19469536687"
		digest = "becdfc412922f652f40ae88c62e06d94a87050d705e6006ac3700baee7bfa75b"
	)
	return map[string]string{
		"chain":  chain,
		"digest": digest,
		"key":    "652f0000000000000004",
		"meta":   "01a901616302617203010402050306040705085820" + chain + "095820" + digest,
		"event":  "a501020203035820" + chain + "045820" + digest + "05467265636f7264",
	}[what]
}
