package keystore

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
)

// rewrite rewrites a snapshot and returns the new one.
func rewrite(t *testing.T, snap []byte, o Origin) (Rewritten, []byte, error) {
	t.Helper()
	o.Domain = logtest.Counters{}
	var out bytes.Buffer
	scratch := filepath.Join(t.TempDir(), "scratch")
	done, err := Rewrite(bytes.NewReader(snap), scratch, o, &out)
	if _, there := os.Stat(scratch); there == nil {
		t.Error("the scratch folder is still there")
	}
	return done, out.Bytes(), err
}

// reopened restores a snapshot into a new store and verifies it.
func reopened(t *testing.T, snap []byte, m Meta) (*Store, Report) {
	t.Helper()
	c := config(vfs.NewMem())
	c.ClusterID = m.ClusterID
	s := openWith(t, c)
	if err := s.Restore(bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	if s.Meta() != m {
		t.Errorf("restored %+v, was told %+v", s.Meta(), m)
	}
	if err := s.Checkpoint("copy"); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(c.FS, "copy", logtest.Counters{})
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

// TestRewrite: another life of the same Region, and another cluster, hold the same rows under a chain of their own; the
// same life of the same cluster keeps its chain.
func TestRewrite(t *testing.T) {
	s := filled(t, vfs.NewMem(), 11, 300)
	snap, was := stream(t, s), s.Meta()
	for _, o := range []Origin{{}, {Life: 7}, {ClusterID: "another"}} {
		done, out, err := rewrite(t, snap, o)
		if err != nil {
			t.Fatal(err)
		}
		m := done.Meta
		if done.From != was || m.Seq != was.Seq || m.Index != was.Index || m.Digest != was.Digest || (m.Chain == was.Chain) != (o.Life+uint64(len(o.ClusterID)) == 0) || len(done.Lost) > 0 {
			t.Errorf("%+v became %+v, lost %d", was, m, len(done.Lost))
		}
		if m.Life != max(o.Life, was.Life) {
			t.Errorf("life %d", m.Life)
		}
		next, report := reopened(t, out, m)
		if !report.OK() {
			t.Errorf("verified: %q", report.Problems)
		}
		if a, b := len(dump(next)), len(dump(s)); a != b {
			t.Errorf("%d rows became %d", b, a)
		}
	}
}

// TestRewriteToAPoint: the state as it was at a record, and at a time.
func TestRewriteToAPoint(t *testing.T) {
	entries := history(12, 300)
	s := open(t, vfs.NewMem())
	s.Apply(entries[:150])
	then := s.Meta()
	s.Apply(entries[150:])
	snap := stream(t, s)
	done, out, err := rewrite(t, snap, Origin{Seq: then.Seq})
	if err != nil {
		t.Fatal(err)
	}
	if done.Meta.Seq != then.Seq || done.Meta.Digest != then.Digest {
		t.Errorf("rewritten to %+v, the state was %+v", done.Meta, then)
	}
	_, report := reopened(t, out, done.Meta)
	for _, p := range report.Problems { // materials that were deleted later are gone, and nothing else is wrong
		if !strings.Contains(p, "is missing") {
			t.Errorf("verified: %s", p)
		}
	}
	if len(report.Problems) != len(done.Lost) || !report.ChainOK {
		t.Errorf("problems %q, but %d materials are lost", report.Problems, len(done.Lost))
	}
	if _, _, err := rewrite(t, snap, Origin{Seq: s.Meta().Seq + 1}); err == nil || !strings.Contains(err.Error(), "it ends with record") {
		t.Errorf("beyond the end: %v", err)
	}
}

// TestRewriteToATime: records carry Region time.
func TestRewriteToATime(t *testing.T) {
	s := open(t, vfs.NewMem())
	s.Apply(timed(10, 20, 20, 35))
	for at, seq := range map[int64]uint64{9: 0, 10: 1, 19: 1, 20: 3, 34: 3, 100: 4} {
		if done, _, err := rewrite(t, stream(t, s), Origin{At: at}); err != nil || done.Meta.Seq != seq {
			t.Errorf("at %d: record %d, %v; want %d", at, done.Meta.Seq, err, seq)
		}
	}
}

// timed is a log of records with these times.
func timed(at ...int64) (entries []eventlog.Entry) {
	for i, ms := range at {
		data := logtest.Entry(1, ms, []eventlog.Event{logtest.Event(logtest.Add, "x")})
		entries = append(entries, eventlog.Entry{Index: uint64(i + 2), Term: 1, Data: data})
	}
	return entries
}

// TestInspectNamesThePlace: whatever byte is wrong, the snapshot is refused, and the frame that holds it is named.
func TestInspectNamesThePlace(t *testing.T) {
	s := filled(t, vfs.NewMem(), 13, 40)
	snap := stream(t, s)
	if m, err := Inspect(bytes.NewReader(snap)); err != nil || m != s.Meta() {
		t.Fatalf("a whole snapshot: %v", err)
	}
	for i := range snap {
		spoiled := bytes.Clone(snap)
		spoiled[i] ^= 0x10
		_, err := Inspect(bytes.NewReader(spoiled))
		if err == nil {
			t.Errorf("byte %d changed unnoticed", i)
		}
		if i == len(snap)-1 && !strings.Contains(err.Error(), "in the frame at byte ") {
			t.Errorf("byte %d: %v", i, err)
		}
		if _, err := Inspect(bytes.NewReader(snap[:i])); err == nil {
			t.Errorf("cut after %d bytes unnoticed", i)
		}
	}
}
