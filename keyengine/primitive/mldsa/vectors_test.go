package mldsa_test

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"testing"

	"filippo.io/mldsa/x509"

	library "filippo.io/mldsa"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/mldsa"
)

// TestAccumulated is from C2SP's CCTV, «ML-DSA accumulated test vectors», which are checked against
// several implementations: the hash of the public keys of 100 seeds, and of their deterministic
// signatures of the empty message, which both of our verifiers have to take.
func TestAccumulated(t *testing.T) {
	for _, c := range []struct {
		set        int
		parameters library.Parameters
		want       string
	}{
		{44, library.MLDSA44(), "d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4"},
		{65, library.MLDSA65(), "8358a1843220194417cadbc2651295cd8fc65125b5a5c1a239a16dc8b57ca199"},
		{87, library.MLDSA87(), "8c3ad714777622b8f21ce31bb35f71394f23bc0fcf3c78ace5d608990f3b061b"},
	} {
		p := mldsa.Provider{Set: c.set}
		seeds, sum := sha3.NewSHAKE128(), sha3.NewSHAKE128()
		for range 100 {
			m, err := p.Generate(seeds)
			if err != nil {
				t.Fatal(err)
			}
			spki, err := p.PublicKey(m)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := x509.ParsePKCS8PrivateKey(m.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			signature, err := parsed.(*library.PrivateKey).SignDeterministic(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = sum.Write(spki[len(spki)-c.parameters.PublicKeySize():])
			_, _ = sum.Write(signature)
			signer, err := p.Signer(m)
			if err != nil {
				t.Fatal(err)
			}
			if err := signer.Verify(algorithm, primitive.Raw, nil, signature); err != nil {
				t.Fatalf("%s: the message: %v", p.Spec(), err)
			}
			if err := signer.Verify(algorithm, primitive.ExternalMu, mu(t, spki, nil), signature); err != nil {
				t.Fatalf("%s: the mu: %v", p.Spec(), err)
			}
		}
		got := make([]byte, 32)
		_, _ = sum.Read(got)
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%s: %x", p.Spec(), got)
		}
	}
}

// TestPrivateKeyVector is the start and the seed of the key in RFC 9881, appendix C.1.
func TestPrivateKeyVector(t *testing.T) {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(i)
	}
	m, err := mldsa.Provider{Set: 44}.Generate(bytes.NewReader(seed))
	const want = "3034020100300b060960864801650304031104228020" + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	if got := hex.EncodeToString(m.Bytes()); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
}
