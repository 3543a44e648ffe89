// Package primitive says what key material can do: it holds the type of secret bytes and the small
// interfaces of the key families, one package each below this one.
//
//	set := primitive.NewSet(aesgcm.Provider{})
//	material, err := set.Generate(keyspec.SymmetricDefault, rand)
//	encrypter, err := set.Encrypter(keyspec.SymmetricDefault, material)
//	blob, err := encrypter.Seal(rand, key, context, plaintext)
//
// It promises that a Material prints as «redacted» wherever it is printed, and that an error of
// opening says nothing about why. It does not store material (see keyring), decide who may use it,
// or know key states. It starts no goroutines; everything here is safe for concurrent use.
package primitive

import (
	"errors"
	"fmt"
	"io"

	"meridian/keyengine/ciphertext"
)

// Errors of providers.
var (
	// ErrOpen is the one answer to a ciphertext that cannot be opened, whatever the reason.
	ErrOpen = errors.New("ciphertext cannot be opened")
	// ErrMaterial refuses bytes that are no material of the spec.
	ErrMaterial = errors.New("not key material of this spec")
	// ErrSpec says that there is no provider for a key spec, or that its keys cannot do this.
	ErrSpec = errors.New("key spec does not provide this")
)

// Provider makes the material of one key spec. What else it can do, it says by implementing one of
// the capabilities below.
type Provider interface {
	// Spec is the name of the key spec.
	Spec() string
	// Generate makes new material from rand.
	Generate(rand io.Reader) (Material, error)
	// Import makes material of a copy of raw, or returns ErrMaterial.
	Import(raw []byte) (Material, error)
}

// Encrypts is the capability of a Provider whose material encrypts to a CiphertextBlob that names
// its key.
type Encrypts interface {
	// Encrypter prepares m for use. It returns ErrMaterial if m is no material of the spec.
	Encrypter(m Material) (Encrypter, error)
}

// Encrypter encrypts and decrypts under one material. It is safe for concurrent use, and stops
// working, with ErrDestroyed, when its material is destroyed.
type Encrypter interface {
	// Seal encrypts plaintext. The blob names key, and both key and context are authenticated: it
	// opens under the same context alone.
	Seal(rand io.Reader, key ciphertext.Key, context map[string]string, plaintext []byte) ([]byte, error)
	// Open decrypts blob. The error is ErrOpen or ErrDestroyed.
	Open(blob *ciphertext.Blob, context map[string]string) ([]byte, error)
}

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
	p, ok := s.providers[spec]
	if !ok {
		return Material{}, fmt.Errorf("generate %s: %w", spec, ErrSpec)
	}
	return p.Generate(rand)
}

// Encrypter prepares material of a key spec for encryption.
func (s Set) Encrypter(spec string, m Material) (Encrypter, error) {
	p, ok := s.providers[spec].(Encrypts)
	if !ok {
		return nil, fmt.Errorf("encrypt with %s: %w", spec, ErrSpec)
	}
	return p.Encrypter(m)
}
