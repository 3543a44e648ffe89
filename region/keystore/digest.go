package keystore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math/bits"
)

// Digest stands for a set of rows: the sum, modulo 2^256, of the SHA-256 of each row. A sum can be
// kept up to date by each put and delete, and does not care for the order in which rows came.
// It detects accidents and bugs, not an adversary who chooses rows.
type Digest [32]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Add adds a row that was not in the set.
func (d *Digest) Add(key, value []byte) { d.combine(key, value, bits.Add64) }

// Sub removes a row that was in the set.
func (d *Digest) Sub(key, value []byte) { d.combine(key, value, bits.Sub64) }

func (d *Digest) combine(key, value []byte, op func(x, y, carry uint64) (uint64, uint64)) {
	h := rowHash(key, value)
	var carry uint64
	for i := 24; i >= 0; i -= 8 { // limbs from the least significant, big-endian bytes
		var limb uint64
		limb, carry = op(binary.BigEndian.Uint64(d[i:]), binary.BigEndian.Uint64(h[i:]), carry)
		binary.BigEndian.PutUint64(d[i:], limb)
	}
}

// rowHash is SHA-256(length of key as 8 bytes ‖ key ‖ value).
func rowHash(key, value []byte) (sum [32]byte) {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(key)))
	write(h, n[:], key, value)
	h.Sum(sum[:0])
	return sum
}

// ChainStart is the chain's value before the first record.
func ChainStart(clusterID, region string, life uint64) (sum [32]byte) {
	h := sha256.New()
	write(h, []byte("meridian/chain/1"), []byte(clusterID), []byte(region), binary.BigEndian.AppendUint64(nil, life))
	h.Sum(sum[:0])
	return sum
}

// ChainNext is the chain's value after a record.
func ChainNext(before [32]byte, record []byte) (sum [32]byte) {
	h := sha256.New()
	write(h, before[:], record)
	h.Sum(sum[:0])
	return sum
}

func write(h hash.Hash, parts ...[]byte) {
	for _, p := range parts {
		h.Write(p) // never fails, says its documentation
	}
}
