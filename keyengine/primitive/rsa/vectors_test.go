package rsa_test

import (
	"encoding/hex"
	"math/big"
	"testing"

	"meridian/keyengine/primitive"
	provider "meridian/keyengine/primitive/rsa"
)

// The key and the ciphertexts of C2SP's Wycheproof, rsa_oaep_2048_sha256_mgf1sha256_test.json,
// tests 3 and 7.
const (
	prime1 = "dc431050f782e894fb5248247d98cb7d58b8d1e24f3b55d041c56e4de086b0d5bb028bda42eeb5d234d5681e5809d415e6a289ad4cfbf78f978f6c35814f50ee" +
		"bff1c5b80a69f788e81e6bab5ddaa78369d659d143ec6f17e79813a575cfad9c569156b90113e2e9110ad9e7b48a1c9348a6e653321191290ea36cfb3a5b18f1"
	prime2 = "bd1a81e7977f9898122273ae3222b598ea5fb19eb4eabc38308a5e32196603b2e500ffb79f5b886816611debc472fac45544070beb057c941378a6868af3b7a0" +
		"3d3f9880ec47d5e089b94fbde542aba9ae8d72c57088d7abf5b131f39098f7bc160f90536abc9492fd4e06f3ed7299d4b97bb03677207d95669f140cfbc20f25"
)

func TestDecryptionVectors(t *testing.T) {
	key := of(number(t, prime1), number(t, prime2), 65537)
	key.Precompute()
	p := provider.Provider{Bits: 2048}
	m, err := p.Import(marshal(t, key))
	if err != nil {
		t.Fatal(err)
	}
	enc, err := p.BareEncrypter(m)
	if err != nil {
		t.Fatal(err)
	}
	for want, ciphertext := range map[string]string{
		"54657374": "5eab3f0741e63986ed647d53e1cd71df041986900803d0f99c68355d249a15a47dc5b4f70a191477654299e5a2731f3b4eec76dea18262fc696ac794e5f66cbf" +
			"cddac4472c578e246c26707598055584540b839836b1404c5611ae558a984cee8fd036cea924e0be2474a940f61e0acc14fcae95ebdc59942a9ce9af9a9c8199" +
			"9f7f6815f057ffdc2533cb15d6391d1e2d95f16f9c04209c889a4c359c7d2926d28a66e2b030a416b928d2825627998e5191fb4983a6e65024262d94fc09187a" +
			"2d78162122433251d1bfcc8e507d06eba2d229c10031261da32ab8ccd15f1c5f9fbf07ed158483d736a110af4b44d6a4da60d6cb519b4454213cf9f0dc560f2b",
		"e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff": "096958786ee7972050d67a9e4b69d6c6af7db7cc674386df725770dd29129b826e39552330104c8d71e6cc3a3014dd2f61b54153af51b0438d447ee939f9e3c1" +
			"3bb8b00a37dea6a068f6c9d27e848b1be7a1eeeb3ee50b78036fba95ae46948ca5b13f356ea24db10f60dc09e4b8bad8f766b668ef72524432080a0ce00ed676" +
			"d6d5e354984b1078520412525848156d06f0652469f95791baa3d9a798ae537094f76f976faecd5c9ce0c930a75910c63dacf63485cb4b5e7bdbcf4d80e74037" +
			"eaa1a8fe4b52930bec6be99cf6ac88cf5878dbf6859d456a95dbc34654eec425de84ca2a535d517403a9aada827e7d0093ecfc97ed056a7652825e9a45cb2dcb",
	} {
		if got, err := enc.Decrypt("RSAES_OAEP_SHA_256", unhex(t, ciphertext)); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%x, %v, want %s", got, err, want)
		}
		if _, err := enc.Decrypt("RSAES_OAEP_SHA_1", unhex(t, ciphertext)); err != primitive.ErrOpen {
			t.Errorf("by the other hash: %v", err)
		}
	}
}

func number(t *testing.T, s string) *big.Int { return new(big.Int).SetBytes(unhex(t, s)) }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
