package ecdsa_test

import (
	"bytes"
	"fmt"
	"testing"

	"meridian/keyengine/primitive"
	provider "meridian/keyengine/primitive/ecdsa"
	"meridian/keyengine/primitive/primitivetest"
)

func TestOpenSSL(t *testing.T) {
	message := []byte("message")
	for bits, hash := range map[int]int{256: 256, 384: 384, 521: 512} {
		p := provider.Provider{Bits: bits}
		m, other := generated(t, p, 1), generated(t, p, 2)
		spki, peer := public(t, p, m), public(t, p, other)
		t.Run(p.Spec(), func(t *testing.T) {
			signer, err := p.Signer(m)
			if err != nil {
				t.Fatal(err)
			}
			algorithm, options := fmt.Sprint("ECDSA_SHA_", hash), []string{"-rawin", "-digest", fmt.Sprint("sha", hash)}
			signature, err := signer.Sign(primitivetest.Rand(1), algorithm, primitive.Raw, message)
			if err != nil {
				t.Fatal(err)
			}
			primitivetest.OpenSSLVerifies(t, spki, message, signature, options...)
			theirs := primitivetest.OpenSSLSigns(t, m.Bytes(), message, options...)
			if err := signer.Verify(algorithm, primitive.Raw, message, theirs); err != nil {
				t.Errorf("the signature of openssl: %v", err)
			}
			agreement, err := p.Agreement(m)
			if err != nil {
				t.Fatal(err)
			}
			secret, err := agreement.Derive(peer)
			if err != nil || !bytes.Equal(secret, primitivetest.OpenSSLDerives(t, other.Bytes(), spki)) {
				t.Errorf("openssl agrees on another secret: %v", err)
			}
		})
	}
}

// TestImportFromOpenSSL takes a key as it makes it.
func TestImportFromOpenSSL(t *testing.T) {
	key := primitivetest.OpenSSL(t, nil, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")
	der := primitivetest.OpenSSL(t, map[string][]byte{"key": key}, "pkcs8", "-topk8", "-nocrypt", "-in", "key", "-outform", "DER")
	p := provider.Provider{Bits: 384}
	m, err := p.Import(der)
	if err != nil {
		t.Fatal(err)
	}
	theirs := primitivetest.OpenSSL(t, map[string][]byte{"key": key}, "pkey", "-in", "key", "-pubout", "-outform", "DER")
	if !bytes.Equal(public(t, p, m), theirs) {
		t.Error("another public key")
	}
}

func generated(t *testing.T, p provider.Provider, seed byte) primitive.Material {
	t.Helper()
	m, err := p.Generate(primitivetest.Rand(seed))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func public(t *testing.T, p provider.Provider, m primitive.Material) []byte {
	t.Helper()
	spki, err := p.PublicKey(m)
	if err != nil {
		t.Fatal(err)
	}
	return spki
}
