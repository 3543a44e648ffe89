// Package primitive says what key material can do: it holds the type of secret bytes and the small
// interfaces of the key families, one package each below this one.
//
//	set := primitive.NewSet(aesgcm.Provider{})
//	material, err := set.Generate(keyspec.SymmetricDefault, rand)
//	encrypter, err := set.Encrypter(keyspec.SymmetricDefault, material)
//	blob, err := encrypter.Seal(rand, key, context, plaintext)
//
// Package builtin has the whole set.
//
// It promises that a Material prints as «redacted» wherever it is printed, and that an error of
// opening or verifying says nothing about why. It does not store material (see keyring), decide who may use it,
// or know key states. It starts no goroutines; everything here is safe for concurrent use.
package primitive

import (
	"errors"
	"io"

	"meridian/keyengine/ciphertext"
)

// Errors of providers.
var (
	// ErrOpen is the one answer to a ciphertext that cannot be opened, whatever the reason.
	ErrOpen = errors.New("ciphertext cannot be opened")
	// ErrMaterial refuses bytes that are no material of the spec.
	ErrMaterial = errors.New("not key material of this spec")
	// ErrInput refuses an input that the algorithm does not take: a digest of another length, a
	// message type that it does not have, a plaintext that does not fit.
	ErrInput = errors.New("input does not fit the algorithm")
	// ErrAlgorithm says that the spec has no algorithm of that name.
	ErrAlgorithm = errors.New("key spec does not have this algorithm")
	// ErrSignature says that a signature is not one of this message under this key.
	ErrSignature = errors.New("signature does not verify")
	// ErrMAC says that a MAC is not the one of this message under this key.
	ErrMAC = errors.New("mac does not verify")
	// ErrPeer refuses another party's public key: not SPKI DER, or not a point of the same curve.
	ErrPeer = errors.New("public key does not fit the key")
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
