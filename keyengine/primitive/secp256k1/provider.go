// Package secp256k1 provides the key spec ECC_SECG_P256K1: ECDSA with SHA-256 on the curve of SEC 2
// that ledgers use.
//
// It promises signatures as a DER sequence of r and s, deterministic (RFC 6979), with the lesser of
// the two values of s, which ledgers require; it verifies both. It does not agree on secrets. It
// starts no goroutines; Provider and its signers are safe for concurrent use.
package secp256k1

import (
	"crypto"
	"encoding/asn1"
	"io"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"meridian/keyengine/primitive"
)

var (
	_ primitive.Provider   = Provider{}
	_ primitive.PublicKeys = Provider{}
	_ primitive.Signs      = Provider{}
)

// Provider implements primitive.Provider, PublicKeys and Signs.
type Provider struct{}

// Providers returns the one for the key spec of this package.
func Providers() []primitive.Provider { return []primitive.Provider{Provider{}} }

const (
	bits      = 256
	algorithm = "ECDSA_SHA_256"
)

// Spec implements primitive.Provider.
func (Provider) Spec() string { return "ECC_SECG_P256K1" }

// Generate implements primitive.Provider.
func (Provider) Generate(rand io.Reader) (m primitive.Material, err error) {
	err = primitive.Scalar(rand, bits, func(scalar []byte) (err error) {
		m, err = curve().Material(scalar)
		return err
	})
	return m, err
}

// Import implements primitive.Provider. It takes PKCS #8 DER.
func (Provider) Import(raw []byte) (primitive.Material, error) {
	scalar, err := curve().Parse(raw)
	if err != nil {
		return primitive.Material{}, err
	}
	defer clear(scalar)
	return curve().Material(scalar)
}

// PublicKey implements primitive.PublicKeys.
func (Provider) PublicKey(m primitive.Material) (spki []byte, err error) {
	key, err := primitive.Prepare(m, parse)
	if err != nil {
		return nil, err
	}
	err = key.Use(func(key *secp256k1.PrivateKey) (err error) {
		spki, err = curve().SPKI(key.PubKey().SerializeUncompressed())
		return err
	})
	return spki, err
}

// Signer implements primitive.Signs.
func (Provider) Signer(m primitive.Material) (primitive.Signer, error) {
	key, err := primitive.Prepare(m, parse)
	if err != nil {
		return nil, err
	}
	return signer{key}, nil
}

type signer struct {
	key primitive.Prepared[*secp256k1.PrivateKey]
}

// Sign implements primitive.Signer. It needs no randomness.
func (s signer) Sign(_ io.Reader, name, messageType string, message []byte) (signature []byte, err error) {
	digest, err := digest(name, messageType, message)
	if err != nil {
		return nil, err
	}
	err = s.key.Use(func(key *secp256k1.PrivateKey) error {
		signature = ecdsa.Sign(key, digest).Serialize()
		return nil
	})
	return signature, err
}

// Verify implements primitive.Signer.
func (s signer) Verify(name, messageType string, message, signature []byte) error {
	digest, err := digest(name, messageType, message)
	if err != nil {
		return err
	}
	return s.key.Use(func(key *secp256k1.PrivateKey) error {
		parsed, err := ecdsa.ParseDERSignature(signature)
		if err != nil || !parsed.Verify(digest, key.PubKey()) {
			return primitive.ErrSignature
		}
		return nil
	})
}

func digest(name, messageType string, message []byte) ([]byte, error) {
	if name != algorithm {
		return nil, primitive.ErrAlgorithm
	}
	return primitive.DigestOf(crypto.SHA256, messageType, message)
}

func curve() primitive.EC {
	return primitive.EC{Curve: asn1.ObjectIdentifier{1, 3, 132, 0, 10}, Bytes: bits / 8, Public: func(scalar []byte) ([]byte, error) {
		key, err := private(scalar)
		if err != nil {
			return nil, err
		}
		defer key.Zero()
		return key.PubKey().SerializeUncompressed(), nil
	}}
}

func parse(raw []byte) (*secp256k1.PrivateKey, error) {
	scalar, err := curve().Parse(raw)
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	return private(scalar)
}

// private refuses zero and what is not below the order, which the library would reduce.
func private(scalar []byte) (*secp256k1.PrivateKey, error) {
	var s secp256k1.ModNScalar
	if len(scalar) != bits/8 || s.SetByteSlice(scalar) || s.IsZero() {
		return nil, primitive.ErrMaterial
	}
	return secp256k1.NewPrivateKey(&s), nil
}
