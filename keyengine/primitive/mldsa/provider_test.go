package mldsa_test

import (
	"bytes"
	"crypto/sha3"
	"encoding/asn1"
	"testing"

	"filippo.io/mldsa/x509"

	library "filippo.io/mldsa"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/mldsa"
	"meridian/keyengine/primitive/primitivetest"
)

const algorithm = "ML_DSA_SHAKE_256"

func TestConformance(t *testing.T) {
	for _, p := range mldsa.Providers() {
		t.Run(p.Spec(), func(t *testing.T) { primitivetest.Run(t, p) })
	}
}

func FuzzImport(f *testing.F) { primitivetest.FuzzImport(f, mldsa.Provider{Set: 44}) }

// mu computes the representative of a message as a caller does, from the public key: FIPS 204,
// algorithm 7, step 6, and algorithm 2, step 10.
func mu(t *testing.T, spki, message []byte) []byte {
	t.Helper()
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		t.Fatal(err)
	}
	tr := sha3.SumSHAKE256(parsed.(*library.PublicKey).Bytes(), 64)
	return sha3.SumSHAKE256(append(append(tr, 0, 0), message...), 64)
}

// TestMessageOrMu: a signature is the same to who gives the message and to who gives its mu.
func TestMessageOrMu(t *testing.T) {
	for _, p := range mldsa.Providers() {
		for seed := range byte(8) {
			m, err := p.Generate(primitivetest.Rand(seed))
			if err != nil {
				t.Fatal(err)
			}
			signer, err := p.(mldsa.Provider).Signer(m)
			if err != nil {
				t.Fatal(err)
			}
			spki, err := p.(mldsa.Provider).PublicKey(m)
			if err != nil {
				t.Fatal(err)
			}
			message := bytes.Repeat([]byte{seed}, int(seed)*100)
			mu := mu(t, spki, message)
			for signed, input := range map[string][]byte{primitive.Raw: message, primitive.ExternalMu: mu} {
				signature, err := signer.Sign(nil, algorithm, signed, input)
				if err != nil {
					t.Fatal(err)
				}
				if err := signer.Verify(algorithm, primitive.Raw, message, signature); err != nil {
					t.Errorf("%s signed by %s: the message: %v", p.Spec(), signed, err)
				}
				if err := signer.Verify(algorithm, primitive.ExternalMu, mu, signature); err != nil {
					t.Errorf("%s signed by %s: the mu: %v", p.Spec(), signed, err)
				}
			}
		}
	}
}

func TestOtherSetsAreRefused(t *testing.T) {
	for _, p := range mldsa.Providers() {
		m, err := p.Generate(primitivetest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range mldsa.Providers() {
			if _, err := q.Import(m.Bytes()); (err == nil) != (p == q) {
				t.Errorf("%s takes a key of %s: %v", q.Spec(), p.Spec(), err)
			}
		}
	}
}

// TestExpandedKeysAreRefused gives the other two forms of RFC 9881, section 6.
func TestExpandedKeysAreRefused(t *testing.T) {
	type algorithm struct{ Algorithm asn1.ObjectIdentifier }
	expanded, err := asn1.Marshal(make([]byte, 2560))
	if err != nil {
		t.Fatal(err)
	}
	both, err := asn1.Marshal(struct{ Seed, Expanded []byte }{make([]byte, 32), make([]byte, 2560)})
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{"expanded": expanded, "both": both} {
		raw, err := asn1.Marshal(struct {
			Version   int
			Algorithm algorithm
			Key       []byte
		}{0, algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}}, key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (mldsa.Provider{Set: 44}).Import(raw); err != primitive.ErrMaterial {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzVerify compares the two verifiers: the library's of messages, and ours of mus.
func FuzzVerify(f *testing.F) {
	p := mldsa.Provider{Set: 44}
	m, err := p.Generate(primitivetest.Rand(1))
	if err != nil {
		f.Fatal(err)
	}
	signer, err := p.Signer(m)
	if err != nil {
		f.Fatal(err)
	}
	spki, err := p.PublicKey(m)
	if err != nil {
		f.Fatal(err)
	}
	signature, err := signer.Sign(nil, algorithm, primitive.Raw, []byte("message"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("message"), signature)
	f.Add([]byte("massage"), signature)
	f.Fuzz(func(t *testing.T, message, signature []byte) {
		ofMessage := signer.Verify(algorithm, primitive.Raw, message, signature)
		ofMu := signer.Verify(algorithm, primitive.ExternalMu, mu(t, spki, message), signature)
		if ofMessage != ofMu {
			t.Fatalf("the message: %v; the mu: %v", ofMessage, ofMu)
		}
	})
}
