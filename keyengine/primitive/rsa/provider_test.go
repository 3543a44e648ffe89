package rsa_test

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"os"
	"testing"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/primitivetest"
	provider "meridian/keyengine/primitive/rsa"
)

// kept is a provider that makes no keys but has some that openssl made, as making them takes long:
// in testdata, as PKCS #8 DER.
type kept struct{ provider.Provider }

func (k kept) Generate(rand io.Reader) (primitive.Material, error) {
	var got, one [8]byte
	if _, err := io.ReadFull(rand, got[:]); err != nil {
		return primitive.Material{}, err
	}
	_, _ = io.ReadFull(primitivetest.Rand(1), one[:])
	which := 1
	if got == one {
		which = 0
	}
	raw, err := os.ReadFile(fmt.Sprintf("testdata/%d.%d.der", k.Bits, which))
	if err != nil {
		return primitive.Material{}, err
	}
	return k.Import(raw)
}

func keep(bits int) kept { return kept{provider.Provider{Bits: bits}} }

func TestConformance(t *testing.T) {
	primitivetest.Run(t, provider.Provider{Bits: 2048})
}

// TestLongerKeys does once what the suite does often with a short key, as it takes so much longer.
func TestLongerKeys(t *testing.T) {
	for _, bits := range []int{3072, 4096} {
		p := keep(bits)
		spec, ok := keyspec.Lookup(p.Spec())
		if !ok {
			t.Fatalf("there is no %s", p.Spec())
		}
		m := generate(t, p)
		enc, err := p.BareEncrypter(m)
		if err != nil {
			t.Fatal(err)
		}
		encryption, _ := spec.Usage(keyspec.EncryptDecrypt)
		for _, a := range encryption.Algorithms {
			ciphertext, err := enc.Encrypt(primitivetest.Rand(1), a.Name, make([]byte, a.MaxBytes))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := enc.Decrypt(a.Name, ciphertext); err != nil || len(got) != a.MaxBytes {
				t.Errorf("%s %s: %d bytes, %v", p.Spec(), a.Name, len(got), err)
			}
			if _, err := enc.Encrypt(primitivetest.Rand(1), a.Name, make([]byte, a.MaxBytes+1)); err != primitive.ErrInput {
				t.Errorf("%s %s: %v", p.Spec(), a.Name, err)
			}
		}
		signer, err := p.Signer(m)
		if err != nil {
			t.Fatal(err)
		}
		signing, _ := spec.Usage(keyspec.SignVerify)
		for _, a := range signing.Algorithms {
			signature, err := signer.Sign(primitivetest.Rand(1), a.Name, primitive.Raw, nil)
			if err != nil || len(signature) != bits/8 {
				t.Fatalf("%s %s: %d bytes, %v", p.Spec(), a.Name, len(signature), err)
			}
			if err := signer.Verify(a.Name, primitive.Raw, nil, signature); err != nil {
				t.Errorf("%s %s: %v", p.Spec(), a.Name, err)
			}
		}
	}
}

func FuzzImport(f *testing.F) { primitivetest.FuzzImport(f, keep(2048)) }

// TestImportIsCanonical gives the same key in other words: with the primes the other way round, and
// with the larger private exponent that older software makes.
func TestImportIsCanonical(t *testing.T) {
	p := keep(2048)
	m := generate(t, p)
	key := parse(t, m)
	one := big.NewInt(1)
	a, b := new(big.Int).Sub(key.Primes[0], one), new(big.Int).Sub(key.Primes[1], one)
	for name, other := range map[string]*rsa.PrivateKey{
		"primes": {PublicKey: key.PublicKey, D: key.D, Primes: []*big.Int{key.Primes[1], key.Primes[0]}},
		"exponent": {
			PublicKey: key.PublicKey, Primes: key.Primes,
			D: new(big.Int).ModInverse(big.NewInt(int64(key.E)), new(big.Int).Mul(a, b)),
		},
	} {
		other.Precompute()
		in, err := p.Import(marshal(t, other))
		if err != nil || !in.Equal(m) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	p := keep(2048)
	small, err := rsa.GenerateKey(nil, 1024)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 what it makes is refused
	three, err := rsa.GenerateMultiPrimeKey(nil, 3, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"1024 bits":       marshal(t, small),
		"three primes":    marshal(t, three),
		"PKCS #1":         x509.MarshalPKCS1PrivateKey(parse(t, generate(t, p))),
		"exponent 3":      marshal(t, exponentThree(t)),
		"composite prime": marshal(t, composite(t)),
	} {
		if _, err := p.Import(raw); err != primitive.ErrMaterial {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := keep(3072).Import(generate(t, p).Bytes()); err != primitive.ErrMaterial {
		t.Errorf("a 2048-bit key as 3072-bit: %v", err)
	}
	if _, err := (provider.Provider{Bits: 3072}).Signer(generate(t, p)); err != primitive.ErrMaterial {
		t.Errorf("a signer of another size: %v", err)
	}
}

func generate(t *testing.T, p primitive.Provider) primitive.Material { return generated(t, p, 1) }

func generated(t *testing.T, p primitive.Provider, seed byte) primitive.Material {
	t.Helper()
	m, err := p.Generate(primitivetest.Rand(seed))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func parse(t *testing.T, m primitive.Material) *rsa.PrivateKey {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

func marshal(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// of returns the key of p, q and e, or nil if there is none of 2048 bits.
func of(p, q *big.Int, e int) *rsa.PrivateKey {
	one := big.NewInt(1)
	a, b := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	d := new(big.Int).ModInverse(big.NewInt(int64(e)), new(big.Int).Mul(a, b))
	n := new(big.Int).Mul(p, q)
	if d == nil || n.BitLen() != 2048 {
		return nil
	}
	return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: e}, D: d, Primes: []*big.Int{p, q}}
}

// exponentThree returns a key of those kept primes that three does not divide the predecessor of.
func exponentThree(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	var fit []*big.Int
	for seed := range byte(2) {
		for _, p := range parse(t, generated(t, keep(2048), seed)).Primes {
			if new(big.Int).Mod(p, big.NewInt(3)).Int64() == 2 {
				fit = append(fit, p)
			}
		}
	}
	if key := of(fit[0], fit[1], 3); key != nil {
		return key
	}
	t.Fatal("these primes make no key")
	return nil
}

// composite returns a key whose second prime is none, which the standard library takes.
func composite(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	p := parse(t, generate(t, keep(2048))).Primes[0]
	for q := new(big.Int).Sub(p, new(big.Int).Lsh(big.NewInt(1), 1000)); ; q.Sub(q, big.NewInt(2)) {
		key := of(p, new(big.Int).Set(q), 65537)
		if q.ProbablyPrime(0) || key == nil {
			continue
		}
		if _, err := x509.ParsePKCS8PrivateKey(marshal(t, key)); err != nil {
			t.Fatalf("this test would not see whether primes are tested: %v", err)
		}
		return key
	}
}
