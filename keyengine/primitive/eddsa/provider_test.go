package eddsa_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"crypto/x509"
	"testing"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/eddsa"
	"meridian/keyengine/primitive/primitivetest"
)

func TestConformance(t *testing.T) { primitivetest.Run(t, eddsa.Provider{}) }

func FuzzImport(f *testing.F) { primitivetest.FuzzImport(f, eddsa.Provider{}) }

// TestPrehash shows the two hashes of Ed25519ph to another verifier.
func TestPrehash(t *testing.T) {
	p := eddsa.Provider{}
	m, err := p.Generate(primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := p.Signer(m)
	if err != nil {
		t.Fatal(err)
	}
	once := sha512.Sum512([]byte("message"))
	twice := sha512.Sum512(once[:])
	signature, err := signer.Sign(nil, "ED25519_PH_SHA_512", primitive.Digest, once[:])
	if err != nil {
		t.Fatal(err)
	}
	spki, err := p.PublicKey(m)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		t.Fatal(err)
	}
	options := &ed25519.Options{Hash: crypto.SHA512}
	if err := ed25519.VerifyWithOptions(public.(ed25519.PublicKey), twice[:], signature, options); err != nil {
		t.Error(err)
	}
	if ed25519.VerifyWithOptions(public.(ed25519.PublicKey), once[:], signature, options) == nil {
		t.Error("hashed only once")
	}
	if signer.Verify("ED25519_SHA_512", primitive.Raw, once[:], signature) != primitive.ErrSignature {
		t.Error("one algorithm's signature is one of the other")
	}
}

func TestOpenSSL(t *testing.T) {
	p := eddsa.Provider{}
	key := primitivetest.OpenSSL(t, nil, "genpkey", "-algorithm", "ED25519", "-outform", "DER")
	m, err := p.Import(key)
	if err != nil || !bytes.Equal(m.Bytes(), key) {
		t.Fatalf("%v", err)
	}
	spki, err := p.PublicKey(m)
	theirs := primitivetest.OpenSSL(t, map[string][]byte{"key": key}, "pkey", "-in", "key", "-inform", "DER", "-pubout", "-outform", "DER")
	if err != nil || !bytes.Equal(spki, theirs) {
		t.Fatalf("another public key: %v", err)
	}
	signer, err := p.Signer(m)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	signature, err := signer.Sign(nil, "ED25519_SHA_512", primitive.Raw, message)
	if err != nil {
		t.Fatal(err)
	}
	primitivetest.OpenSSLVerifies(t, spki, message, signature, "-rawin")
	if theirs := primitivetest.OpenSSLSigns(t, key, message, "-rawin"); !bytes.Equal(signature, theirs) {
		t.Errorf("openssl signs\n%x, we\n%x", theirs, signature)
	}
}
