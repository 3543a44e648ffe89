package primitive

import "io"

// Message types: what a signer is given.
const (
	Raw        = "RAW"         // the message
	Digest     = "DIGEST"      // its digest, by the algorithm's hash
	ExternalMu = "EXTERNAL_MU" // its representative mu: FIPS 204, algorithm 7, step 6
)

// PublicKeys is the capability of a Provider whose material has a public half.
type PublicKeys interface {
	// PublicKey returns the public half as a DER-encoded SubjectPublicKeyInfo (RFC 5280).
	PublicKey(m Material) (spki []byte, err error)
}

// Signs is the capability of a Provider whose material signs.
type Signs interface {
	// Signer prepares m for use. It returns ErrMaterial if m is no material of the spec.
	Signer(m Material) (Signer, error)
}

// Signer signs and verifies under one material. It is safe for concurrent use, and stops working,
// with ErrDestroyed, when its material is destroyed.
type Signer interface {
	// Sign signs a message of one of the message types. It returns ErrInput, ErrAlgorithm or
	// ErrDestroyed, or what rand returned.
	Sign(rand io.Reader, algorithm, messageType string, message []byte) ([]byte, error)
	// Verify returns nil, ErrSignature, ErrInput, ErrAlgorithm or ErrDestroyed.
	Verify(algorithm, messageType string, message, signature []byte) error
}

// MACs is the capability of a Provider whose material authenticates messages.
type MACs interface {
	// MAC prepares m for use. It returns ErrMaterial if m is no material of the spec.
	MAC(m Material) (MAC, error)
}

// MAC computes and verifies message authentication codes under one material. It is safe for
// concurrent use, and stops working, with ErrDestroyed, when its material is destroyed.
type MAC interface {
	// Generate returns the whole code of message, ErrAlgorithm or ErrDestroyed.
	Generate(algorithm string, message []byte) ([]byte, error)
	// Verify returns nil, ErrMAC, ErrAlgorithm or ErrDestroyed.
	Verify(algorithm string, message, mac []byte) error
}

// Agrees is the capability of a Provider whose material agrees on secrets with another party.
type Agrees interface {
	// Agreement prepares m for use. It returns ErrMaterial if m is no material of the spec.
	Agreement(m Material) (Agreement, error)
}

// Agreement derives shared secrets from one material. It is safe for concurrent use, and stops
// working, with ErrDestroyed, when its material is destroyed.
type Agreement interface {
	// Derive returns the raw secret shared with the owner of a public key: the x-coordinate, in as
	// many bytes as the field has. It returns ErrPeer or ErrDestroyed.
	Derive(peerSPKI []byte) ([]byte, error)
}

// EncryptsBare is the capability of a Provider whose material encrypts to the bare output of an
// algorithm, which does not name its key: whoever has the public half can make it.
type EncryptsBare interface {
	// BareEncrypter prepares m for use. It returns ErrMaterial if m is no material of the spec.
	BareEncrypter(m Material) (BareEncrypter, error)
}

// BareEncrypter encrypts and decrypts under one material. It is safe for concurrent use, and stops
// working, with ErrDestroyed, when its material is destroyed.
type BareEncrypter interface {
	// Encrypt returns ErrInput for a plaintext that is too long, ErrAlgorithm, ErrDestroyed, or what
	// rand returned.
	Encrypt(rand io.Reader, algorithm string, plaintext []byte) ([]byte, error)
	// Decrypt returns ErrOpen, ErrAlgorithm or ErrDestroyed.
	Decrypt(algorithm string, ciphertext []byte) ([]byte, error)
}
