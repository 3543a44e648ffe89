package ciphertext

import (
	"encoding/binary"
	"maps"
	"slices"
)

// AAD returns the data authenticated with a message: the header, then the encryption context sorted
// by the bytes of its keys, each key and value preceded by its length in four bytes. A context
// without pairs is the same as none, and no two contexts have the same form.
func AAD(head []byte, context map[string]string) []byte {
	size := len(head)
	for k, v := range context {
		size += 8 + len(k) + len(v)
	}
	aad := append(make([]byte, 0, size), head...)
	for _, k := range slices.Sorted(maps.Keys(context)) {
		aad = appendPart(aad, k)
		aad = appendPart(aad, context[k])
	}
	return aad
}

func appendPart(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}
