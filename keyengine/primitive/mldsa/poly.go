package mldsa

import (
	"crypto/sha3"
	"encoding/binary"
	"math/bits"
)

const (
	q = 8380417 // the modulus: 2^23 - 2^13 + 1
	n = 256     // coefficients of a polynomial
)

// poly is a polynomial of the ring, or its transform; the coefficients are from 0 to q-1.
type poly [n]int32

func mod(x int64) int32 {
	r := int32(x % q)
	if r < 0 {
		r += q
	}
	return r
}

func (p poly) plus(o poly) poly {
	for i := range p {
		p[i] = mod(int64(p[i]) + int64(o[i]))
	}
	return p
}

func (p poly) minus() poly {
	for i := range p {
		p[i] = mod(-int64(p[i]))
	}
	return p
}

// times multiplies transforms: algorithm 45.
func (p poly) times(o poly) poly {
	for i := range p {
		p[i] = mod(int64(p[i]) * int64(o[i]))
	}
	return p
}

// zeta returns the power of the root of unity that step m of a transform uses: appendix B.
func zeta(m int) int64 {
	power, result := int64(1753), int64(1)
	for e := bits.Reverse8(uint8(m)); e > 0; e >>= 1 {
		if e&1 == 1 {
			result = result * power % q
		}
		power = power * power % q
	}
	return result
}

// ntt transforms: algorithm 41.
func (p *poly) ntt() {
	m := 0
	for half := n / 2; half > 0; half /= 2 {
		for start := 0; start < n; start += 2 * half {
			m++
			z := zeta(m)
			for j := start; j < start+half; j++ {
				t := z * int64(p[j+half]) % q
				p[j+half], p[j] = mod(int64(p[j])-t), mod(int64(p[j])+t)
			}
		}
	}
}

// inverse undoes a transform: algorithm 42.
func (p *poly) inverse() {
	m := n
	for half := 1; half < n; half *= 2 {
		for start := 0; start < n; start += 2 * half {
			m--
			z := q - zeta(m)
			for j := start; j < start+half; j++ {
				a, b := int64(p[j]), int64(p[j+half])
				p[j], p[j+half] = mod(a+b), mod(z*(a-b+q))
			}
		}
	}
	const inverseOf256 = 8347681
	for i := range p {
		p[i] = mod(inverseOf256 * int64(p[i]))
	}
}

// unpack reads n numbers of that many bits, least significant first: algorithm 18.
func unpack(b []byte, width int) (p poly) {
	var window uint64
	have := 0
	for i := range p {
		for ; have < width; have += 8 {
			window |= uint64(b[0]) << have
			b = b[1:]
		}
		p[i] = int32(window & (1<<width - 1))
		window >>= width
		have -= width
	}
	return p
}

// pack is the inverse of unpack: algorithm 16.
func (p poly) pack(width int) []byte {
	out := make([]byte, 0, width*n/8)
	var window uint64
	have := 0
	for _, x := range p {
		window |= uint64(x) << have
		for have += width; have >= 8; have -= 8 {
			out = append(out, byte(window))
			window >>= 8
		}
	}
	return out
}

// rejNTT samples an entry of the matrix, a transform: algorithms 32 and 30.
func rejNTT(seed []byte, column, row int) (p poly) {
	h := sha3.NewSHAKE128()
	_, _ = h.Write(seed)
	_, _ = h.Write([]byte{byte(column), byte(row)})
	for i := 0; i < n; {
		var b [3]byte
		_, _ = h.Read(b[:])
		if x := int32(b[0]) | int32(b[1])<<8 | int32(b[2]&0x7f)<<16; x < q {
			p[i] = x
			i++
		}
	}
	return p
}

// sampleInBall makes the challenge's polynomial, of which tau coefficients are 1 or -1:
// algorithm 29.
func sampleInBall(challenge []byte, tau int) (p poly) {
	h := sha3.NewSHAKE256()
	_, _ = h.Write(challenge)
	var b [8]byte
	_, _ = h.Read(b[:])
	signs := binary.LittleEndian.Uint64(b[:])
	for i := n - tau; i < n; i++ {
		j := n
		for j > i {
			_, _ = h.Read(b[:1])
			j = int(b[0])
		}
		p[i], p[j] = p[j], mod(1-2*int64(signs&1))
		signs >>= 1
	}
	return p
}
