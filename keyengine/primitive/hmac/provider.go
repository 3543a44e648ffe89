// Package hmac provides the key specs HMAC_224 to HMAC_512: the message authentication code of
// RFC 2104 with SHA-2, under material as long as the hash's output.
//
// It promises whole codes, never truncated ones, and a verification whose time says nothing about
// the code. It does not hash a message before the code does. It starts no goroutines; Provider and
// its MACs are safe for concurrent use.
package hmac

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"io"
	"strconv"

	"meridian/keyengine/primitive"
)

var (
	_ primitive.Provider = Provider{}
	_ primitive.MACs     = Provider{}
)

// Provider implements primitive.Provider and primitive.MACs.
type Provider struct {
	Bits int // 224, 256, 384 or 512
}

// Providers returns one for each key spec of this package.
func Providers() []primitive.Provider {
	return []primitive.Provider{Provider{224}, Provider{256}, Provider{384}, Provider{512}}
}

// Spec implements primitive.Provider.
func (p Provider) Spec() string { return "HMAC_" + strconv.Itoa(p.Bits) }

// Generate implements primitive.Provider.
func (p Provider) Generate(rand io.Reader) (primitive.Material, error) {
	return primitive.ReadMaterial(rand, p.Bits/8)
}

// Import implements primitive.Provider.
func (p Provider) Import(raw []byte) (primitive.Material, error) {
	if len(raw) != p.Bits/8 {
		return primitive.Material{}, primitive.ErrMaterial
	}
	return primitive.NewMaterial(raw), nil
}

// MAC implements primitive.MACs.
func (p Provider) MAC(m primitive.Material) (primitive.MAC, error) {
	if m.Len() != p.Bits/8 {
		return nil, primitive.ErrMaterial
	}
	return mac{algorithm: "HMAC_SHA_" + strconv.Itoa(p.Bits), hash: p.hash(), material: m}, nil
}

func (p Provider) hash() func() hash.Hash {
	switch p.Bits {
	case 224:
		return sha256.New224
	case 256:
		return sha256.New
	case 384:
		return sha512.New384
	}
	return sha512.New
}

type mac struct {
	algorithm string
	hash      func() hash.Hash
	material  primitive.Material
}

// Generate implements primitive.MAC.
func (c mac) Generate(algorithm string, message []byte) (code []byte, err error) {
	if algorithm != c.algorithm {
		return nil, primitive.ErrAlgorithm
	}
	err = c.material.Use(func(key []byte) error {
		h := hmac.New(c.hash, key)
		h.Write(message)
		code = h.Sum(nil)
		return nil
	})
	return code, err
}

// Verify implements primitive.MAC.
func (c mac) Verify(algorithm string, message, code []byte) error {
	want, err := c.Generate(algorithm, message)
	if err != nil {
		return err
	}
	if !hmac.Equal(want, code) {
		return primitive.ErrMAC
	}
	return nil
}
