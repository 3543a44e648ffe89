package mldsa

import (
	"bytes"
	"crypto/sha3"
	"math/bits"
)

// The library signs a mu but verifies messages alone, so that verifying a mu is done here, after
// FIPS 204: algorithm 8 from step 3, without step 6, which computes mu. The numbers of algorithms
// and sections below are its own. Nothing here is secret, and nothing takes constant time.

const muBytes = 64

// verifier is a set of parameters: section 4, table 1.
type verifier struct {
	k, l   int // rows and columns of the matrix
	eta    int
	tau    int // coefficients of the challenge that are not zero
	lambda int // strength against collisions, in bits
	gamma1 int32
	gamma2 int32
	omega  int // hints at most
}

func (p Provider) verifier() verifier {
	switch p.Set {
	case 44:
		return verifier{k: 4, l: 4, eta: 2, tau: 39, lambda: 128, gamma1: 1 << 17, gamma2: (q - 1) / 88, omega: 80}
	case 65:
		return verifier{k: 6, l: 5, eta: 4, tau: 49, lambda: 192, gamma1: 1 << 19, gamma2: (q - 1) / 32, omega: 55}
	}
	return verifier{k: 8, l: 7, eta: 2, tau: 60, lambda: 256, gamma1: 1 << 19, gamma2: (q - 1) / 32, omega: 75}
}

const (
	seedBytes = 32
	t1Bits    = 10
	dropped   = 13 // bits of t that the public key leaves out
)

// verify reports whether signature is one of mu under the public key: algorithm 8.
func (v verifier) verify(public, mu, signature []byte) bool {
	challenge, z, hints, ok := v.decode(signature)
	if !ok || len(public) != seedBytes+v.k*t1Bits*n/8 {
		return false
	}
	c := sampleInBall(challenge, v.tau)
	c.ntt()
	for i := range z {
		z[i].ntt()
	}
	h := sha3.NewSHAKE256()
	_, _ = h.Write(mu)
	for i := range v.k {
		t1 := unpack(public[seedBytes+i*t1Bits*n/8:], t1Bits)
		for j := range t1 {
			t1[j] = mod(int64(t1[j]) << dropped)
		}
		t1.ntt()
		w := c.times(t1).minus()
		for j := range z {
			w = w.plus(rejNTT(public[:seedBytes], j, i).times(z[j]))
		}
		w.inverse()
		_, _ = h.Write(v.highBits(w, hints[i]))
	}
	again := make([]byte, len(challenge))
	_, _ = h.Read(again)
	return bytes.Equal(challenge, again)
}

// decode reads a signature and checks the bounds of z: algorithm 27, and step 13 of algorithm 8.
func (v verifier) decode(signature []byte) (challenge []byte, z []poly, hints [][n]bool, ok bool) {
	zBits := 1 + bits.Len32(uint32(v.gamma1-1))
	cBytes, zBytes := v.lambda/4, zBits*n/8
	if len(signature) != cBytes+v.l*zBytes+v.omega+v.k {
		return nil, nil, nil, false
	}
	challenge = signature[:cBytes]
	z = make([]poly, v.l)
	bound := v.gamma1 - int32(v.tau*v.eta)
	for i := range z {
		z[i] = unpack(signature[cBytes+i*zBytes:], zBits)
		for j, packed := range z[i] {
			value := v.gamma1 - packed
			if value >= bound || value <= -bound {
				return nil, nil, nil, false
			}
			z[i][j] = mod(int64(value))
		}
	}
	hints, ok = v.hints(signature[cBytes+v.l*zBytes:])
	return challenge, z, hints, ok
}

// hints reads which coefficients have one; there is only one way to write them: algorithm 21.
func (v verifier) hints(y []byte) ([][n]bool, bool) {
	h := make([][n]bool, v.k)
	index := 0
	for i := range h {
		end := int(y[v.omega+i])
		if end < index || end > v.omega {
			return nil, false
		}
		for first := index; index < end; index++ {
			if index > first && y[index-1] >= y[index] {
				return nil, false
			}
			h[i][y[index]] = true
		}
	}
	for _, rest := range y[index:v.omega] {
		if rest != 0 {
			return nil, false
		}
	}
	return h, true
}

// highBits returns the packed high bits of w, corrected by the hints: algorithms 40, 36 and 28.
func (v verifier) highBits(w poly, hints [n]bool) []byte {
	m := (q - 1) / (2 * v.gamma2)
	for i, r := range w {
		r0 := r % (2 * v.gamma2)
		if r0 > v.gamma2 {
			r0 -= 2 * v.gamma2
		}
		r1 := (r - r0) / (2 * v.gamma2)
		if r-r0 == q-1 {
			r1, r0 = 0, r0-1
		}
		switch {
		case hints[i] && r0 > 0:
			r1 = (r1 + 1) % m
		case hints[i]:
			r1 = (r1 + m - 1) % m
		}
		w[i] = r1
	}
	return w.pack(bits.Len32(uint32(m - 1)))
}
