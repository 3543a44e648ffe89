// Package primitivetest is the conformance suite of key material providers: every provider's test
// calls Run, which checks each capability that the provider has, with every algorithm that the
// table of key specs gives it.
//
// It promises to fail for a provider that accepts what was changed, that says why it does not, that
// takes inputs which the table excludes, that works with other or destroyed material, or that shows
// material. It does not check an algorithm's output: published vectors in the provider's own test
// do. It starts no goroutines of its own that outlive a test.
package primitivetest

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/cryptotest"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/primitive"
)

// Rand returns reproducible bytes, so that a failure repeats. It is for tests alone.
func Rand(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// Run checks a provider.
func Run(t *testing.T, p primitive.Provider) {
	t.Run("generate", func(t *testing.T) { generate(t, p) })
	t.Run("import", func(t *testing.T) { imports(t, p) })
	if e, ok := p.(primitive.Encrypts); ok {
		t.Run("encrypt", func(t *testing.T) { encrypts(t, p, e) })
	}
	if e, ok := p.(primitive.EncryptsBare); ok {
		t.Run("encrypt bare", func(t *testing.T) { encryptsBare(t, p, e) })
	}
	if s, ok := p.(primitive.Signs); ok {
		t.Run("sign", func(t *testing.T) { signs(t, p, s) })
	}
	if m, ok := p.(primitive.MACs); ok {
		t.Run("mac", func(t *testing.T) { macs(t, p, m) })
	}
	if a, ok := p.(primitive.Agrees); ok {
		t.Run("agree", func(t *testing.T) { agrees(t, p, a) })
	}
	if k, ok := p.(primitive.PublicKeys); ok {
		t.Run("public key", func(t *testing.T) { publicKeys(t, p, k) })
	}
	t.Run("capabilities", func(t *testing.T) { capabilities(t, p) })
}

// capabilities holds what the provider can do against the usages of its spec.
func capabilities(t *testing.T, p primitive.Provider) {
	spec, ok := keyspec.Lookup(p.Spec())
	if !ok {
		t.Fatalf("there is no spec %q", p.Spec())
	}
	if n := material(p, 1).Len(); spec.KeyBytes != 0 && n != spec.KeyBytes {
		t.Errorf("material of %d bytes, the table says %d", n, spec.KeyBytes)
	}
	_, encrypts := p.(primitive.Encrypts)
	_, bare := p.(primitive.EncryptsBare)
	_, signs := p.(primitive.Signs)
	_, macs := p.(primitive.MACs)
	_, agrees := p.(primitive.Agrees)
	_, public := p.(primitive.PublicKeys)
	for usage, can := range map[string]bool{
		keyspec.EncryptDecrypt: encrypts || bare, keyspec.SignVerify: signs, keyspec.MAC: macs, keyspec.KeyAgreement: agrees,
	} {
		if _, should := spec.Usage(usage); should != can {
			t.Errorf("%s: the table says %t, the provider %t", usage, should, can)
		}
	}
	if asymmetric := spec.Class == keyspec.Asymmetric; public != asymmetric || encrypts && asymmetric || bare && !asymmetric {
		t.Errorf("asymmetric %t, has public keys %t, encrypts %t, bare %t", asymmetric, public, encrypts, bare)
	}
}

// algorithms returns those of a usage of the provider's spec.
func algorithms(t *testing.T, p primitive.Provider, usage string) []keyspec.Algorithm {
	t.Helper()
	spec, _ := keyspec.Lookup(p.Spec())
	u, ok := spec.Usage(usage)
	if !ok {
		t.Fatalf("%s has no usage %s", p.Spec(), usage)
	}
	return u.Algorithms
}

// OwnSource is what a provider of this suite may implement, to say that it does not use the
// randomness that it is given but a source of its own that testing/cryptotest can set.
type OwnSource interface{ OwnSource() }

func generate(t *testing.T, p primitive.Provider) {
	make := func(seed byte) primitive.Material {
		cryptotest.SetGlobalRandom(t, uint64(seed))
		return must(p.Generate(Rand(seed)))
	}
	a, b, again := make(1), make(2), make(1)
	if !a.Equal(again) {
		t.Error("the same randomness gives other material")
	}
	if a.Equal(b) {
		t.Error("other randomness gives the same material")
	}
	if _, own := p.(OwnSource); own {
		return
	}
	if _, err := p.Generate(strings.NewReader("short")); err == nil {
		t.Error("material without enough randomness")
	}
	_, _ = p.Generate(stuck{}) // whatever comes of it, it comes to an end
}

// stuck is randomness that is always the same byte, and no scalar of any curve.
type stuck struct{}

func (stuck) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0xff
	}
	return len(b), nil
}

func imports(t *testing.T, p primitive.Provider) {
	m := material(p, 1)
	raw := m.Bytes()
	in, err := p.Import(raw)
	if err != nil || !in.Equal(m) {
		t.Fatalf("importing what was generated: %v", err)
	}
	clear(raw)
	if !in.Equal(m) {
		t.Error("an import shares the caller's bytes")
	}
	whole := m.Bytes()
	for _, raw := range [][]byte{nil, {1}, make([]byte, 1<<14), whole[:len(whole)-1], append(whole, 0)} {
		if _, err := p.Import(raw); !errors.Is(err, primitive.ErrMaterial) {
			t.Errorf("importing %d bytes: %v", len(raw), err)
		}
	}
}

// FuzzImport feeds Import with bytes from outside: what it accepts is material that says the same
// when it is imported again, and does what its spec can do.
func FuzzImport(f *testing.F, p primitive.Provider) {
	f.Add(material(p, 1).Bytes())
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := p.Import(raw)
		if err != nil {
			if !errors.Is(err, primitive.ErrMaterial) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		again, err := p.Import(m.Bytes())
		if err != nil || !again.Equal(m) {
			t.Fatalf("not canonical: %v", err)
		}
		usable(t, p, m)
	})
}

// usable fails if one of the provider's capabilities does not take m.
func usable(t *testing.T, p primitive.Provider, m primitive.Material) {
	t.Helper()
	var errs []error
	check := func(_ any, err error) { errs = append(errs, err) }
	if e, ok := p.(primitive.Encrypts); ok {
		check(e.Encrypter(m))
	}
	if e, ok := p.(primitive.EncryptsBare); ok {
		check(e.BareEncrypter(m))
	}
	if s, ok := p.(primitive.Signs); ok {
		check(s.Signer(m))
	}
	if a, ok := p.(primitive.MACs); ok {
		check(a.MAC(m))
	}
	if a, ok := p.(primitive.Agrees); ok {
		check(a.Agreement(m))
	}
	if k, ok := p.(primitive.PublicKeys); ok {
		check(k.PublicKey(m))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("material that was accepted cannot be used: %v", err)
	}
}

// notMaterial is what no capability takes.
func notMaterial() []primitive.Material {
	return []primitive.Material{{}, primitive.NewMaterial([]byte("short"))}
}

// material returns the provider's material of a seed.
func material(p primitive.Provider, seed byte) primitive.Material {
	return must(p.Generate(Rand(seed)))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
