// Package keyspec is the table of what each key spec is and allows.
//
// It promises to be complete for the service model: a spec that is not in the table does not exist.
// It says nothing about how an algorithm works: that is for the packages below keyengine/primitive,
// and Spec.Built tells for which specs there is one.
//
//	spec, ok := keyspec.Lookup("RSA_2048")
//	usage, ok := spec.Usage("SIGN_VERIFY")
//	alg, ok := usage.Algorithm("RSASSA_PSS_SHA_256")
//
// Names are those of the service model, as plain strings. The slices of a Spec are shared and must
// not be changed. The package is pure and starts no goroutines.
package keyspec

import "slices"

// Class groups the specs that may stand in for each other behind an alias.
type Class uint8

// The classes of key specs.
const (
	Symmetric Class = iota + 1
	Asymmetric
	HMAC
)

var classNames = [...]string{"", "symmetric", "asymmetric", "HMAC"}

func (c Class) String() string { return classNames[c] }

// Spec is one key spec.
type Spec struct {
	Name        string
	Class       Class
	Usages      []Usage
	MultiRegion bool   // may be created with MultiRegion
	Importable  bool   // may have the origin EXTERNAL
	CustomStore bool   // may live in a custom key store
	Rotates     bool   // material can be rotated, automatically (origin AWS_KMS) and on demand
	Partition   string // the only partition that has it; empty: all
	KeyBytes    int    // length of raw material; 0: material is a PKCS #8 private key
	Built       bool   // there is a provider for it
}

// Usage is one key usage of a spec.
type Usage struct {
	Name       string
	Algorithms []Algorithm
}

// Algorithm is one algorithm of a usage, with the bounds of its input.
type Algorithm struct {
	Name        string
	MaxBytes    int // plaintext or raw message; 0: takes none
	DigestBytes int // the exact length of a digest given instead of a message; 0: takes none
	MuBytes     int // the exact length of an external mu; 0: takes none
}

// Names of key usages.
const (
	EncryptDecrypt = "ENCRYPT_DECRYPT"
	SignVerify     = "SIGN_VERIFY"
	MAC            = "GENERATE_VERIFY_MAC"
	KeyAgreement   = "KEY_AGREEMENT"
)

// Names of key specs that code speaks of.
const (
	SymmetricDefault = "SYMMETRIC_DEFAULT"
)

// Lookup returns the spec of that name.
func Lookup(name string) (Spec, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Spec{}, false
}

// In reports whether the partition has the spec.
func (s Spec) In(partition string) bool { return s.Partition == "" || s.Partition == partition }

// Usage returns the usage of that name.
func (s Spec) Usage(name string) (Usage, bool) {
	i := slices.IndexFunc(s.Usages, func(u Usage) bool { return u.Name == name })
	if i < 0 {
		return Usage{}, false
	}
	return s.Usages[i], true
}

// DefaultUsage returns the usage of a key made without one, or "" where the caller has to choose:
// only the symmetric spec has a default, even where another spec has one usage alone.
func (s Spec) DefaultUsage() string {
	if s.Class == Symmetric {
		return EncryptDecrypt
	}
	return ""
}

// Algorithm returns the algorithm of that name.
func (u Usage) Algorithm(name string) (Algorithm, bool) {
	i := slices.IndexFunc(u.Algorithms, func(a Algorithm) bool { return a.Name == name })
	if i < 0 {
		return Algorithm{}, false
	}
	return u.Algorithms[i], true
}

// Names returns the names of the usage's algorithms in the order AWS lists them.
func (u Usage) Names() []string {
	names := make([]string, len(u.Algorithms))
	for i, a := range u.Algorithms {
		names[i] = a.Name
	}
	return names
}
