package secp256k1_test

import (
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/secp256k1"
)

// TestSignatureVectors is from the set for RFC 6979 on this curve that the libraries of ledgers
// share, such as the test «ecdsa_signature» of trezor-crypto; RFC 6979 itself has none of it.
func TestSignatureVectors(t *testing.T) {
	for _, v := range []struct{ scalar, message, r, s string }{
		{
			"0000000000000000000000000000000000000000000000000000000000000001", "Satoshi Nakamoto",
			"934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8",
			"2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
		},
		{
			"0000000000000000000000000000000000000000000000000000000000000001",
			"All those moments will be lost in time, like tears in rain. Time to die...",
			"8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b",
			"547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21",
		},
		{
			"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140", "Satoshi Nakamoto",
			"fd567d121db66e382991534ada77a6bd3106f0a1098c231e47993447cd6af2d0",
			"6b39cd0eb1bc8603e159ef5c20a5c8ad685a45b06ce9bebed3f153d10d93bed5",
		},
	} {
		m, err := secp256k1.Provider{}.Import(short(t, unhex(t, v.scalar)))
		if err != nil {
			t.Fatal(err)
		}
		signer, err := secp256k1.Provider{}.Signer(m)
		if err != nil {
			t.Fatal(err)
		}
		want := encode(t, struct{ R, S *big.Int }{new(big.Int).SetBytes(unhex(t, v.r)), new(big.Int).SetBytes(unhex(t, v.s))})
		got, err := signer.Sign(nil, algorithm, primitive.Raw, []byte(v.message))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%.20s: %x, %v", v.message, got, err)
		}
	}
}

// TestPublicKeyVector is the base point: SEC 2, section 2.4.1.
func TestPublicKeyVector(t *testing.T) {
	m, err := secp256k1.Provider{}.Import(short(t, append(make([]byte, 31), 1)))
	if err != nil {
		t.Fatal(err)
	}
	const want = "3056301006072a8648ce3d020106052b8104000a034200" + "04" +
		"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" +
		"483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
	if got, err := (secp256k1.Provider{}).PublicKey(m); err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x, %v", got, err)
	}
}

// short returns PKCS #8 DER without the public half.
func short(t *testing.T, scalar []byte) []byte {
	type algorithm struct{ Algorithm, Curve asn1.ObjectIdentifier }
	inner := encode(t, struct {
		Version int
		Scalar  []byte
	}{1, scalar})
	return encode(t, struct {
		Version   int
		Algorithm algorithm
		Key       []byte
	}{0, algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.ObjectIdentifier{1, 3, 132, 0, 10}}, inner})
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
