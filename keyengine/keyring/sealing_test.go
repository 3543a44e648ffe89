package keyring_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"pgregory.net/rapid"

	"meridian/keyengine/keyring"
	"meridian/keyengine/primitive/primitivetest"
)

func ExampleSealTo() {
	// The receiving Region announces its public key of step 0.
	ring := exampleRing()
	public, _ := ring.SealingKey(0)

	sealer, enc, _ := keyring.SealTo(public, []byte("us-east-1 eu-west-1"))
	sealed, _ := sealer.Seal([]byte("key 1"), []byte("material"))

	opener, _ := ring.OpenFrom(0, enc, []byte("us-east-1 eu-west-1"))
	plaintext, err := opener.Open([]byte("key 1"), sealed)
	fmt.Println(string(plaintext), err)

	// Three steps later nobody can open it any more.
	_ = ring.AdvanceTo(3)
	_, err = ring.OpenFrom(0, enc, []byte("us-east-1 eu-west-1"))
	fmt.Println(err)
	// Output:
	// material <nil>
	// step 0: sealing key is erased
}

func TestSealing(t *testing.T) {
	ring, other := newRing(t, "eu-west-1", 1), newRing(t, "eu-west-1", 2)
	public, err := ring.SealingKey(0)
	if err != nil {
		t.Fatal(err)
	}
	info, aad := []byte("info"), []byte("aad")
	sealer, enc, err := keyring.SealTo(public, info)
	if err != nil {
		t.Fatal(err)
	}
	var sealed [][]byte
	for i := range 3 {
		s, err := sealer.Seal(aad, fmt.Appendf(nil, "material %d", i))
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, s)
	}
	opens := func(what string, r *keyring.Ring, step uint64, enc, info, aad, sealed []byte) {
		t.Helper()
		o, err := r.OpenFrom(step, enc, info)
		if err == nil {
			_, err = o.Open(aad, sealed)
		}
		if !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("%s: %v", what, err)
		}
	}
	opens("other ring", other, 0, enc, info, aad, sealed[0])
	opens("other step", ring, 1, enc, info, aad, sealed[0])
	opens("other info", ring, 0, enc, []byte("inf"), aad, sealed[0])
	opens("other aad", ring, 0, enc, info, []byte("aaa"), sealed[0])
	opens("out of order", ring, 0, enc, info, aad, sealed[1])
	opens("no enc", ring, 0, nil, info, aad, sealed[0])
	opens("cut enc", ring, 0, enc[:len(enc)-1], info, aad, sealed[0])
	opens("nothing sealed", ring, 0, enc, info, aad, nil)
	for i := range sealed[0] {
		changed := bytes.Clone(sealed[0])
		changed[i] ^= 1
		opens(fmt.Sprintf("byte %d changed", i), ring, 0, enc, info, aad, changed)
	}
	o, err := ring.OpenFrom(0, enc, info)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range sealed {
		if _, err := o.Open(aad, []byte("not sealed by anybody")); !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("%v", err)
		}
		if got, err := o.Open(aad, s); err != nil || string(got) != fmt.Sprintf("material %d", i) {
			t.Errorf("message %d: %q, %v", i, got, err)
		}
	}
	for _, public := range [][]byte{nil, {1}, public[1:], append(bytes.Clone(public), 0)} {
		if _, _, err := keyring.SealTo(public, info); !errors.Is(err, keyring.ErrSealingKey) {
			t.Errorf("sealed to %d bytes: %v", len(public), err)
		}
	}
}

func TestStepsHaveTheirTime(t *testing.T) {
	ring := newRing(t, "eu-west-1", 1)
	if err := ring.AdvanceTo(10); err != nil {
		t.Fatal(err)
	}
	for step, want := range map[uint64]error{
		0: keyring.ErrErased, 7: keyring.ErrErased, 8: nil, 9: nil, 10: nil, 11: nil, 12: nil, 13: keyring.ErrFuture, ^uint64(0): keyring.ErrFuture,
	} {
		if _, err := ring.SealingKey(step); !errors.Is(err, want) {
			t.Errorf("step %d: %v, want %v", step, err, want)
		}
	}
	if err := ring.AdvanceTo(4); err != nil || ring.SealingStep() != 10 {
		t.Errorf("a step back: %v, step %d", err, ring.SealingStep())
	}
	if err := ring.AdvanceTo(^uint64(0)); !errors.Is(err, keyring.ErrFuture) || ring.SealingStep() != 10 {
		t.Errorf("a step to the end of time: %v, step %d", err, ring.SealingStep())
	}
}

// TestNodesAgree: the nodes of a Region advance by different ways, restarts between them, and have
// the same keys wherever both have one.
func TestNodesAgree(t *testing.T) {
	root := newRoot(t, 1)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := newRing(t, "eu-west-1", 1), newRing(t, "eu-west-1", 1)
		target := uint64(0)
		for range rapid.IntRange(1, 6).Draw(rt, "moves") {
			target += rapid.Uint64Range(0, 4).Draw(rt, "steps")
			if err := a.AdvanceTo(target); err != nil {
				rt.Fatal(err)
			}
			if rapid.Bool().Draw(rt, "restart") {
				file, err := a.Encode(root, newReader())
				if err != nil {
					rt.Fatal(err)
				}
				if a, err = keyring.Decode(file, root); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if err := b.AdvanceTo(target); err != nil {
			rt.Fatal(err)
		}
		for step := range target + 4 {
			x, errX := a.SealingKey(step)
			y, errY := b.SealingKey(step)
			if !bytes.Equal(x, y) || fmt.Sprint(errX) != fmt.Sprint(errY) {
				rt.Fatalf("step %d of %d: %v, %v", step, target, errX, errY)
			}
		}
	})
}

func exampleRing() *keyring.Ring {
	r, err := keyring.New(cluster, "eu-west-1", newReader())
	if err != nil {
		panic(err)
	}
	return r
}

func newReader() io.Reader { return primitivetest.Rand(1) }
