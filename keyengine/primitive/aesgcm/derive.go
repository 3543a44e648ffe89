package aesgcm

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"meridian/keyengine/ciphertext"
)

// label keeps message keys apart from anything else that is ever derived from material.
const label = "meridian/message/1"

// messageKey derives the key of one message. With a key of its own for each message, the bound on
// random IVs under one AES-GCM key (NIST SP 800-38D, section 8.3) does not bound the material.
func messageKey(material []byte, salt [ciphertext.SaltBytes]byte) []byte {
	fixed := append([]byte(label), 0)
	fixed = append(fixed, salt[:]...)
	fixed = binary.BigEndian.AppendUint32(fixed, 8*keyBytes)
	return counterKDF(material, fixed)[:keyBytes]
}

// counterKDF is one block of NIST SP 800-108r1, section 4.1: counter mode, HMAC-SHA-256, a counter
// of 32 bits before the fixed input.
func counterKDF(key, fixed []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte{0, 0, 0, 1})
	h.Write(fixed)
	return h.Sum(nil)
}
