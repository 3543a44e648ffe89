// Package canonical is the one byte form of every value Meridian stores, chains, signs or sends.
//
// It is deterministic CBOR (RFC 8949, section 4.2): equal values have equal bytes, so a hash or a
// signature over the bytes is one over the value. Decoding is strict: duplicate map keys, unknown
// struct fields, indefinite lengths, trailing bytes and invalid UTF-8 are errors, and sizes are
// bounded, so that hostile input costs no more than its own length.
//
// Structs carry `cbor:"N,keyasint"` tags; a field number is never reused.
package canonical

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Bounds of a decoded value.
const (
	MaxNesting = 16
	MaxItems   = 1 << 17
)

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

// Unmarshal decodes b into v, strictly.
func Unmarshal(b []byte, v any) error {
	if err := decoder.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}
