// Package aesgcm provides SYMMETRIC_DEFAULT: 256-bit material, AES-256-GCM under a key derived for
// each message.
//
// It promises authenticated encryption of plaintext, encryption context and the name of the key,
// one error for whatever cannot be opened, and no limit on the number of messages that a material
// can reach. It starts no goroutines; Provider and the encrypters are safe for concurrent use.
package aesgcm

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"

	"meridian/keyengine/ciphertext"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/primitive"
)

const keyBytes = 32

var (
	_ primitive.Provider = Provider{}
	_ primitive.Encrypts = Provider{}
)

// Provider implements primitive.Provider and primitive.Encrypts.
type Provider struct{}

// Spec implements primitive.Provider.
func (Provider) Spec() string { return keyspec.SymmetricDefault }

// Generate implements primitive.Provider.
func (Provider) Generate(rand io.Reader) (primitive.Material, error) {
	return primitive.ReadMaterial(rand, keyBytes)
}

// Import implements primitive.Provider.
func (Provider) Import(raw []byte) (primitive.Material, error) {
	if len(raw) != keyBytes {
		return primitive.Material{}, primitive.ErrMaterial
	}
	return primitive.NewMaterial(raw), nil
}

// Encrypter implements primitive.Encrypts.
func (Provider) Encrypter(m primitive.Material) (primitive.Encrypter, error) {
	if m.Len() != keyBytes {
		return nil, primitive.ErrMaterial
	}
	return encrypter{m}, nil
}

type encrypter struct{ material primitive.Material }

// Seal implements primitive.Encrypter.
func (e encrypter) Seal(rand io.Reader, key ciphertext.Key, context map[string]string, plaintext []byte) ([]byte, error) {
	b := &ciphertext.Blob{Header: ciphertext.Header{Algorithm: ciphertext.AES256GCM, Key: key}}
	for _, random := range [][]byte{b.Salt[:], b.IV[:]} {
		if _, err := io.ReadFull(rand, random); err != nil {
			return nil, fmt.Errorf("read randomness: %w", err)
		}
	}
	gcm, err := e.message(b.Salt)
	if err != nil {
		return nil, err
	}
	aad := ciphertext.AAD(b.Header.Append(nil), context)
	b.Sealed = gcm.Seal(nil, b.IV[:], plaintext, aad)
	return b.Append(nil), nil
}

// Open implements primitive.Encrypter.
func (e encrypter) Open(b *ciphertext.Blob, context map[string]string) ([]byte, error) {
	if b.Algorithm != ciphertext.AES256GCM {
		return nil, primitive.ErrOpen
	}
	gcm, err := e.message(b.Salt)
	if err != nil {
		return nil, err
	}
	plaintext, err := gcm.Open(nil, b.IV[:], b.Sealed, ciphertext.AAD(b.Head, context))
	if err != nil {
		return nil, primitive.ErrOpen
	}
	return plaintext, nil
}

// message returns the cipher of the message with that salt.
func (e encrypter) message(salt [ciphertext.SaltBytes]byte) (gcm cipher.AEAD, err error) {
	err = e.material.Use(func(material []byte) error {
		key := messageKey(material, salt)
		defer clear(key)
		block, err := aes.NewCipher(key)
		if err != nil {
			return fmt.Errorf("message key: %w", err)
		}
		gcm, err = cipher.NewGCM(block)
		return err
	})
	return gcm, err
}
