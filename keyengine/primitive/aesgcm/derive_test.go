package aesgcm

import (
	"bytes"
	"encoding/hex"
	"testing"

	"meridian/keyengine/ciphertext"
)

// TestCounterKDFVector is from NIST's CAVP file KDFCTR_gen.rsp: [PRF=HMAC_SHA256],
// [CTRLOCATION=BEFORE_FIXED], [RLEN=32_BITS], COUNT=0, L=128. Its output is a prefix of ours.
func TestCounterKDFVector(t *testing.T) {
	got := counterKDF(
		unhex("dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0"),
		unhex("01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac"),
	)
	if want := unhex("10621342bfb0fd40046c0e29f2cfdbf0"); !bytes.Equal(got[:16], want) {
		t.Errorf("%x, want %x", got[:16], want)
	}
}

func TestMessageKeysDiffer(t *testing.T) {
	a, b := make([]byte, keyBytes), bytes.Repeat([]byte{1}, keyBytes)
	salt, other := [ciphertext.SaltBytes]byte{}, [ciphertext.SaltBytes]byte{15: 1}
	keys := [][]byte{messageKey(a, salt), messageKey(a, other), messageKey(b, salt), messageKey(b, other)}
	for i, k := range keys {
		if len(k) != keyBytes {
			t.Errorf("key %d has %d bytes", i, len(k))
		}
		for j := range i {
			if bytes.Equal(k, keys[j]) {
				t.Errorf("keys %d and %d are equal", i, j)
			}
		}
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
