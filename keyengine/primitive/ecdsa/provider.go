// Package ecdsa provides the key specs of NIST's curves, ECC_NIST_P256, ECC_NIST_P384 and
// ECC_NIST_P521: ECDSA signatures (FIPS 186-5) and Diffie-Hellman agreement (NIST SP 800-56A).
//
// It promises signatures as a DER sequence of r and s, and shared secrets that are the raw
// x-coordinate; the cofactor of these curves is 1. It does not reject the second of the two values
// of s that verify. Signing mixes in randomness of the process, not that which it is given: the
// standard library takes no other. It starts no goroutines; Provider, signers and agreements are
// safe for concurrent use.
package ecdsa

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"io"
	"strconv"

	"meridian/keyengine/primitive"
)

var (
	_ primitive.Provider   = Provider{}
	_ primitive.PublicKeys = Provider{}
	_ primitive.Signs      = Provider{}
	_ primitive.Agrees     = Provider{}
)

// Provider implements primitive.Provider, PublicKeys, Signs and Agrees.
type Provider struct {
	Bits int // 256, 384 or 521: the curve
}

// Providers returns one for each key spec of this package.
func Providers() []primitive.Provider {
	return []primitive.Provider{Provider{256}, Provider{384}, Provider{521}}
}

// Spec implements primitive.Provider.
func (p Provider) Spec() string { return "ECC_NIST_P" + strconv.Itoa(p.Bits) }

// Generate implements primitive.Provider.
func (p Provider) Generate(rand io.Reader) (m primitive.Material, err error) {
	err = primitive.Scalar(rand, p.Bits, func(scalar []byte) error {
		key, err := ecdsa.ParseRawPrivateKey(p.curve(), scalar)
		if err != nil {
			return err
		}
		m, err = primitive.MarshalPKCS8(key)
		return err
	})
	return m, err
}

// Import implements primitive.Provider. It takes PKCS #8 DER with or without the public half, which
// is computed anew.
func (p Provider) Import(raw []byte) (primitive.Material, error) {
	key, err := p.parse(raw)
	if err != nil {
		return primitive.Material{}, primitive.ErrMaterial
	}
	return primitive.MarshalPKCS8(key)
}

// PublicKey implements primitive.PublicKeys.
func (p Provider) PublicKey(m primitive.Material) (spki []byte, err error) {
	key, err := primitive.Prepare(m, p.parse)
	if err != nil {
		return nil, err
	}
	err = key.Use(func(key *ecdsa.PrivateKey) (err error) {
		spki, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
		return err
	})
	return spki, err
}

func (p Provider) parse(raw []byte) (*ecdsa.PrivateKey, error) {
	key, err := primitive.ParsePKCS8[*ecdsa.PrivateKey](raw)
	if err != nil || key.Curve != p.curve() {
		return nil, primitive.ErrMaterial
	}
	return key, nil
}

func (p Provider) curve() elliptic.Curve {
	switch p.Bits {
	case 256:
		return elliptic.P256()
	case 384:
		return elliptic.P384()
	}
	return elliptic.P521()
}
