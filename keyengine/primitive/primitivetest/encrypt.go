package primitivetest

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"meridian/keyengine/ciphertext"
	"meridian/keyengine/primitive"
)

var (
	key     = ciphertext.Key{Account: "111122223333", KeyID: "1234abcd-12ab-34cd-56ef-1234567890ab", Material: [32]byte{1, 2, 3}}
	context = map[string]string{"purpose": "test"}
)

func encrypts(t *testing.T, p primitive.Provider, e primitive.Encrypts) {
	m := material(p, 1)
	enc := must(e.Encrypter(m))
	seal := func(context map[string]string, plaintext []byte) []byte {
		return must(enc.Seal(Rand(3), key, context, plaintext))
	}
	open := func(enc primitive.Encrypter, blob []byte, context map[string]string) ([]byte, error) {
		b, err := ciphertext.Parse(blob)
		if err != nil {
			return nil, primitive.ErrOpen
		}
		return enc.Open(b, context)
	}

	t.Run("round trip", func(t *testing.T) {
		for _, n := range []int{0, 1, 16, 17, 4096} {
			plaintext := bytes.Repeat([]byte{'p'}, n)
			for _, context := range []map[string]string{nil, {}, context, {"": "", "ü": "\x00"}} {
				got, err := open(enc, seal(context, plaintext), context)
				if err != nil || !bytes.Equal(got, plaintext) {
					t.Fatalf("%d bytes under %q: %q, %v", n, context, got, err)
				}
			}
		}
		if got, err := open(enc, seal(nil, []byte("p")), map[string]string{}); err != nil || string(got) != "p" {
			t.Errorf("an empty context is not the same as none: %v", err)
		}
	})

	t.Run("names its key", func(t *testing.T) {
		b := must(ciphertext.Parse(seal(context, []byte("p"))))
		if b.Key != key {
			t.Errorf("the blob names %+v", b.Key)
		}
	})

	t.Run("never the same twice", func(t *testing.T) {
		rand := Rand(4)
		a, b := must(enc.Seal(rand, key, context, []byte("p"))), must(enc.Seal(rand, key, context, []byte("p")))
		if bytes.Equal(a, b) {
			t.Error("two encryptions are equal")
		}
	})

	t.Run("hides the plaintext", func(t *testing.T) {
		if plaintext := []byte("a secret that is long enough"); bytes.Contains(seal(nil, plaintext), plaintext) {
			t.Error("the plaintext is in the blob")
		}
	})

	t.Run("any change is found", func(t *testing.T) {
		blob := seal(context, []byte("plaintext"))
		for i := range blob {
			for _, mask := range []byte{1, 0x80} {
				changed := bytes.Clone(blob)
				changed[i] ^= mask
				if got, err := open(enc, changed, context); err != primitive.ErrOpen || got != nil {
					t.Fatalf("byte %d changed by %#x: %q, %v", i, mask, got, err)
				}
			}
		}
		for n := range blob {
			if got, err := open(enc, blob[:n], context); err != primitive.ErrOpen || got != nil {
				t.Fatalf("cut to %d of %d bytes: %q, %v", n, len(blob), got, err)
			}
		}
	})

	t.Run("other context", func(t *testing.T) {
		blob := seal(context, []byte("plaintext"))
		for _, other := range []map[string]string{nil, {"purpose": "Test"}, {"Purpose": "test"}, {"purpose": ""}, {"purpose": "test", "": ""}} {
			if got, err := open(enc, blob, other); err != primitive.ErrOpen || got != nil {
				t.Errorf("opened under %q: %q, %v", other, got, err)
			}
		}
	})

	t.Run("other material", func(t *testing.T) {
		other := must(e.Encrypter(material(p, 2)))
		if got, err := open(other, seal(context, []byte("plaintext")), context); err != primitive.ErrOpen || got != nil {
			t.Errorf("opened under other material: %q, %v", got, err)
		}
	})

	t.Run("not material", func(t *testing.T) {
		for _, m := range []primitive.Material{{}, primitive.NewMaterial([]byte("short"))} {
			if _, err := e.Encrypter(m); !errors.Is(err, primitive.ErrMaterial) {
				t.Errorf("an encrypter of %d bytes: %v", m.Len(), err)
			}
		}
	})

	t.Run("no randomness", func(t *testing.T) {
		if _, err := enc.Seal(strings.NewReader("short"), key, nil, []byte("p")); err == nil {
			t.Error("sealed without enough randomness")
		}
	})

	t.Run("destroyed while in use", func(t *testing.T) { destroyed(t, p, e) })
}

// destroyed checks that an encrypter whose material is destroyed fails and that, until then, it
// works: a blob made under a half-cleared key would be one that anybody can read.
func destroyed(t *testing.T, p primitive.Provider, e primitive.Encrypts) {
	victim, keep := material(p, 5), material(p, 5)
	enc, witness := must(e.Encrypter(victim)), must(e.Encrypter(keep))
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			rand := Rand(byte(g))
			for i := 0; ; i++ {
				if i == 50 {
					victim.Destroy()
				}
				blob, err := enc.Seal(rand, key, context, []byte("p"))
				if err != nil {
					if !errors.Is(err, primitive.ErrDestroyed) {
						t.Errorf("sealing under destroyed material: %v", err)
					}
					return
				}
				if _, err := witness.Open(must(ciphertext.Parse(blob)), context); err != nil {
					t.Errorf("sealed under material that was being destroyed: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	blob := must(witness.Seal(Rand(6), key, nil, []byte("p")))
	if _, err := enc.Open(must(ciphertext.Parse(blob)), nil); !errors.Is(err, primitive.ErrDestroyed) {
		t.Errorf("opening under destroyed material: %v", err)
	}
}
