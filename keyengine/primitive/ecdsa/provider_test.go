package ecdsa_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"testing"

	"meridian/keyengine/primitive"
	provider "meridian/keyengine/primitive/ecdsa"
	"meridian/keyengine/primitive/primitivetest"
)

func TestConformance(t *testing.T) {
	for _, p := range provider.Providers() {
		t.Run(p.Spec(), func(t *testing.T) { primitivetest.Run(t, p) })
	}
}

func FuzzImport(f *testing.F) { primitivetest.FuzzImport(f, provider.Provider{Bits: 256}) }

func FuzzPeer(f *testing.F) { primitivetest.FuzzPeer(f, provider.Provider{Bits: 256}) }

// TestImportWithoutPublicHalf gives the key in the short form that some software writes.
func TestImportWithoutPublicHalf(t *testing.T) {
	p := provider.Provider{Bits: 256}
	m := generate(t, p)
	type algorithm struct{ Algorithm, Curve asn1.ObjectIdentifier }
	key, err := primitive.ParsePKCS8[*ecdsa.PrivateKey](m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	inner := encode(t, struct {
		Version int
		Scalar  []byte
	}{1, scalar})
	short := encode(t, struct {
		Version   int
		Algorithm algorithm
		Key       []byte
	}{0, algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}}, inner})
	if in, err := p.Import(short); err != nil || !in.Equal(m) {
		t.Errorf("%v", err)
	}
}

func TestOtherCurvesAreRefused(t *testing.T) {
	for _, p := range provider.Providers() {
		for _, q := range provider.Providers() {
			if p == q {
				continue
			}
			m := generate(t, q)
			if _, err := p.Import(m.Bytes()); err != primitive.ErrMaterial {
				t.Errorf("%s takes a key of %s: %v", p.Spec(), q.Spec(), err)
			}
			spki, err := q.(provider.Provider).PublicKey(m)
			if err != nil {
				t.Fatal(err)
			}
			a, err := p.(provider.Provider).Agreement(generate(t, p))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Derive(spki); err != primitive.ErrPeer {
				t.Errorf("%s agrees with %s: %v", p.Spec(), q.Spec(), err)
			}
		}
	}
}

// TestBothValuesOfS: who verifies elsewhere takes both, so we do.
func TestBothValuesOfS(t *testing.T) {
	p := provider.Provider{Bits: 256}
	signer, err := p.Signer(generate(t, p))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(nil, "ECDSA_SHA_256", primitive.Raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &rs); err != nil {
		t.Fatal(err)
	}
	rs.S.Sub(elliptic.P256().Params().N, rs.S)
	if err := signer.Verify("ECDSA_SHA_256", primitive.Raw, nil, encode(t, rs)); err != nil {
		t.Error(err)
	}
}

func generate(t *testing.T, p primitive.Provider) primitive.Material {
	t.Helper()
	m, err := p.Generate(primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
