// Package canonical is the one byte form of every value Meridian stores, chains, signs or sends.
//
// It is deterministic CBOR (RFC 8949, section 4.2): equal values have equal bytes, so a hash or a
// signature over the bytes is one over the value. It promises that Unmarshal takes a value in that
// form alone. Whatever else CBOR allows is an error: duplicate or unsorted map keys, unknown struct
// fields, numbers longer than need be, arrays of another length than the Go type's, fields that
// would have been left out, indefinite lengths, tags, trailing bytes, invalid UTF-8. Depth and
// number of items are bounded, so that hostile input costs a small multiple of its own length; that
// length is for the caller to bound.
//
//	b := canonical.Marshal(record)
//	var record Record
//	err := canonical.Unmarshal(b, &record)
//
// Structs carry `cbor:"N,keyasint"` tags; a field number is never reused. The package starts no
// goroutines and is safe for concurrent use.
package canonical

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Bounds of a decoded value.
const (
	MaxNesting = 16
	MaxItems   = 1 << 17
)

// ErrForm says that bytes decode to a value, but are not the bytes that the value has.
var ErrForm = errors.New("not the deterministic form of the value")

// Raw is an encoded value that is decoded later.
type Raw = cbor.RawMessage

var (
	encoder = must(cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		ShortestFloat: cbor.ShortestFloat16,
		NaNConvert:    cbor.NaNConvert7e00,
		InfConvert:    cbor.InfConvertFloat16,
		IndefLength:   cbor.IndefLengthForbidden,
		NilContainers: cbor.NilContainerAsEmpty,
		TagsMd:        cbor.TagsForbidden,
	}.EncMode())

	decoder = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   MaxNesting,
		MaxArrayElements:  MaxItems,
		MaxMapPairs:       MaxItems,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode())
)

// must is for the two option sets above, which are constants.
func must[T any](mode T, err error) T {
	if err != nil {
		panic(err)
	}
	return mode
}

// Marshal encodes v. It panics if v is of a type that has no CBOR form, which is a programmer's
// error and never depends on input.
func Marshal(v any) []byte {
	b, err := encoder.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("canonical: encode %T: %v", v, err))
	}
	return b
}

// Unmarshal decodes b into v, strictly. v points to a zero value; after an error it holds anything.
//
// The decoder alone is not strict enough: it cuts a byte string that is too long for a Go array,
// takes null for zero and map keys in any order. Encoding the value again finds all of that.
func Unmarshal(b []byte, v any) error {
	if err := decoder.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	if !bytes.Equal(Marshal(v), b) {
		return fmt.Errorf("decode %T: %w", v, ErrForm)
	}
	return nil
}
