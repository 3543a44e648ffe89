package aesgcm_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"meridian/keyengine/ciphertext"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/aesgcm"
	"meridian/keyengine/primitive/primitivetest"
)

func TestConformance(t *testing.T) { primitivetest.Run(t, aesgcm.Provider{}) }

// golden was computed with another implementation (Python's hmac and cryptography) from the layout
// in package ciphertext and NIST SP 800-108. It may never change: blobs live with callers.
const golden = "4d4b01010019df6690e52431323334616263642d313261622d333463642d353665662d313233343536373839306162" +
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f" + // material id
	"6465666768696a6b6c6d6e6f70717273" + "7475767778797a7b7c7d7e7f" + // salt, IV
	"78d91409282c9a5cd8c2517ee0e6" + "3fddb12fe9631b9197634f8997674e40" // ciphertext, tag

func sequence(from, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(from + i)
	}
	return b
}

func TestGolden(t *testing.T) {
	enc, err := aesgcm.Provider{}.Encrypter(primitive.NewMaterial(sequence(0, 32)))
	if err != nil {
		t.Fatal(err)
	}
	key := ciphertext.Key{
		Account: "111122223333", KeyID: "1234abcd-12ab-34cd-56ef-1234567890ab",
		Material: [32]byte(sequence(0x40, 32)),
	}
	context := map[string]string{"stage": "prod", "purpose": "test"}
	blob, err := enc.Seal(bytes.NewReader(sequence(100, 28)), key, context, []byte("attack at dawn"))
	if got := hex.EncodeToString(blob); err != nil || got != golden {
		t.Errorf("%s, %v", got, err)
	}
	parsed, err := ciphertext.Parse(blob)
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := enc.Open(parsed, context)
	if err != nil || string(plaintext) != "attack at dawn" {
		t.Errorf("%q, %v", plaintext, err)
	}
}

func benchmark(b *testing.B, size int) {
	p := aesgcm.Provider{}
	rand := primitivetest.Rand(1)
	material, _ := p.Generate(rand)
	enc, _ := p.Encrypter(material)
	key := ciphertext.Key{Account: "111122223333", KeyID: "1234abcd-12ab-34cd-56ef-1234567890ab"}
	context := map[string]string{"purpose": "benchmark"}
	blob, err := enc.Seal(rand, key, context, make([]byte, size))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = enc.Seal(rand, key, context, make([]byte, size))
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parsed, _ := ciphertext.Parse(blob)
			if _, err := enc.Open(parsed, context); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncrypter(b *testing.B) {
	for _, size := range []int{32, 4096} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchmark(b, size) })
	}
}

func Example() {
	set := primitive.NewSet(aesgcm.Provider{})
	rand := primitivetest.Rand(1) // crypto/rand.Reader outside of tests
	material, _ := set.Generate("SYMMETRIC_DEFAULT", rand)
	enc, _ := set.Encrypter("SYMMETRIC_DEFAULT", material)

	key := ciphertext.Key{Account: "111122223333", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab"}
	blob, _ := enc.Seal(rand, key, map[string]string{"order": "17"}, []byte("hello"))

	parsed, _ := ciphertext.Parse(blob)
	plaintext, err := enc.Open(parsed, map[string]string{"order": "17"})
	fmt.Println(string(plaintext), err)
	_, err = enc.Open(parsed, map[string]string{"order": "18"})
	fmt.Println(err)
	fmt.Println(material)
	// Output:
	// hello <nil>
	// ciphertext cannot be opened
	// redacted
}
