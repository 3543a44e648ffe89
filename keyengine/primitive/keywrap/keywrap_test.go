package keywrap_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/keywrap"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVectors are those of RFC 5649, section 6.
func TestVectors(t *testing.T) {
	kek := unhex(t, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
	for _, v := range []struct{ key, wrapped string }{
		{"c37b7e6492584340bed12207808941155068f738", "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
		{"466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"},
	} {
		wrapped, err := keywrap.Wrap(kek, unhex(t, v.key))
		if err != nil || hex.EncodeToString(wrapped) != v.wrapped {
			t.Errorf("wrap %s: %x, %v", v.key, wrapped, err)
		}
		key, err := keywrap.Unwrap(kek, unhex(t, v.wrapped))
		if err != nil || hex.EncodeToString(key) != v.key {
			t.Errorf("unwrap %s: %x, %v", v.wrapped, key, err)
		}
	}
}

// TestEveryLength: what is wrapped comes back, and no bit of it may change.
func TestEveryLength(t *testing.T) {
	kek := bytes.Repeat([]byte{7}, 32)
	for n := 1; n <= 70; n++ {
		key := bytes.Repeat([]byte{byte(n)}, n)
		wrapped, err := keywrap.Wrap(kek, key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keywrap.Unwrap(kek, wrapped); err != nil || !bytes.Equal(got, key) {
			t.Fatalf("%d bytes: %x, %v", n, got, err)
		}
		wrapped[n%len(wrapped)] ^= 1 << (n % 8)
		if _, err := keywrap.Unwrap(kek, wrapped); !errors.Is(err, primitive.ErrOpen) {
			t.Errorf("%d bytes, one bit changed: %v", n, err)
		}
		if _, err := keywrap.Unwrap(kek, wrapped[:len(wrapped)-1]); !errors.Is(err, primitive.ErrOpen) {
			t.Errorf("%d bytes, cut off: %v", n, err)
		}
	}
	for _, key := range [][]byte{nil, make([]byte, 1<<16+1)} {
		if _, err := keywrap.Wrap(kek, key); err == nil {
			t.Errorf("%d bytes are wrapped", len(key))
		}
	}
	if _, err := keywrap.Unwrap(kek[:5], make([]byte, 16)); !errors.Is(err, primitive.ErrOpen) {
		t.Errorf("a key of 5 bytes: %v", err)
	}
}

func FuzzUnwrap(f *testing.F) {
	kek := bytes.Repeat([]byte{7}, 16)
	for _, n := range []int{1, 8, 9, 32} {
		wrapped, err := keywrap.Wrap(kek, make([]byte, n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wrapped)
	}
	f.Fuzz(func(t *testing.T, wrapped []byte) {
		key, err := keywrap.Unwrap(kek, wrapped)
		if err != nil {
			return
		}
		if again, err := keywrap.Wrap(kek, key); err != nil || !bytes.Equal(again, wrapped) {
			t.Fatalf("%x opens to %x, which wraps to %x, %v", wrapped, key, again, err)
		}
	})
}
