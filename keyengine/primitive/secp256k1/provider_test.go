package secp256k1_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"testing"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/ecdsa"
	"meridian/keyengine/primitive/primitivetest"
	"meridian/keyengine/primitive/secp256k1"
)

const algorithm = "ECDSA_SHA_256"

func TestConformance(t *testing.T) { primitivetest.Run(t, secp256k1.Provider{}) }

func FuzzImport(f *testing.F) { primitivetest.FuzzImport(f, secp256k1.Provider{}) }

// order is n of SEC 2, section 2.4.1.
const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"

// TestScalarsOutOfRange puts scalars in the place of that of a key that openssl made.
func TestScalarsOutOfRange(t *testing.T) {
	p := secp256k1.Provider{}
	m := generate(t)
	raw := m.Bytes()
	const at = 33 // of the scalar: PKCS #8 has no other place for it
	for name, scalar := range map[string]string{
		"zero": hex.EncodeToString(make([]byte, 32)), "the order": order, "more": hex.EncodeToString(bytes.Repeat([]byte{0xff}, 32)),
		"another's": hex.EncodeToString(append(make([]byte, 31), 1)), // which is not that of the public half
	} {
		changed := bytes.Clone(raw)
		copy(changed[at:], unhex(t, scalar))
		if _, err := p.Import(changed); err != primitive.ErrMaterial {
			t.Errorf("%s: %v", name, err)
		}
	}
	changed := bytes.Clone(raw)
	copy(changed[at:], raw[at:at+32])
	if in, err := p.Import(changed); err != nil || !in.Equal(m) {
		t.Errorf("this test does not change the scalar: %v", err)
	}
}

func TestOtherCurvesAreRefused(t *testing.T) {
	m, err := ecdsa.Provider{Bits: 256}.Generate(primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (secp256k1.Provider{}).Import(m.Bytes()); err != primitive.ErrMaterial {
		t.Error(err)
	}
	if _, err := (ecdsa.Provider{Bits: 256}).Import(generate(t).Bytes()); err != primitive.ErrMaterial {
		t.Error(err)
	}
}

func TestBothValuesOfS(t *testing.T) {
	signer, err := secp256k1.Provider{}.Signer(generate(t))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(nil, algorithm, primitive.Raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &rs); err != nil {
		t.Fatal(err)
	}
	n := new(big.Int).SetBytes(unhex(t, order))
	if new(big.Int).Lsh(rs.S, 1).Cmp(n) > 0 {
		t.Error("s is the greater value")
	}
	rs.S.Sub(n, rs.S)
	other, err := asn1.Marshal(rs)
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Verify(algorithm, primitive.Raw, nil, other); err != nil {
		t.Error(err)
	}
}

func TestOpenSSL(t *testing.T) {
	p := secp256k1.Provider{}
	key := primitivetest.OpenSSL(t, nil, "ecparam", "-name", "secp256k1", "-genkey", "-noout")
	der := primitivetest.OpenSSL(t, map[string][]byte{"key": key}, "pkcs8", "-topk8", "-nocrypt", "-in", "key", "-outform", "DER")
	m, err := p.Import(der)
	if err != nil || !bytes.Equal(m.Bytes(), der) {
		t.Fatalf("%v", err)
	}
	spki, err := p.PublicKey(m)
	if err != nil || !bytes.Equal(spki, primitivetest.OpenSSL(t, map[string][]byte{"key": key}, "pkey", "-in", "key", "-pubout", "-outform", "DER")) {
		t.Fatalf("another public key: %v", err)
	}
	signer, err := p.Signer(m)
	if err != nil {
		t.Fatal(err)
	}
	message, options := []byte("message"), []string{"-rawin", "-digest", "sha256"}
	signature, err := signer.Sign(nil, algorithm, primitive.Raw, message)
	if err != nil {
		t.Fatal(err)
	}
	primitivetest.OpenSSLVerifies(t, spki, message, signature, options...)
	theirs := primitivetest.OpenSSLSigns(t, m.Bytes(), message, options...)
	if err := signer.Verify(algorithm, primitive.Raw, message, theirs); err != nil {
		t.Errorf("the signature of openssl: %v", err)
	}
}

func generate(t *testing.T) primitive.Material {
	t.Helper()
	m, err := secp256k1.Provider{}.Generate(primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
