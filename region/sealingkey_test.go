package region_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"meridian/keyengine/keyring"
	"meridian/region"
)

// disks are the key rings of a world's nodes, in memory and on their disks.
type disks struct {
	t     *testing.T
	root  *keyring.Root
	rings [3]*keyring.Ring

	mu     sync.Mutex
	saved  [3][]byte
	broken bool // saving fails
}

func newDisks(t *testing.T) *disks {
	root, err := keyring.CreateRoot(filepath.Join(t.TempDir(), "root.key"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first, err := keyring.New("cluster", place.Region, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &disks{t: t, root: root}
	bytes, err := first.Encode(root, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.rings {
		d.saved[i] = bytes
		d.rings[i] = d.load(i)
	}
	return d
}

// load reads the ring that is on a node's disk.
func (d *disks) load(i int) *keyring.Ring {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := keyring.Decode(d.saved[i], d.root)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func (d *disks) save(i int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return errors.New("the disk is gone")
	}
	bytes, err := d.rings[i].Encode(d.root, rand.Reader)
	if err == nil {
		d.saved[i] = bytes
	}
	return err
}

func (d *disks) world() *world {
	return newWorldIn(d.t, setting{
		place: place, regions: []string{place.Region}, logger: slog.New(slog.DiscardHandler),
		ring: func(i int) *keyring.Ring { return d.rings[i] }, save: d.save,
	})
}

// later moves every wall clock on and has node i lead, which samples them. It must not lead already: a
// leader that loses its term in the middle of something steps down, and might do so in its next term.
func (w *world) later(by time.Duration, i int) {
	w.t.Helper()
	before := w.nodes[i].Now()
	for j := range w.skew {
		w.skew[j].Add(int64(by))
	}
	w.lead(i)
	until(w.t.Context(), func() bool { return w.nodes[i].Now() >= before+by.Milliseconds() })
}

// soon ends where a test should have failed long ago.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// step has a leader look whether a step is due, again until it can decide, and a ring follow.
func (w *world) step(leader int, ring *keyring.Ring, want uint64) {
	until(soon(w.t), func() bool {
		w.nodes[leader].StepSealingKey(w.t.Context())
		return ring.SealingStep() >= want
	})
}

// TestSealingKeysAdvance lets days go by: a step is logged for each, every node's ring follows, in memory
// and on the disk, and what is older than two steps is gone from both.
func TestSealingKeysAdvance(t *testing.T) {
	d := newDisks(t)
	w := d.world()
	w.lead(0)
	w.nodes[0].StepSealingKey(t.Context()) // nothing is logged yet: the Region has no age
	w.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
	steps := func(leader int, want uint64) {
		t.Helper()
		w.step(leader, d.rings[leader], want)
		for i, ring := range d.rings {
			until(soon(t), func() bool { return ring.SealingStep() >= want })
			until(soon(t), func() bool { return d.load(i).SealingStep() >= want })
			if memory, disk := ring.SealingStep(), d.load(i).SealingStep(); memory != want || disk != want {
				t.Errorf("node %d is at step %d, its disk at %d, want %d", i+1, memory, disk, want)
			}
		}
	}
	steps(0, 0)
	if err := w.nodes[0].AdvanceClock(t.Context(), 90*24*time.Hour.Milliseconds()); err != nil {
		t.Fatal(err)
	}
	steps(0, 0) // the Region's time is not the world's
	w.later(25*time.Hour, 1)
	steps(1, 1)
	seq := w.nodes[1].Store.Seq()
	steps(1, 1)
	if w.nodes[1].Store.Seq() != seq {
		t.Error("a step was logged twice")
	}
	w.later(96*time.Hour, 2)
	steps(2, 5)
	for i, memory := range d.rings {
		for _, ring := range []*keyring.Ring{memory, d.load(i)} {
			if _, err := ring.SealingKey(2); !errors.Is(err, keyring.ErrErased) {
				t.Errorf("node %d still has the key of step 2: %v", i+1, err)
			}
			if _, err := ring.SealingKey(3); err != nil {
				t.Errorf("node %d lacks the key of step 3: %v", i+1, err)
			}
		}
	}
}

// TestSealingKeyAfterCrash applies steps and dies before the ring is saved: the ring that is on the disk is
// brought to the same key when the node starts, and then saved.
func TestSealingKeyAfterCrash(t *testing.T) {
	d := newDisks(t)
	w := d.world()
	w.lead(0)
	w.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
	d.mu.Lock()
	d.broken = true
	d.mu.Unlock()
	w.later(121*time.Hour, 1)
	w.step(1, d.rings[2], 5)
	want, err := d.rings[2].SealingKey(5)
	if err != nil {
		t.Fatal(err)
	}
	w.nodes[2].Close()
	if step := d.load(2).SealingStep(); step != 0 {
		t.Fatalf("step %d was saved: nothing is tested", step)
	}

	d.rings[2] = d.load(2)
	d.mu.Lock()
	d.broken = false
	d.mu.Unlock()
	c := w.nodes[2].Config
	c.Ring = d.rings[2]
	again := region.New(c)
	defer again.Close()
	got, err := d.rings[2].SealingKey(5)
	if err != nil || string(got) != string(want) {
		t.Errorf("another key of step 5: %v", err)
	}
	until(soon(t), func() bool { return d.load(2).SealingStep() == 5 })
	if _, err := d.load(2).SealingKey(2); !errors.Is(err, keyring.ErrErased) {
		t.Errorf("the key of step 2 is on the disk: %v", err)
	}
}
