package keyring

import (
	"crypto/sha256"
	"encoding/binary"

	"meridian/keyengine/family"
)

// Origin says where a key's material comes from.
type Origin string

// The origins, by AWS's names.
const (
	OriginAWSKMS   Origin = "AWS_KMS"
	OriginExternal Origin = "EXTERNAL"
)

// MaterialID names a material. For OriginAWSKMS b is 32 random bytes, so that the id says nothing
// of the material; for OriginExternal it is the material itself, so that the same import has the
// same id in every Region. Any other origin has no material of its own, and is a broken promise.
func MaterialID(origin Origin, keyID string, b []byte) family.MaterialID {
	var prefix string
	switch origin {
	case OriginAWSKMS:
		prefix = "meridian/material/random/1"
		if len(b) != 32 {
			panic("keyring: a material id is made of 32 random bytes")
		}
	case OriginExternal:
		prefix = "meridian/material/imported/1"
	default:
		panic("keyring: material of origin " + string(origin))
	}
	h := sha256.New()
	h.Write([]byte(prefix))
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(keyID))))
	h.Write([]byte(keyID))
	h.Write(b)
	return family.MaterialID(h.Sum(nil))
}
