package rsa

import (
	"crypto/rsa"
	"math/big"

	"meridian/keyengine/primitive"
)

const minExponent = 1<<16 + 1

// parse reads PKCS #8 DER. The standard library checks that the numbers fit together, not that the
// primes are prime.
func (p Provider) parse(raw []byte) (*rsa.PrivateKey, error) {
	key, err := primitive.ParsePKCS8[*rsa.PrivateKey](raw)
	if err != nil || key.N.BitLen() != p.Bits || len(key.Primes) != 2 || key.E < minExponent {
		return nil, primitive.ErrMaterial
	}
	return key, nil
}

// prime reports whether both primes are: a key of other numbers would be one whose private half
// is easy to find, and whose owner does not know. The test is Baillie-PSW, which no composite is
// known to pass, and one round of Miller-Rabin with a base that depends on the number.
func prime(key *rsa.PrivateKey) bool {
	p, q := key.Primes[0], key.Primes[1]
	return p.Cmp(q) != 0 && p.ProbablyPrime(1) && q.ProbablyPrime(1)
}

// material returns the one encoding that the key has here: the larger prime first, and the least
// private exponent there is.
func material(key *rsa.PrivateKey) (primitive.Material, error) {
	p, q := key.Primes[0], key.Primes[1]
	if p.Cmp(q) < 0 {
		p, q = q, p
	}
	canonical := &rsa.PrivateKey{PublicKey: key.PublicKey, D: exponent(p, q, key.E), Primes: []*big.Int{p, q}}
	if canonical.D == nil || canonical.Validate() != nil {
		return primitive.Material{}, primitive.ErrMaterial
	}
	canonical.Precompute()
	return primitive.MarshalPKCS8(canonical)
}

// exponent returns the inverse of e modulo the least common multiple of p-1 and q-1, or nil.
func exponent(p, q *big.Int, e int) *big.Int {
	one := big.NewInt(1)
	a, b := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	lambda := new(big.Int).Mul(a, b)
	lambda.Div(lambda, new(big.Int).GCD(nil, nil, a, b))
	return new(big.Int).ModInverse(big.NewInt(int64(e)), lambda)
}
