// Package rsa provides the key specs RSA_2048, RSA_3072 and RSA_4096: OAEP encryption, PSS and
// PKCS #1 v1.5 signatures (RFC 8017).
//
// It promises two-prime keys in one canonical PKCS #8 form, so that the same key is the same
// material wherever it came from, and one error for whatever cannot be decrypted. The label of OAEP
// is empty, the mask generation uses the same hash, and the salt of PSS is as long as the hash.
//
// Generate takes seconds at worst and uses the process's secure source of randomness, not the one
// that it is given: the standard library's generator takes no other. A Pool has keys ready. The
// package starts no goroutines but the Pool's one; Provider, signers and encrypters are safe for
// concurrent use.
package rsa

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"
	"strconv"

	"meridian/keyengine/primitive"
)

var (
	_ primitive.Provider     = Provider{}
	_ primitive.PublicKeys   = Provider{}
	_ primitive.Signs        = Provider{}
	_ primitive.EncryptsBare = Provider{}
)

// Provider implements primitive.Provider, PublicKeys, Signs and EncryptsBare.
type Provider struct {
	Bits int // 2048, 3072 or 4096
}

// Providers returns one for each key spec of this package.
func Providers() []primitive.Provider {
	return []primitive.Provider{Provider{2048}, Provider{3072}, Provider{4096}}
}

// Spec implements primitive.Provider.
func (p Provider) Spec() string { return "RSA_" + strconv.Itoa(p.Bits) }

// Generate implements primitive.Provider. It ignores rand.
func (p Provider) Generate(rand io.Reader) (primitive.Material, error) {
	key, err := rsa.GenerateKey(rand, p.Bits)
	if err != nil {
		return primitive.Material{}, fmt.Errorf("generate %s: %w", p.Spec(), err)
	}
	return material(key)
}

// OwnSource says that Generate has a source of randomness of its own.
func (p Provider) OwnSource() {}

// Import implements primitive.Provider. It takes PKCS #8 DER with two primes and a public exponent
// of at least 65537 (FIPS 186-5, section A.1.1).
func (p Provider) Import(raw []byte) (primitive.Material, error) {
	key, err := p.parse(raw)
	if err != nil || !prime(key) {
		return primitive.Material{}, primitive.ErrMaterial
	}
	return material(key)
}

// PublicKey implements primitive.PublicKeys.
func (p Provider) PublicKey(m primitive.Material) (spki []byte, err error) {
	key, err := primitive.Prepare(m, p.parse)
	if err != nil {
		return nil, err
	}
	err = key.Use(func(key *rsa.PrivateKey) (err error) {
		spki, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
		return err
	})
	return spki, err
}
