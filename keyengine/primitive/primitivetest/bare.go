package primitivetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/primitive"
)

func encryptsBare(t *testing.T, p primitive.Provider, e primitive.EncryptsBare) {
	enc, other := must(e.BareEncrypter(material(p, 1))), must(e.BareEncrypter(material(p, 2)))
	for _, a := range algorithms(t, p, keyspec.EncryptDecrypt) {
		t.Run(a.Name, func(t *testing.T) { encryptsOne(t, enc, other, a) })
	}

	t.Run("other algorithm", func(t *testing.T) {
		for _, name := range []string{"", keyspec.SymmetricDefault, "RSAES_OAEP_SHA_512", "RSASSA_PSS_SHA_256"} {
			if got, err := enc.Encrypt(Rand(1), name, []byte("p")); err != primitive.ErrAlgorithm || got != nil {
				t.Errorf("encrypted by %q: %v", name, err)
			}
			if got, err := enc.Decrypt(name, []byte("c")); err != primitive.ErrAlgorithm || got != nil {
				t.Errorf("decrypted by %q: %v", name, err)
			}
		}
	})

	t.Run("not material", func(t *testing.T) {
		for _, m := range notMaterial() {
			if _, err := e.BareEncrypter(m); !errors.Is(err, primitive.ErrMaterial) {
				t.Errorf("an encrypter of %d bytes: %v", m.Len(), err)
			}
		}
	})

	t.Run("destroyed", func(t *testing.T) {
		victim := must(p.Import(material(p, 1).Bytes()))
		enc := must(e.BareEncrypter(victim))
		name := algorithms(t, p, keyspec.EncryptDecrypt)[0].Name
		ciphertext := must(enc.Encrypt(Rand(1), name, []byte("p")))
		victim.Destroy()
		if got, err := enc.Encrypt(Rand(1), name, []byte("p")); err != primitive.ErrDestroyed || got != nil {
			t.Errorf("encrypting under destroyed material: %v", err)
		}
		if got, err := enc.Decrypt(name, ciphertext); err != primitive.ErrDestroyed || got != nil {
			t.Errorf("decrypting under destroyed material: %v", err)
		}
	})
}

func encryptsOne(t *testing.T, enc, other primitive.BareEncrypter, a keyspec.Algorithm) {
	for _, n := range []int{1, 16, a.MaxBytes} {
		plaintext := bytes.Repeat([]byte{'p'}, n)
		ciphertext := must(enc.Encrypt(Rand(3), a.Name, plaintext))
		if got, err := enc.Decrypt(a.Name, ciphertext); err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("%d bytes: %q, %v", n, got, err)
		}
		if n > 8 && bytes.Contains(ciphertext, plaintext) {
			t.Error("the plaintext is in the ciphertext")
		}
	}
	if got, err := enc.Encrypt(Rand(3), a.Name, make([]byte, a.MaxBytes+1)); err != primitive.ErrInput || got != nil {
		t.Errorf("%d bytes: %v", a.MaxBytes+1, err)
	}
	rand := Rand(4)
	if bytes.Equal(must(enc.Encrypt(rand, a.Name, []byte("p"))), must(enc.Encrypt(rand, a.Name, []byte("p")))) {
		t.Error("two encryptions are equal")
	}
	if _, err := enc.Encrypt(strings.NewReader("short"), a.Name, []byte("p")); err == nil {
		t.Error("encrypted without enough randomness")
	}

	ciphertext := must(enc.Encrypt(Rand(3), a.Name, []byte("plaintext")))
	if got, err := other.Decrypt(a.Name, ciphertext); err != primitive.ErrOpen || got != nil {
		t.Errorf("decrypted under another key: %v", err)
	}
	for i := 0; i < len(ciphertext); i += max(1, len(ciphertext)/32) {
		changed := bytes.Clone(ciphertext)
		changed[i] ^= 1 << (i % 8)
		if got, err := enc.Decrypt(a.Name, changed); err != primitive.ErrOpen || got != nil {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	for _, bad := range [][]byte{
		nil,
		{0},
		ciphertext[1:], ciphertext[:len(ciphertext)-1], append(bytes.Clone(ciphertext), 0),
		make([]byte, len(ciphertext)), bytes.Repeat([]byte{0xff}, len(ciphertext)), make([]byte, 1<<14),
	} {
		if got, err := enc.Decrypt(a.Name, bad); err != primitive.ErrOpen || got != nil {
			t.Errorf("a ciphertext of %d bytes: %v", len(bad), err)
		}
	}
}
