package primitive

import (
	"crypto/x509"
	"encoding/asn1"
)

// maxPKCS8 bounds PKCS #8 DER: an RSA key of 4096 bits takes less than 2400 bytes.
const maxPKCS8 = 4096

// OneDER reports whether raw is one DER value, of a length that some private key has. The standard
// library's parsers of private keys overlook what follows the key.
func OneDER(raw []byte) bool {
	var value asn1.RawValue
	rest, err := asn1.Unmarshal(raw, &value)
	return err == nil && len(rest) == 0 && len(raw) <= maxPKCS8
}

// ParsePKCS8 reads a private key of type K that the standard library knows, or returns ErrMaterial.
func ParsePKCS8[K any](raw []byte) (K, error) {
	var none K
	if !OneDER(raw) {
		return none, ErrMaterial
	}
	parsed, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return none, ErrMaterial
	}
	key, ok := parsed.(K)
	if !ok {
		return none, ErrMaterial
	}
	return key, nil
}

// MarshalPKCS8 returns material of a private key that the standard library knows.
func MarshalPKCS8(key any) (Material, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Material{}, ErrMaterial
	}
	return own(der), nil
}
