package primitive

import (
	"fmt"
	"io"
)

// Set is the providers that a Region works with. The zero Set is empty.
type Set struct{ providers map[string]Provider }

// NewSet returns the set of the given providers. Two for one spec are a programmer's error.
func NewSet(providers ...Provider) Set {
	s := Set{providers: map[string]Provider{}}
	for _, p := range providers {
		if _, twice := s.providers[p.Spec()]; twice {
			panic("primitive: two providers of " + p.Spec())
		}
		s.providers[p.Spec()] = p
	}
	return s
}

// Lookup returns the provider of a key spec.
func (s Set) Lookup(spec string) (Provider, bool) {
	p, ok := s.providers[spec]
	return p, ok
}

// Generate makes new material of a key spec.
func (s Set) Generate(spec string, rand io.Reader) (Material, error) {
	p, err := capable[Provider](s, spec, "generate")
	if err != nil {
		return Material{}, err
	}
	return p.Generate(rand)
}

// Import makes material of a key spec of a copy of raw.
func (s Set) Import(spec string, raw []byte) (Material, error) {
	p, err := capable[Provider](s, spec, "import")
	if err != nil {
		return Material{}, err
	}
	return p.Import(raw)
}

// Encrypter prepares material of a key spec for encryption.
func (s Set) Encrypter(spec string, m Material) (Encrypter, error) {
	p, err := capable[Encrypts](s, spec, "encrypt with")
	if err != nil {
		return nil, err
	}
	return p.Encrypter(m)
}

// PublicKey returns the public half of material of a key spec, as SPKI DER.
func (s Set) PublicKey(spec string, m Material) ([]byte, error) {
	p, err := capable[PublicKeys](s, spec, "public key of")
	if err != nil {
		return nil, err
	}
	return p.PublicKey(m)
}

// Signer prepares material of a key spec for signing.
func (s Set) Signer(spec string, m Material) (Signer, error) {
	p, err := capable[Signs](s, spec, "sign with")
	if err != nil {
		return nil, err
	}
	return p.Signer(m)
}

// MAC prepares material of a key spec for message authentication.
func (s Set) MAC(spec string, m Material) (MAC, error) {
	p, err := capable[MACs](s, spec, "authenticate with")
	if err != nil {
		return nil, err
	}
	return p.MAC(m)
}

// Agreement prepares material of a key spec for agreement on shared secrets.
func (s Set) Agreement(spec string, m Material) (Agreement, error) {
	p, err := capable[Agrees](s, spec, "agree with")
	if err != nil {
		return nil, err
	}
	return p.Agreement(m)
}

// BareEncrypter prepares material of a key spec for encryption to an algorithm's bare output.
func (s Set) BareEncrypter(spec string, m Material) (BareEncrypter, error) {
	p, err := capable[EncryptsBare](s, spec, "encrypt with")
	if err != nil {
		return nil, err
	}
	return p.BareEncrypter(m)
}

// capable returns the provider of a key spec if it has the capability C, or ErrSpec.
func capable[C any](s Set, spec, purpose string) (C, error) {
	c, ok := s.providers[spec].(C)
	if !ok {
		return c, fmt.Errorf("%s %s: %w", purpose, spec, ErrSpec)
	}
	return c, nil
}
