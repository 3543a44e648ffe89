package primitivetest

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"strings"
	"testing"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/primitive"
)

// messageTypes returns a message of each type that the algorithm takes.
func messageTypes(a keyspec.Algorithm) map[string][]byte {
	types := map[string][]byte{}
	if a.MaxBytes != 0 {
		types[primitive.Raw] = []byte("message")
	}
	if a.DigestBytes != 0 {
		types[primitive.Digest] = bytes.Repeat([]byte{'d'}, a.DigestBytes)
	}
	if a.MuBytes != 0 {
		types[primitive.ExternalMu] = bytes.Repeat([]byte{'m'}, a.MuBytes)
	}
	return types
}

func signs(t *testing.T, p primitive.Provider, s primitive.Signs) {
	signer, other := must(s.Signer(material(p, 1))), must(s.Signer(material(p, 2)))
	for _, a := range algorithms(t, p, keyspec.SignVerify) {
		t.Run(a.Name, func(t *testing.T) {
			for kind, message := range messageTypes(a) {
				t.Run(kind, func(t *testing.T) { signsOne(t, signer, other, a.Name, kind, message) })
			}
			t.Run("inputs", func(t *testing.T) { signerInputs(t, signer, a) })
			t.Run("digest or message", func(t *testing.T) { digestOrMessage(t, signer, a) })
		})
	}

	t.Run("other algorithm", func(t *testing.T) {
		for _, name := range []string{"", "ECDSA_SHA_1", "RSASSA_PSS_SHA_1", "RSAES_OAEP_SHA_256", "ECDH"} {
			if got, err := signer.Sign(Rand(1), name, primitive.Raw, []byte("m")); err != primitive.ErrAlgorithm || got != nil {
				t.Errorf("signed by %q: %v", name, err)
			}
			if err := signer.Verify(name, primitive.Raw, []byte("m"), []byte("s")); err != primitive.ErrAlgorithm {
				t.Errorf("verified by %q: %v", name, err)
			}
		}
	})

	t.Run("not material", func(t *testing.T) {
		for _, m := range notMaterial() {
			if _, err := s.Signer(m); !errors.Is(err, primitive.ErrMaterial) {
				t.Errorf("a signer of %d bytes: %v", m.Len(), err)
			}
		}
	})

	t.Run("destroyed", func(t *testing.T) {
		victim := must(p.Import(material(p, 1).Bytes()))
		signer := must(s.Signer(victim))
		a := algorithms(t, p, keyspec.SignVerify)[0]
		signature := must(signer.Sign(Rand(1), a.Name, primitive.Raw, []byte("m")))
		victim.Destroy()
		if got, err := signer.Sign(Rand(1), a.Name, primitive.Raw, []byte("m")); err != primitive.ErrDestroyed || got != nil {
			t.Errorf("signing under destroyed material: %v", err)
		}
		if err := signer.Verify(a.Name, primitive.Raw, []byte("m"), signature); err != primitive.ErrDestroyed {
			t.Errorf("verifying under destroyed material: %v", err)
		}
	})
}

func signsOne(t *testing.T, signer, other primitive.Signer, algorithm, kind string, message []byte) {
	signature := must(signer.Sign(Rand(3), algorithm, kind, message))
	verify := func(s primitive.Signer, message, signature []byte) error {
		return s.Verify(algorithm, kind, message, signature)
	}
	if err := verify(signer, message, signature); err != nil {
		t.Fatalf("own signature: %v", err)
	}
	if err := verify(other, message, signature); err != primitive.ErrSignature {
		t.Errorf("under another key: %v", err)
	}
	changed := bytes.Clone(message)
	changed[0] ^= 1
	if err := verify(signer, changed, signature); err != primitive.ErrSignature {
		t.Errorf("of another message: %v", err)
	}
	step := max(1, len(signature)/64)
	for i := 0; i < len(signature); i += step {
		changed := bytes.Clone(signature)
		changed[i] ^= 1 << (i % 8)
		if err := verify(signer, message, changed); err != primitive.ErrSignature {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	for _, bad := range [][]byte{
		nil,
		{0},
		signature[:len(signature)-1], signature[1:], append(bytes.Clone(signature), 0), append([]byte{0}, signature...),
		make([]byte, len(signature)), bytes.Repeat([]byte{0xff}, len(signature)), make([]byte, 1<<14),
	} {
		if err := verify(signer, message, bad); err != primitive.ErrSignature {
			t.Errorf("a signature of %d bytes: %v", len(bad), err)
		}
	}
	// Either the algorithm needs no randomness, or has a source of its own, or says so.
	if signature, err := signer.Sign(strings.NewReader("short"), algorithm, kind, message); err == nil {
		if err := verify(signer, message, signature); err != nil {
			t.Errorf("signed with little randomness: %v", err)
		}
	}
}

// signerInputs gives every message type that the algorithm does not have, and the wrong lengths of
// those that it has.
func signerInputs(t *testing.T, signer primitive.Signer, a keyspec.Algorithm) {
	refused := func(kind string, message []byte) {
		t.Helper()
		if got, err := signer.Sign(Rand(1), a.Name, kind, message); err != primitive.ErrInput || got != nil {
			t.Errorf("signing %s of %d bytes: %v", kind, len(message), err)
		}
		if err := signer.Verify(a.Name, kind, message, []byte("s")); err != primitive.ErrInput {
			t.Errorf("verifying %s of %d bytes: %v", kind, len(message), err)
		}
	}
	types := messageTypes(a)
	for _, kind := range []string{"", "raw", primitive.Raw, primitive.Digest, primitive.ExternalMu} {
		message, has := types[kind]
		switch {
		case !has:
			refused(kind, make([]byte, 32))
			refused(kind, make([]byte, 64))
		case kind != primitive.Raw:
			for _, n := range []int{0, len(message) - 1, len(message) + 1} {
				refused(kind, make([]byte, n))
			}
		default:
			for _, n := range []int{0, 1, a.MaxBytes} {
				message := make([]byte, n)
				signature := must(signer.Sign(Rand(1), a.Name, kind, message))
				if err := signer.Verify(a.Name, kind, message, signature); err != nil {
					t.Errorf("a message of %d bytes: %v", n, err)
				}
			}
		}
	}
}

// digestOrMessage checks that a message and its digest are the same to the algorithm.
func digestOrMessage(t *testing.T, signer primitive.Signer, a keyspec.Algorithm) {
	var digest []byte
	message := []byte("message")
	switch {
	case a.MaxBytes == 0 || a.DigestBytes == 0:
		return
	case strings.HasSuffix(a.Name, "_SHA_256"):
		d := sha256.Sum256(message)
		digest = d[:]
	case strings.HasSuffix(a.Name, "_SHA_384"):
		d := sha512.Sum384(message)
		digest = d[:]
	case strings.HasSuffix(a.Name, "_SHA_512"):
		d := sha512.Sum512(message)
		digest = d[:]
	default:
		return // its digest is not of the message alone: the provider's own test knows
	}
	of := must(signer.Sign(Rand(1), a.Name, primitive.Raw, message))
	if err := signer.Verify(a.Name, primitive.Digest, digest, of); err != nil {
		t.Errorf("the message's signature for the digest: %v", err)
	}
	of = must(signer.Sign(Rand(1), a.Name, primitive.Digest, digest))
	if err := signer.Verify(a.Name, primitive.Raw, message, of); err != nil {
		t.Errorf("the digest's signature for the message: %v", err)
	}
}
