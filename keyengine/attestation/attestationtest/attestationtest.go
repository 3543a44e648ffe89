// Package attestationtest makes attestation documents and reads what was encrypted to their keys, for
// tests.
//
// An Authority is a root, an intermediate and a signing certificate, like those of a hypervisor. It makes
// valid documents, and documents that are wrong in the one way that a test asks for. An Enclave is a party
// that is attested: it has an RSA key. The package promises nothing to programs: it panics on what cannot
// happen in a test. It starts no goroutines.
//
//	ca, enclave := attestationtest.NewAuthority(now), attestationtest.NewEnclave()
//	document := ca.Document(enclave, now)
//	plaintext, err := enclave.Open(ciphertextForRecipient)
package attestationtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Validity is how long the certificates of an Authority are valid, from an hour before its making on.
const Validity = 4 * time.Hour

// Authority issues documents.
type Authority struct {
	root, between, leaf *x509.Certificate
	key                 *ecdsa.PrivateKey // of the leaf
}

// Certificates change what an Authority's certificates say before they are signed; nil: nothing.
type Certificates func(root, between, leaf *x509.Certificate)

// NewAuthority returns an authority whose certificates are valid at the time now.
func NewAuthority(now time.Time, change ...Certificates) *Authority {
	return newAuthority(now, elliptic.P384(), change)
}

// NewAuthorityOn is NewAuthority with a signing key on another curve than the format's.
func NewAuthorityOn(now time.Time, curve elliptic.Curve) *Authority {
	return newAuthority(now, curve, nil)
}

func newAuthority(now time.Time, curve elliptic.Curve, change []Certificates) *Authority {
	template := func(serial int64, name string, ca bool) *x509.Certificate {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name, Organization: []string{"Test"}},
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(Validity - time.Hour),
			BasicConstraintsValid: true, IsCA: ca, KeyUsage: x509.KeyUsageDigitalSignature,
		}
		if ca {
			c.KeyUsage = x509.KeyUsageCertSign
		}
		return c
	}
	root, between, leaf := template(1, "test.nitro-enclaves", true), template(2, "zone.test.nitro-enclaves", true), template(3, "i-0123.test.nitro-enclaves", false)
	for _, f := range change {
		f(root, between, leaf)
	}
	keys := []*ecdsa.PrivateKey{newKey(elliptic.P384()), newKey(elliptic.P384()), newKey(curve)}
	a := &Authority{key: keys[2]}
	a.root = issue(root, root, keys[0], keys[0])
	a.between = issue(between, a.root, keys[1], keys[0])
	a.leaf = issue(leaf, a.between, keys[2], keys[1])
	return a
}

func newKey(curve elliptic.Curve) *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(curve, rand.Reader))
}

func issue(c, by *x509.Certificate, key, byKey *ecdsa.PrivateKey) *x509.Certificate {
	der := must(x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey))
	return must(x509.ParseCertificate(der))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Root is the root's certificate in PEM.
func (a *Authority) Root() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

// Leaf is the signing certificate in PEM, which is no authority's.
func (a *Authority) Leaf() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.leaf.Raw})
}

// Payload is what a document says, member by member.
type Payload map[string]any

// Payload returns what a valid document for an enclave says at a time.
func (a *Authority) Payload(e *Enclave, at time.Time) Payload {
	return Payload{
		"module_id": "i-0123456789abcdef0-enc0123456789abcdef", "digest": "SHA384", "timestamp": uint64(at.UnixMilli()),
		"pcrs":        map[uint64][]byte{0: make([]byte, 48), 1: make([]byte, 48), 2: make([]byte, 48)},
		"certificate": a.leaf.Raw, "cabundle": [][]byte{a.root.Raw, a.between.Raw},
		"public_key": e.PublicKey(), "user_data": nil, "nonce": nil,
	}
}

// Document returns a document for an enclave, made at a time. Changes make it wrong, or special; what they
// make is signed all the same.
func (a *Authority) Document(e *Enclave, at time.Time, change ...func(Payload)) []byte {
	p := a.Payload(e, at)
	for _, f := range change {
		f(p)
	}
	return a.Sign(must(cbor.Marshal(map[string]any(p))))
}

// Sign signs any payload.
func (a *Authority) Sign(payload []byte) []byte {
	protected := []byte{0xa1, 0x01, 0x38, 0x22} // {1: -35}
	signed := must(cbor.Marshal([]any{"Signature1", protected, []byte{}, payload}))
	digest := sha512.Sum384(signed)
	r, s, err := ecdsa.Sign(rand.Reader, a.key, digest[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 96)
	r.FillBytes(signature[:48])
	s.FillBytes(signature[48:])
	return must(cbor.Marshal([]any{protected, map[int]int{}, payload, signature}))
}
