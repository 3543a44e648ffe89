package primitive

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// EC is an elliptic curve that the standard library does not know, and the encodings of its keys:
// PKCS #8 of RFC 5915 and SubjectPublicKeyInfo of RFC 5480, with the curve as a named one.
type EC struct {
	Curve asn1.ObjectIdentifier
	Bytes int // of a scalar
	// Public returns the uncompressed point of a scalar, or an error if it is none of the curve.
	Public func(scalar []byte) ([]byte, error)
}

type pkcs8 struct {
	Version   int
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
	// Attributes may follow.
}

type ecPrivateKey struct {
	Version int
	Scalar  []byte
	Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	Public  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

type spki struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

// Parse returns the scalar in PKCS #8 DER, or ErrMaterial. A public half that is there must be the
// scalar's.
func (c EC) Parse(raw []byte) ([]byte, error) {
	var outer pkcs8
	var inner ecPrivateKey
	if !OneDER(raw) || decode(raw, &outer) != nil || outer.Version < 0 || outer.Version > 1 || !c.is(outer.Algorithm) ||
		decode(outer.Key, &inner) != nil || inner.Version != 1 || len(inner.Scalar) != c.Bytes {
		return nil, ErrMaterial
	}
	if len(inner.Curve) != 0 && !inner.Curve.Equal(c.Curve) {
		return nil, ErrMaterial
	}
	point, err := c.Public(inner.Scalar)
	if err != nil || inner.Public.BitLength != 0 && !bytes.Equal(inner.Public.RightAlign(), point) {
		return nil, ErrMaterial
	}
	return inner.Scalar, nil
}

// Material returns the material of a scalar: PKCS #8 DER with the public half, as openssl writes it.
func (c EC) Material(scalar []byte) (Material, error) {
	point, err := c.Public(scalar)
	if err != nil || len(scalar) != c.Bytes {
		return Material{}, ErrMaterial
	}
	inner, err := asn1.Marshal(ecPrivateKey{Version: 1, Scalar: scalar, Public: bits(point)})
	if err != nil {
		return Material{}, ErrMaterial
	}
	defer clear(inner)
	der, err := asn1.Marshal(pkcs8{Algorithm: c.algorithm(), Key: inner})
	if err != nil {
		return Material{}, ErrMaterial
	}
	return own(der), nil
}

// SPKI returns the encoding of a point.
func (c EC) SPKI(point []byte) ([]byte, error) {
	return asn1.Marshal(spki{Algorithm: c.algorithm(), Key: bits(point)})
}

// ParseSPKI returns the point in SPKI DER, which may be no point of the curve, or ErrPeer.
func (c EC) ParseSPKI(der []byte) ([]byte, error) {
	var info spki
	if len(der) > maxPKCS8 || decode(der, &info) != nil || !c.is(info.Algorithm) || info.Key.BitLength%8 != 0 {
		return nil, ErrPeer
	}
	return info.Key.Bytes, nil
}

// idEcPublicKey is an elliptic curve's key for any use.
func idEcPublicKey() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1} }

func (c EC) algorithm() pkix.AlgorithmIdentifier {
	curve, _ := asn1.Marshal(c.Curve) // which cannot fail for a constant
	return pkix.AlgorithmIdentifier{Algorithm: idEcPublicKey(), Parameters: asn1.RawValue{FullBytes: curve}}
}

func (c EC) is(a pkix.AlgorithmIdentifier) bool {
	var curve asn1.ObjectIdentifier
	return a.Algorithm.Equal(idEcPublicKey()) && decode(a.Parameters.FullBytes, &curve) == nil && curve.Equal(c.Curve)
}

func bits(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }

// decode reads one DER value and nothing after it.
func decode(der []byte, to any) error {
	rest, err := asn1.Unmarshal(der, to)
	if err == nil && len(rest) != 0 {
		err = ErrMaterial
	}
	return err
}
