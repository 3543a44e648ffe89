package primitive

import (
	"errors"
	"fmt"
	"io"
)

var errRandomness = errors.New("randomness gives no scalar")

// Scalar reads numbers of that many bits from rand, big-endian, until use takes one: FIPS 186-5,
// section A.2.2, which tests candidates as it draws them. Half of them or more fit on any curve,
// so that randomness of which 128 do not is none.
//
// The elliptic curves of the standard library have generators, but those use no randomness except
// their own.
func Scalar(rand io.Reader, bits int, use func(scalar []byte) error) error {
	b := make([]byte, (bits+7)/8)
	defer clear(b)
	for range 128 {
		if _, err := io.ReadFull(rand, b); err != nil {
			return fmt.Errorf("read randomness: %w", err)
		}
		b[0] &= 0xff >> (8*len(b) - bits)
		if use(b) == nil {
			return nil
		}
	}
	return errRandomness
}
