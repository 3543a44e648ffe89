// Package keywrap is AES key wrap with padding (RFC 5649), which callers use to bring keys that are too
// long for RSA: a key of any length is encrypted under another, and checked when it is opened.
//
// It promises that Unwrap gives back exactly what Wrap was given, or ErrOpen. It does not judge what is
// wrapped, and it hides only the bytes, not their number.
//
//	wrapped, err := keywrap.Wrap(kek, key)
//	key, err := keywrap.Unwrap(kek, wrapped)
//
// It starts no goroutines and is safe for concurrent use.
package keywrap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"meridian/keyengine/primitive"
)

const (
	block = 8 // the half of an AES block, which the algorithm works on
	steps = 6 // how often each is passed
	// constant begins the integrity check value: RFC 5649, section 3.
	constant = 0xA65959A6
	// maxKey bounds what is wrapped, far below what the algorithm could take.
	maxKey = 1 << 16
)

var errLength = errors.New("key has no length that can be wrapped")

// Wrap encrypts key under kek, an AES key.
func Wrap(kek, key []byte) ([]byte, error) {
	if len(key) == 0 || len(key) > maxKey {
		return nil, errLength
	}
	c, err := aes.NewCipher(kek)
	if err != nil {
		return nil, fmt.Errorf("wrap key: %w", err)
	}
	out := make([]byte, block+(len(key)+block-1)/block*block)
	binary.BigEndian.PutUint32(out, constant)
	binary.BigEndian.PutUint32(out[4:], uint32(len(key)))
	copy(out[block:], key)
	if len(out) == aes.BlockSize {
		c.Encrypt(out, out)
	} else {
		mix(c, out)
	}
	return out, nil
}

// mix is the wrapping process of RFC 3394, section 2.2.1, with the initial value in place.
func mix(c cipher.Block, b []byte) {
	n := len(b)/block - 1
	var x [aes.BlockSize]byte
	copy(x[:], b[:block])
	for t := 1; t <= steps*n; t++ {
		r := b[block*((t-1)%n+1):][:block]
		copy(x[block:], r)
		c.Encrypt(x[:], x[:])
		copy(r, x[block:])
		binary.BigEndian.PutUint64(x[:], binary.BigEndian.Uint64(x[:])^uint64(t))
	}
	copy(b, x[:block])
}

// Unwrap decrypts what Wrap made. The one error that depends on wrapped is primitive.ErrOpen.
func Unwrap(kek, wrapped []byte) ([]byte, error) {
	c, err := aes.NewCipher(kek)
	if err != nil {
		return nil, primitive.ErrOpen // callers choose the key too
	}
	if len(wrapped) < 2*block || len(wrapped)%block != 0 || len(wrapped) > block+maxKey {
		return nil, primitive.ErrOpen
	}
	b := append([]byte(nil), wrapped...)
	if len(b) == aes.BlockSize {
		c.Decrypt(b, b)
	} else {
		unmix(c, b)
	}
	size := int(binary.BigEndian.Uint32(b[4:]))
	whole := len(b) - block
	if binary.BigEndian.Uint32(b) != constant || size <= whole-block || size > whole ||
		subtle.ConstantTimeCompare(b[block+size:], make([]byte, whole-size)) == 0 {
		clear(b)
		return nil, primitive.ErrOpen
	}
	return b[block:][:size:size], nil
}

// unmix is the unwrapping process of RFC 3394, section 2.2.2.
func unmix(c cipher.Block, b []byte) {
	n := len(b)/block - 1
	var x [aes.BlockSize]byte
	copy(x[:], b[:block])
	for t := steps * n; t > 0; t-- {
		r := b[block*((t-1)%n+1):][:block]
		binary.BigEndian.PutUint64(x[:], binary.BigEndian.Uint64(x[:])^uint64(t))
		copy(x[block:], r)
		c.Decrypt(x[:], x[:])
		copy(r, x[block:])
	}
	copy(b, x[:block])
}
