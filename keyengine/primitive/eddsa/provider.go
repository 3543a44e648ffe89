// Package eddsa provides the key spec ECC_NIST_EDWARDS25519: Ed25519 of messages and Ed25519ph of
// digests (FIPS 186-5, RFC 8032).
//
// It promises deterministic signatures of 64 bytes. Ed25519ph hashes what it is given, though that
// is a digest already: so does KMS, and whoever verifies elsewhere has to know. It starts no
// goroutines; Provider and its signers are safe for concurrent use.
package eddsa

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"io"

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

// Spec implements primitive.Provider.
func (Provider) Spec() string { return "ECC_NIST_EDWARDS25519" }

// Generate implements primitive.Provider.
func (Provider) Generate(rand io.Reader) (primitive.Material, error) {
	seed := make([]byte, ed25519.SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return primitive.Material{}, fmt.Errorf("read randomness: %w", err)
	}
	return primitive.MarshalPKCS8(ed25519.NewKeyFromSeed(seed))
}

// Import implements primitive.Provider. It takes PKCS #8 DER (RFC 8410).
func (Provider) Import(raw []byte) (primitive.Material, error) {
	key, err := primitive.ParsePKCS8[ed25519.PrivateKey](raw)
	if err != nil {
		return primitive.Material{}, err
	}
	return primitive.MarshalPKCS8(key)
}

// PublicKey implements primitive.PublicKeys.
func (Provider) PublicKey(m primitive.Material) (spki []byte, err error) {
	key, err := primitive.Prepare(m, primitive.ParsePKCS8[ed25519.PrivateKey])
	if err != nil {
		return nil, err
	}
	err = key.Use(func(key ed25519.PrivateKey) (err error) {
		spki, err = x509.MarshalPKIXPublicKey(key.Public())
		return err
	})
	return spki, err
}

// Signer implements primitive.Signs.
func (Provider) Signer(m primitive.Material) (primitive.Signer, error) {
	key, err := primitive.Prepare(m, primitive.ParsePKCS8[ed25519.PrivateKey])
	if err != nil {
		return nil, err
	}
	return signer{key}, nil
}

type signer struct {
	key primitive.Prepared[ed25519.PrivateKey]
}

// Sign implements primitive.Signer. It needs no randomness.
func (s signer) Sign(_ io.Reader, algorithm, messageType string, message []byte) (signature []byte, err error) {
	input, options, err := prepare(algorithm, messageType, message)
	if err != nil {
		return nil, err
	}
	err = s.key.Use(func(key ed25519.PrivateKey) (err error) {
		signature, err = key.Sign(nil, input, options)
		return err
	})
	return signature, err
}

// Verify implements primitive.Signer.
func (s signer) Verify(algorithm, messageType string, message, signature []byte) error {
	input, options, err := prepare(algorithm, messageType, message)
	if err != nil {
		return err
	}
	return s.key.Use(func(key ed25519.PrivateKey) error {
		if ed25519.VerifyWithOptions(key.Public().(ed25519.PublicKey), input, signature, options) != nil {
			return primitive.ErrSignature
		}
		return nil
	})
}

// prepare returns what the standard library signs: for Ed25519ph, the prehash.
func prepare(algorithm, messageType string, message []byte) ([]byte, *ed25519.Options, error) {
	switch algorithm {
	case "ED25519_SHA_512":
		if messageType == primitive.Raw {
			return message, &ed25519.Options{}, nil
		}
	case "ED25519_PH_SHA_512":
		if messageType == primitive.Digest && len(message) == sha512.Size {
			prehash := sha512.Sum512(message)
			return prehash[:], &ed25519.Options{Hash: crypto.SHA512}, nil
		}
	default:
		return nil, nil, primitive.ErrAlgorithm
	}
	return nil, nil, primitive.ErrInput
}
