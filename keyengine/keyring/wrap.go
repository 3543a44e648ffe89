package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"meridian/keyengine/family"
	"meridian/keyengine/primitive"
)

// ErrUnwrap says that a wrapped material does not open: it was changed, or wrapped for another key,
// leaf or Region.
var ErrUnwrap = errors.New("wrapped key material does not open")

// wrapVersion is the first byte of a wrapped material.
const wrapVersion = 1

// Binding is what a wrapped material belongs to. The Region is the ring's own.
type Binding struct {
	Partition string
	Account   string
	KeyID     string
	ID        family.MaterialID
	Spec      string
}

// Wrap encrypts m under the KEK of a leaf: version, nonce, ciphertext, tag. A leaf is meant for one
// material; the nonce is random because a leader that lost its term may have used the same leaf for
// an entry that never came to be.
func (r *Ring) Wrap(rand io.Reader, leaf uint64, b Binding, m primitive.Material) ([]byte, error) {
	kek, err := r.kek(leaf)
	if err != nil {
		return nil, fmt.Errorf("wrap under leaf %d: %w", leaf, err)
	}
	out := []byte{wrapVersion}
	err = m.Use(func(secret []byte) error {
		out, err = sealRandom(rand, kek, out, r.wrapAAD(b), secret)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("wrap under leaf %d: %w", leaf, err)
	}
	return out, nil
}

// Unwrap decrypts what Wrap returned for the same leaf and binding. The error is ErrUnwrap, or says
// that the leaf's KEK is gone.
func (r *Ring) Unwrap(leaf uint64, b Binding, wrapped []byte) (primitive.Material, error) {
	kek, err := r.kek(leaf)
	if err != nil {
		return primitive.Material{}, fmt.Errorf("unwrap under leaf %d: %w", leaf, err)
	}
	if len(wrapped) == 0 || wrapped[0] != wrapVersion {
		return primitive.Material{}, ErrUnwrap
	}
	secret, ok := openRandom(kek, r.wrapAAD(b), wrapped[1:])
	if !ok {
		return primitive.Material{}, ErrUnwrap
	}
	defer clear(secret)
	return primitive.NewMaterial(secret), nil
}

// kek returns the cipher of one leaf. It is the only place that knows how a leaf becomes a key: a
// tree that can be punctured takes the place of the derivation, and then a leaf can be gone.
func (r *Ring) kek(leaf uint64) (cipher.AEAD, error) {
	info := binary.BigEndian.AppendUint64([]byte("meridian/kek/1"), leaf)
	return derivedCipher(r.master, string(info))
}

// wrapAAD is what a wrapped material is bound to: every part after its length.
func (r *Ring) wrapAAD(b Binding) []byte {
	var aad []byte
	for _, part := range []string{"mat/v1", b.Partition, r.region, b.Account, b.KeyID, string(b.ID[:]), b.Spec} {
		aad = binary.BigEndian.AppendUint32(aad, uint32(len(part)))
		aad = append(aad, part...)
	}
	return aad
}

// derivedCipher returns AES-256-GCM under a key derived from m for one purpose.
func derivedCipher(m primitive.Material, info string) (aead cipher.AEAD, err error) {
	err = m.Use(func(secret []byte) error {
		key, err := hkdf.Key(sha256.New, secret, nil, info, keyBytes)
		if err != nil {
			return err
		}
		defer clear(key)
		aead, err = gcm(key)
		return err
	})
	return aead, err
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealRandom appends a random nonce and the sealed plaintext to dst.
func sealRandom(rand io.Reader, aead cipher.AEAD, dst, aad, plaintext []byte) ([]byte, error) {
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return aead.Seal(append(dst, nonce...), nonce, plaintext, aad), nil
}

// openRandom opens what sealRandom appended.
func openRandom(aead cipher.AEAD, aad, sealed []byte) ([]byte, bool) {
	n := aead.NonceSize()
	if len(sealed) < n {
		return nil, false
	}
	plaintext, err := aead.Open(nil, sealed[:n], sealed[n:], aad)
	return plaintext, err == nil
}
