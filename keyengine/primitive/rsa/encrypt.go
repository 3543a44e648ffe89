package rsa

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"meridian/keyengine/primitive"
)

// BareEncrypter implements primitive.EncryptsBare.
func (p Provider) BareEncrypter(m primitive.Material) (primitive.BareEncrypter, error) {
	key, err := primitive.Prepare(m, p.parse)
	if err != nil {
		return nil, err
	}
	return encrypter{key}, nil
}

type encrypter struct {
	key primitive.Prepared[*rsa.PrivateKey]
}

// Encrypt implements primitive.BareEncrypter.
func (e encrypter) Encrypt(rand io.Reader, algorithm string, plaintext []byte) (ciphertext []byte, err error) {
	h, ok := oaep(algorithm)
	if !ok {
		return nil, primitive.ErrAlgorithm
	}
	err = e.key.Use(func(key *rsa.PrivateKey) (err error) {
		ciphertext, err = rsa.EncryptOAEP(h(), rand, &key.PublicKey, plaintext, nil)
		if errors.Is(err, rsa.ErrMessageTooLong) {
			return primitive.ErrInput
		}
		return err
	})
	return ciphertext, err
}

// Decrypt implements primitive.BareEncrypter.
func (e encrypter) Decrypt(algorithm string, ciphertext []byte) (plaintext []byte, err error) {
	h, ok := oaep(algorithm)
	if !ok {
		return nil, primitive.ErrAlgorithm
	}
	err = e.key.Use(func(key *rsa.PrivateKey) (err error) {
		if len(ciphertext) != key.Size() {
			return primitive.ErrOpen
		}
		if plaintext, err = rsa.DecryptOAEP(h(), nil, key, ciphertext, nil); err != nil {
			return primitive.ErrOpen
		}
		return nil
	})
	return plaintext, err
}

// oaep returns the hash of an algorithm. That of SHA-1 is no weaker for it: OAEP does not need
// collisions to be hard to find.
func oaep(algorithm string) (func() hash.Hash, bool) {
	switch algorithm {
	case "RSAES_OAEP_SHA_1":
		return sha1.New, true
	case "RSAES_OAEP_SHA_256":
		return sha256.New, true
	}
	return nil, false
}
