// Package mldsa provides the key specs ML_DSA_44, ML_DSA_65 and ML_DSA_87: signatures of FIPS 204,
// which no quantum computer is known to forge.
//
// It promises pure ML-DSA with an empty context string, of a message or of its representative mu,
// which a caller who has the public key computes of a message of any length: the signatures are the
// same. Material is PKCS #8 with the seed alone (RFC 9881). Signing is hedged with randomness of the
// process, not that which it is given. It starts no goroutines; Provider and its signers are safe
// for concurrent use.
package mldsa

import (
	"fmt"
	"io"
	"strconv"

	"filippo.io/mldsa"
	"filippo.io/mldsa/x509"

	"meridian/keyengine/primitive"
)

var (
	_ primitive.Provider   = Provider{}
	_ primitive.PublicKeys = Provider{}
	_ primitive.Signs      = Provider{}
)

// Provider implements primitive.Provider, PublicKeys and Signs.
type Provider struct {
	Set int // of parameters: 44, 65 or 87
}

// Providers returns one for each key spec of this package.
func Providers() []primitive.Provider {
	return []primitive.Provider{Provider{44}, Provider{65}, Provider{87}}
}

// Spec implements primitive.Provider.
func (p Provider) Spec() string { return "ML_DSA_" + strconv.Itoa(p.Set) }

// Generate implements primitive.Provider.
func (p Provider) Generate(rand io.Reader) (primitive.Material, error) {
	seed := make([]byte, mldsa.PrivateKeySize)
	defer clear(seed)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return primitive.Material{}, fmt.Errorf("read randomness: %w", err)
	}
	key, err := mldsa.NewPrivateKey(p.parameters(), seed)
	if err != nil {
		return primitive.Material{}, fmt.Errorf("generate %s: %w", p.Spec(), err)
	}
	return material(key)
}

// Import implements primitive.Provider. It takes PKCS #8 DER with the seed alone: an expanded key
// says less than the seed, and both could contradict each other.
func (p Provider) Import(raw []byte) (primitive.Material, error) {
	key, err := p.parse(raw)
	if err != nil {
		return primitive.Material{}, err
	}
	return material(key)
}

// PublicKey implements primitive.PublicKeys.
func (p Provider) PublicKey(m primitive.Material) (spki []byte, err error) {
	key, err := primitive.Prepare(m, p.parse)
	if err != nil {
		return nil, err
	}
	err = key.Use(func(key *mldsa.PrivateKey) (err error) {
		spki, err = x509.MarshalPKIXPublicKey(key.PublicKey())
		return err
	})
	return spki, err
}

func (p Provider) parse(raw []byte) (*mldsa.PrivateKey, error) {
	if !primitive.OneDER(raw) {
		return nil, primitive.ErrMaterial
	}
	parsed, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, primitive.ErrMaterial
	}
	key, ok := parsed.(*mldsa.PrivateKey)
	if !ok || key.PublicKey().Parameters() != p.parameters() {
		return nil, primitive.ErrMaterial
	}
	return key, nil
}

func material(key *mldsa.PrivateKey) (primitive.Material, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return primitive.Material{}, primitive.ErrMaterial
	}
	defer clear(der)
	return primitive.NewMaterial(der), nil
}

func (p Provider) parameters() mldsa.Parameters {
	switch p.Set {
	case 44:
		return mldsa.MLDSA44()
	case 65:
		return mldsa.MLDSA65()
	}
	return mldsa.MLDSA87()
}
