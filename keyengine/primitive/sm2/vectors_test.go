package sm2_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"testing"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/sm2"
)

// The key of GB/T 32918.5-2017, appendices A.2 and C.2.
const (
	private = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	publicX = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
	publicY = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)

// TestSignatureVector is from GB/T 32918.5-2017, appendix A.2.
func TestSignatureVector(t *testing.T) {
	signer, err := sm2.Provider{}.Signer(material(t, private))
	if err != nil {
		t.Fatal(err)
	}
	signature := encode(t, struct{ R, S *big.Int }{
		number(t, "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"),
		number(t, "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"),
	})
	if err := signer.Verify("SM2DSA", primitive.Raw, []byte("message digest"), signature); err != nil {
		t.Error(err)
	}
	digest := unhex(t, "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640") // step A2: e
	if err := signer.Verify("SM2DSA", primitive.Digest, digest, signature); err != nil {
		t.Errorf("the digest: %v", err)
	}
}

// TestEncryptionVector is from GB/T 32918.5-2017, appendix C.2.
func TestEncryptionVector(t *testing.T) {
	enc, err := sm2.Provider{}.BareEncrypter(material(t, private))
	if err != nil {
		t.Fatal(err)
	}
	ciphertext := encode(t, struct {
		X, Y         *big.Int
		Hash, Masked []byte
	}{
		number(t, "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"),
		number(t, "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"),
		unhex(t, "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"),
		unhex(t, "21886ca989ca9c7d58087307ca93092d651efa"),
	})
	if got, err := enc.Decrypt("SM2PKE", ciphertext); err != nil || string(got) != "encryption standard" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestPublicKeyAndAgreement: to agree with the owner of the scalar 1 is to multiply the base point.
func TestPublicKeyAndAgreement(t *testing.T) {
	p := sm2.Provider{}
	m := material(t, private)
	spki, err := p.PublicKey(m)
	if err != nil || !bytes.HasSuffix(spki, unhex(t, "04"+publicX+publicY)) {
		t.Errorf("%x, %v", spki, err)
	}
	one, err := p.PublicKey(material(t, hex.EncodeToString(append(make([]byte, 31), 1))))
	if err != nil {
		t.Fatal(err)
	}
	agreement, err := p.Agreement(m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := agreement.Derive(one); err != nil || hex.EncodeToString(got) != publicX {
		t.Errorf("%x, %v", got, err)
	}
}

// TestScalarsOutOfRange: the greatest scalar is two below the order, as signing divides by one more.
func TestScalarsOutOfRange(t *testing.T) {
	const order = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"
	for below, want := range map[int64]error{0: primitive.ErrMaterial, 1: primitive.ErrMaterial, 2: nil, -1: primitive.ErrMaterial} {
		scalar := new(big.Int).Sub(number(t, order), big.NewInt(below))
		if _, err := (sm2.Provider{}).Import(short(t, scalar.Bytes())); err != want {
			t.Errorf("%d below the order: %v", below, err)
		}
	}
	if _, err := (sm2.Provider{}).Import(short(t, make([]byte, 32))); err != primitive.ErrMaterial {
		t.Errorf("zero: %v", err)
	}
}

func material(t *testing.T, scalar string) primitive.Material {
	t.Helper()
	m, err := sm2.Provider{}.Import(short(t, unhex(t, scalar)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// short returns PKCS #8 DER without the public half.
func short(t *testing.T, scalar []byte) []byte {
	t.Helper()
	type algorithm struct{ Algorithm, Curve asn1.ObjectIdentifier }
	inner := encode(t, struct {
		Version int
		Scalar  []byte
	}{1, scalar})
	return encode(t, struct {
		Version   int
		Algorithm algorithm
		Key       []byte
	}{0, algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}}, inner})
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
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
