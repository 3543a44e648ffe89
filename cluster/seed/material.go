package seed

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"meridian/keyengine/kmsapi"
)

// hex reads the material of a symmetric or HMAC key.
func (r *reader) hex(n *yaml.Node, k *Key) {
	b, err := hex.DecodeString(strings.TrimSpace(n.Value))
	if n.Kind != yaml.ScalarNode || err != nil || len(b) == 0 {
		r.Fail(n, "key material must be hexadecimal digits")
		return
	}
	k.Material = b
}

// pem reads the private key of an asymmetric key, and finds its spec where none is given.
func (r *reader) pem(n *yaml.Node, k *Key) {
	block, rest := pem.Decode([]byte(n.Value))
	if block == nil || strings.TrimSpace(string(rest)) != "" {
		r.Fail(n, "must be one private key in PEM")
		return
	}
	der, ok := block.Bytes, true
	switch block.Type {
	case "PRIVATE KEY":
	case "EC PRIVATE KEY":
		der, ok = fromSEC1(der)
	case "RSA PRIVATE KEY":
		der, ok = fromPKCS1(der)
	default:
		r.Fail(n, "a PEM %.40q is not a private key", block.Type)
		return
	}
	if !ok {
		r.Fail(n, "the private key cannot be read")
		return
	}
	k.Material = der
	if k.Create.KeySpec == nil {
		found, ok := specOf(der)
		if !ok {
			r.Fail(n, "keySpec is needed: the private key does not tell it")
			k.Material = nil
			return
		}
		k.Create.KeySpec = new(kmsapi.KeySpec(found))
	}
}

// privateKey is PKCS #8, ecPrivateKey what is in it for elliptic curves.
type privateKey struct {
	Version   int
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
}

type ecPrivateKey struct {
	Version int
	Scalar  []byte
	Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	Public  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

func oidEC() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1} }

// fromSEC1 turns the older form of keys on elliptic curves into PKCS #8, for any curve.
func fromSEC1(der []byte) ([]byte, bool) {
	var key ecPrivateKey
	if rest, err := asn1.Unmarshal(der, &key); err != nil || len(rest) > 0 || len(key.Curve) == 0 {
		return nil, false
	}
	curve, err := asn1.Marshal(key.Curve)
	if err != nil {
		return nil, false
	}
	key.Curve = nil
	inner, err := asn1.Marshal(key)
	if err != nil {
		return nil, false
	}
	out, err := asn1.Marshal(privateKey{0, pkix.AlgorithmIdentifier{Algorithm: oidEC(), Parameters: asn1.RawValue{FullBytes: curve}}, inner})
	return out, err == nil
}

// fromPKCS1 turns the older form of RSA keys into PKCS #8.
func fromPKCS1(der []byte) ([]byte, bool) {
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, false
	}
	out, err := x509.MarshalPKCS8PrivateKey(key)
	return out, err == nil
}

// specOf tells the key spec of a private key in PKCS #8: of an RSA key by its size, of others by their curve.
func specOf(der []byte) (string, bool) {
	var outer privateKey
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return "", false
	}
	if !outer.Algorithm.Algorithm.Equal(oidEC()) {
		key, err := x509.ParsePKCS8PrivateKey(der)
		if k, ok := key.(*rsa.PrivateKey); err == nil && ok {
			return "RSA_" + strconv.Itoa(k.N.BitLen()), true
		}
		return "", false
	}
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(outer.Algorithm.Parameters.FullBytes, &curve); err != nil {
		return "", false
	}
	spec, ok := map[string]string{
		"1.2.840.10045.3.1.7": "ECC_NIST_P256", "1.3.132.0.34": "ECC_NIST_P384", "1.3.132.0.35": "ECC_NIST_P521",
		"1.3.132.0.10": "ECC_SECG_P256K1",
	}[curve.String()]
	return spec, ok
}
