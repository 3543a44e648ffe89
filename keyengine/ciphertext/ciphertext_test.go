package ciphertext_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"meridian/keyengine/ciphertext"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata")

func sequence(b []byte, from byte) {
	for i := range b {
		b[i] = from + byte(i)
	}
}

// sample is a blob whose parts can be told apart.
func sample() *ciphertext.Blob {
	b := &ciphertext.Blob{Sealed: make([]byte, 5+ciphertext.TagBytes)}
	b.Algorithm = ciphertext.AES256GCM
	b.Key.Account, b.Key.KeyID = "000123456789", "mrk-1234abcd12ab34cd56ef1234567890ab"
	sequence(b.Key.Material[:], 0x40)
	sequence(b.Salt[:], 0x80)
	sequence(b.IV[:], 0xa0)
	sequence(b.Sealed, 0xc0)
	return b
}

// TestGolden fixes the bytes of version 1: blobs live with callers for ever.
func TestGolden(t *testing.T) {
	const golden = "testdata/blob-v1.hex"
	got := sample().Append(nil)
	if *rewrite {
		if err := os.WriteFile(golden, []byte(lines(got)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("the blob is now\n%s", lines(got))
	}
	parsed, err := ciphertext.Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	s := sample()
	if parsed.Header != s.Header || parsed.IV != s.IV || !bytes.Equal(parsed.Sealed, s.Sealed) || !bytes.Equal(parsed.Head, s.Header.Append(nil)) {
		t.Errorf("parsed: %+v", parsed)
	}
}

func lines(b []byte) string {
	var s strings.Builder
	for len(b) > 0 {
		n := min(len(b), 32)
		s.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return s.String()
}

func TestParseRefuses(t *testing.T) {
	good := sample().Append(nil)
	least := len(good) - 5 // without ciphertext, but with a tag
	for n := range good {
		if _, err := ciphertext.Parse(good[:n]); (err == nil) != (n >= least) {
			t.Errorf("the first %d of %d bytes: %v", n, len(good), err)
		}
	}
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"other magic":       change(0, 'm'),
		"other version":     change(2, 2),
		"other algorithm":   change(3, 2),
		"account too great": change(4, 0xff),
		"key id too long":   change(10, 255),
		"key id too short":  change(10, 35),
		"no key id":         change(11, 'x'),
		"too long":          append(bytes.Clone(good), make([]byte, ciphertext.MaxBytes)...),
	} {
		if blob, err := ciphertext.Parse(b); !errors.Is(err, ciphertext.ErrMalformed) || blob != nil {
			t.Errorf("%s: %v, %v", name, blob, err)
		}
	}
}

func TestAppendPanicsOnBadNames(t *testing.T) {
	for _, key := range []ciphertext.Key{
		{Account: "1", KeyID: sample().Key.KeyID},
		{Account: "-00000000001", KeyID: sample().Key.KeyID},
		{Account: "000000000000", KeyID: "alias/x"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for %+v", key)
				}
			}()
			ciphertext.Header{Key: key}.Append(nil)
		}()
	}
}

func TestAAD(t *testing.T) {
	aad := func(pairs ...string) string {
		context := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			context[pairs[i]] = pairs[i+1]
		}
		return string(ciphertext.AAD([]byte("head"), context))
	}
	if got, want := aad("b", "2", "a", "", "B", "1"), "head\x00\x00\x00\x01B\x00\x00\x00\x011\x00\x00\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x01b\x00\x00\x00\x012"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if string(ciphertext.AAD([]byte("head"), nil)) != aad() {
		t.Error("an empty context differs from none")
	}
	seen := map[string]int{}
	for i, s := range []string{aad(), aad("a", "b"), aad("ab", ""), aad("", "ab"), aad("a", ""), aad("b", "a"), aad("a", "b", "c", "d"), aad("a", "bcd"), aad("A", "b")} {
		if j, ok := seen[s]; ok {
			t.Errorf("contexts %d and %d have the same form", i, j)
		}
		seen[s] = i
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample().Append(nil))
	f.Add([]byte("MK\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		blob, err := ciphertext.Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(blob.Append(nil), b) {
			t.Fatalf("%x is laid out again as %x", b, blob.Append(nil))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	blob := sample().Append(nil)
	for b.Loop() {
		if _, err := ciphertext.Parse(blob); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAAD(b *testing.B) {
	head := sample().Header.Append(nil)
	context := map[string]string{"purpose": "orders", "tenant": "17"}
	for b.Loop() {
		ciphertext.AAD(head, context)
	}
}
