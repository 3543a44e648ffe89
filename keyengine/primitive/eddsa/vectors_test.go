package eddsa_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"testing"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/eddsa"
)

// TestSignatureVectors is from RFC 8032, section 7.1, tests 1 and 3. Its vector for Ed25519ph
// is of a message that is no digest.
func TestSignatureVectors(t *testing.T) {
	for _, v := range []struct{ seed, public, message, signature string }{
		{
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
	} {
		m, err := primitive.MarshalPKCS8(ed25519.NewKeyFromSeed(unhex(t, v.seed)))
		if err != nil {
			t.Fatal(err)
		}
		signer, err := eddsa.Provider{}.Signer(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := signer.Sign(nil, "ED25519_SHA_512", primitive.Raw, unhex(t, v.message))
		if err != nil || hex.EncodeToString(got) != v.signature {
			t.Errorf("%q: %x, %v", v.message, got, err)
		}
		const head = "302a300506032b6570032100" // RFC 8410, section 4
		if spki, err := (eddsa.Provider{}).PublicKey(m); err != nil || hex.EncodeToString(spki) != head+v.public {
			t.Errorf("%q: %x, %v", v.message, spki, err)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
