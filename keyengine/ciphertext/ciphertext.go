// Package ciphertext is the binary form of the CiphertextBlob of a symmetric key, and of the data
// that is authenticated with it.
//
//	magic    "MK", version 1          3 bytes
//	algorithm                         1
//	account  as a number              6, big-endian
//	key id   length, then bytes       1 + length
//	material id                      32
//	salt     of the message key      16
//	IV                               12
//	ciphertext                        any
//	tag                              16
//
// No Region is in it: related multi-Region keys open each other's ciphertexts.
//
// It promises that what Parse takes is laid out exactly so, and that Append gives the same bytes
// again. It knows nothing of cryptography: a blob that parses may still be forged. Encryption is in
// the packages below keyengine/primitive. The package is pure and starts no goroutines.
package ciphertext

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"meridian/keyengine/arn"
)

// Lengths of the parts, in bytes.
const (
	MaterialIDBytes = 32
	SaltBytes       = 16
	IVBytes         = 12
	TagBytes        = 16

	// MaxBytes is the longest blob, the service model's bound.
	MaxBytes = 6144
)

const (
	magic        = "MK\x01" // the last byte is the version of the layout
	accountBytes = 6
)

// Algorithm says how the message key and the ciphertext are made.
type Algorithm uint8

// The algorithms. A number is never reused.
const (
	// AES256GCM derives the key of each message from material and salt, and encrypts with AES-256-GCM.
	AES256GCM Algorithm = 1
)

// ErrMalformed is the one error of Parse. Callers of the service see InvalidCiphertextException
// for it, as for every other reason why a blob cannot be opened.
var ErrMalformed = errors.New("malformed ciphertext")

// Key names what a blob is encrypted under.
type Key struct {
	Account  string
	KeyID    string
	Material [MaterialIDBytes]byte
}

// Header is what stands before the IV.
type Header struct {
	Algorithm Algorithm
	Key       Key
	Salt      [SaltBytes]byte
}

// Blob is a parsed blob.
type Blob struct {
	Header
	Head   []byte        // the bytes of the header as received
	IV     [IVBytes]byte // of the message
	Sealed []byte        // ciphertext and tag
}

// Append appends the header's bytes to dst. It panics if account or key id are not well formed:
// they come from a stored key, never from a caller.
func (h Header) Append(dst []byte) []byte {
	account, err := strconv.ParseUint(h.Key.Account, 10, 8*accountBytes)
	if err != nil || !arn.ValidAccount(h.Key.Account) || !arn.ValidKeyID(h.Key.KeyID) {
		panic(fmt.Sprintf("ciphertext: header for key %q of account %q", h.Key.KeyID, h.Key.Account))
	}
	dst = append(dst, magic...)
	dst = append(dst, byte(h.Algorithm))
	dst = append(dst, binary.BigEndian.AppendUint64(nil, account)[8-accountBytes:]...)
	dst = append(dst, byte(len(h.Key.KeyID)))
	dst = append(dst, h.Key.KeyID...)
	dst = append(dst, h.Key.Material[:]...)
	return append(dst, h.Salt[:]...)
}

// Append appends the blob's bytes to dst, from Header, IV and Sealed.
func (b *Blob) Append(dst []byte) []byte {
	dst = b.Header.Append(dst)
	dst = append(dst, b.IV[:]...)
	return append(dst, b.Sealed...)
}

// Parse takes a blob apart. The Blob refers to b.
func Parse(b []byte) (*Blob, error) {
	if len(b) > MaxBytes {
		return nil, ErrMalformed
	}
	r := reader{rest: b}
	blob := &Blob{}
	if string(r.take(len(magic))) != magic {
		return nil, ErrMalformed
	}
	blob.Algorithm = Algorithm(r.one())
	account := binary.BigEndian.Uint64(slices.Concat([]byte{0, 0}, r.fixed(accountBytes)))
	blob.Key.Account = fmt.Sprintf("%012d", account)
	blob.Key.KeyID = string(r.take(int(r.one())))
	copy(blob.Key.Material[:], r.take(MaterialIDBytes))
	copy(blob.Salt[:], r.take(SaltBytes))
	blob.Head = b[:len(b)-len(r.rest)]
	copy(blob.IV[:], r.take(IVBytes))
	blob.Sealed = r.rest
	switch {
	case r.short, len(blob.Sealed) < TagBytes, blob.Algorithm != AES256GCM,
		!arn.ValidAccount(blob.Key.Account), !arn.ValidKeyID(blob.Key.KeyID):
		return nil, ErrMalformed
	}
	return blob, nil
}

// reader takes bytes from the front of rest and remembers whether there were too few.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// fixed is take that always returns n bytes: zeros if there were too few.
func (r *reader) fixed(n int) []byte {
	if b := r.take(n); b != nil {
		return b
	}
	return make([]byte, n)
}

func (r *reader) one() byte { return r.fixed(1)[0] }
