package keystore

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/keyengine/rows"
)

// taking is Counters whose first counters are taken out now and then.
type taking struct{ logtest.Counters }

func (d taking) Evolve(w rows.Writer, seq uint64, r *eventlog.Record) error {
	if err := d.Counters.Evolve(w, seq, r); err != nil || seq%5 < 2 {
		return err
	}
	var first [][]byte
	for key := range w.Scan([]byte("k/"), nil) {
		if first = append(first, bytes.Clone(key)); len(first) > int(seq%3) {
			break
		}
	}
	for _, key := range first {
		if seq%4 > 0 {
			w.Delete(key)
		}
	}
	return nil
}

// remembering is taking in a store that remembers where its first counter is.
type remembering struct{ taking }

func (remembering) Queue() []byte { return []byte("k/") }

// TestFront: where a store remembers the front of its queue, every record makes the same rows as where it does not, and
// who reads sees the same, and so does a replay; whatever is put before the front, in whatever batches, over starts and restores.
func TestFront(t *testing.T) {
	moved := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		entries := history(seed+100, 200)
		plain, quick := config(vfs.NewMem()), config(vfs.NewMem())
		plain.Domain, quick.Domain = taking{}, remembering{}
		want, got := openWith(t, plain), openWith(t, quick)
		for len(entries) > 0 {
			n := 1 + r.IntN(min(len(entries), 9))
			want.Apply(entries[:n])
			got.Apply(entries[:n])
			if got.Meta() != want.Meta() {
				t.Fatalf("seed %d: %+v, want %+v", seed, got.Meta(), want.Meta())
			}
			if !slices.Equal(keysOf(got), keysOf(want)) {
				t.Fatalf("seed %d: after record %d it reads %q, want %q", seed, want.Meta().Seq, keysOf(got), keysOf(want))
			}
			if at := got.current.Load().front.at.Load(); at != nil && !bytes.Equal(*at, []byte("k/")) {
				moved++
			}
			entries = entries[n:]
			if r.IntN(20) == 0 { // another node, that begins with a snapshot
				c := config(vfs.NewMem())
				c.Domain = remembering{}
				next := openWith(t, c)
				if err := next.Restore(bytes.NewReader(stream(t, got))); err != nil {
					t.Fatal(err)
				}
				got = next
			}
		}
		if err := got.Checkpoint("copy"); err != nil {
			t.Fatal(err)
		}
		if r, err := Verify(got.cfg.FS, "copy", remembering{}); err != nil || !r.OK() || r.Meta != want.Meta() {
			t.Fatalf("seed %d: a replay finds %v, %+v", seed, err, r)
		}
	}
	if moved == 0 {
		t.Error("no front was ever remembered")
	}
}

func keysOf(r rows.Reader) (keys []string) {
	for key := range r.Scan([]byte("k/"), nil) {
		keys = append(keys, string(key))
	}
	return keys
}
