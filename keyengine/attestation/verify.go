package attestation

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// skew is how far a document may be ahead of the clock that judges it.
const skew = 5 * time.Minute

// Bits of a recipient's RSA key.
const (
	minRSA = 2048
	maxRSA = 4096
)

// Errors of Verify and Recipient.
var (
	// ErrUntrusted says that the document leads to no root that is trusted, or not at this time.
	ErrUntrusted = errors.New("the attestation document is not trusted")
	// ErrSignature says that the document is not what its certificate's key signed.
	ErrSignature = errors.New("the signature of the attestation document is wrong")
	// ErrNoKey says that the document has no public key that can be encrypted to.
	ErrNoKey = errors.New("the attestation document has no usable public key")
)

// Roots are the certificates that a trusted document leads to.
type Roots struct {
	pool  *x509.CertPool
	count int
}

// ParseRoots reads certificates of authorities in PEM. There has to be one. Text above a certificate is a
// comment; text below the last is an error, because it may be one that was cut off.
func ParseRoots(text []byte) (*Roots, error) {
	r := &Roots{pool: x509.NewCertPool()}
	for rest := bytes.TrimSpace(text); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("after %d certificates there is something else than a PEM CERTIFICATE", r.count)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", r.count+1, err)
		}
		if !c.IsCA {
			return nil, fmt.Errorf("certificate %d (%s) is not an authority's", r.count+1, c.Subject)
		}
		r.pool.AddCert(c)
		r.count++
		rest = after
	}
	if r.count == 0 {
		return nil, errors.New("no certificate")
	}
	return r, nil
}

// Len is how many roots there are; of nil none.
func (r *Roots) Len() int {
	if r == nil {
		return 0
	}
	return r.count
}

// Verify says whether the document was signed under one of the roots and is valid at the time now. Its
// errors are ErrUntrusted and ErrSignature with the reason.
func (d *Document) Verify(roots *Roots, now time.Time) error {
	if roots.Len() == 0 {
		return fmt.Errorf("%w: no root is", ErrUntrusted)
	}
	signer, err := x509.ParseCertificate(d.certificate)
	if err != nil {
		return fmt.Errorf("%w: certificate: %w", ErrUntrusted, err)
	}
	between := x509.NewCertPool()
	for i, der := range d.bundle {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("%w: cabundle, certificate %d: %w", ErrUntrusted, i, err)
		}
		between.AddCert(c)
	}
	if _, err := signer.Verify(x509.VerifyOptions{
		Roots: roots.pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	switch {
	case signer.KeyUsage != 0 && signer.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return fmt.Errorf("%w: its certificate is not for signatures", ErrUntrusted)
	case d.Timestamp.Before(signer.NotBefore) || d.Timestamp.After(signer.NotAfter):
		return fmt.Errorf("%w: it was made while its certificate was not valid", ErrUntrusted)
	case d.Timestamp.After(now.Add(skew)):
		return fmt.Errorf("%w: it was made in the future", ErrUntrusted)
	}
	return d.checkSignature(signer)
}

// checkSignature checks the ES384 signature: two numbers of 48 bytes.
func (d *Document) checkSignature(signer *x509.Certificate) error {
	key, ok := signer.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P384() {
		return fmt.Errorf("%w: its certificate is not for a key on P-384", ErrUntrusted)
	}
	half := len(d.signature) / 2
	r, s := new(big.Int).SetBytes(d.signature[:half]), new(big.Int).SetBytes(d.signature[half:])
	digest := sha512.Sum384(d.toBeSigned)
	if !ecdsa.Verify(key, digest[:], r, s) {
		return ErrSignature
	}
	return nil
}

// Recipient is the document's public key. Its error is ErrNoKey with the reason. Verify comes first.
func (d *Document) Recipient() (*rsa.PublicKey, error) {
	if d.PublicKey == nil {
		return nil, fmt.Errorf("%w: it was made without one", ErrNoKey)
	}
	parsed, err := x509.ParsePKIXPublicKey(d.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: it is not for RSA", ErrNoKey)
	}
	if n := key.N.BitLen(); n < minRSA || n > maxRSA {
		return nil, fmt.Errorf("%w: an RSA key of %d bits, want %d to %d", ErrNoKey, n, minRSA, maxRSA)
	}
	return key, nil
}
