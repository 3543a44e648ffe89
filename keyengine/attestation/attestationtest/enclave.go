package attestationtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// Enclave is a party that is attested.
type Enclave struct{ key *rsa.PrivateKey }

// NewEnclave returns an enclave with a new RSA key of 2048 bits.
func NewEnclave() *Enclave { return &Enclave{must(rsa.GenerateKey(rand.Reader, 2048))} }

// PublicKey is the enclave's public key, SPKI DER.
func (e *Enclave) PublicKey() []byte { return must(x509.MarshalPKIXPublicKey(&e.key.PublicKey)) }

// RSA is the enclave's public key.
func (e *Enclave) RSA() *rsa.PublicKey { return &e.key.PublicKey }

// PrivateKey is the enclave's private key, PKCS #8 PEM, for other programs that read messages.
func (e *Enclave) PrivateKey() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(e.key))})
}

// Open reads a message that was encrypted to the enclave.
func (e *Enclave) Open(message []byte) ([]byte, error) {
	m, err := parseMessage(message)
	if err != nil {
		return nil, err
	}
	key, err := rsa.DecryptOAEP(sha256.New(), nil, e.key, m.key, nil)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if len(m.content) == 0 || len(m.content)%aes.BlockSize != 0 || len(m.iv) != aes.BlockSize {
		return nil, errors.New("the content is no whole number of blocks")
	}
	cipher.NewCBCDecrypter(block, m.iv).CryptBlocks(m.content, m.content)
	pad := int(m.content[len(m.content)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, fmt.Errorf("padding of %d bytes", pad)
	}
	return m.content[:len(m.content)-pad], nil
}

// message is what a reader takes from an EnvelopedData.
type message struct{ key, iv, content []byte }

// parseMessage reads a message as AWS's clients do: the outer elements by their heads, the inner ones as
// DER.
func parseMessage(b []byte) (m message, err error) {
	heads := func(want ...byte) {
		for _, w := range want {
			if err == nil && (len(b) < 2 || b[0] != w || b[1] != 0x80) {
				err = fmt.Errorf("want the head of an element %#x of indefinite length, %d bytes before the end", w, len(b))
			}
			if err == nil {
				b = b[2:]
			}
		}
	}
	take := func(v any) {
		if err == nil {
			b, err = asn1.Unmarshal(b, v)
		}
	}
	var kind, contentKind asn1.ObjectIdentifier
	var version int
	var recipients []struct {
		Version      int
		KeyID        []byte `asn1:"tag:0"`
		Algorithm    asn1.RawValue
		EncryptedKey []byte
	}
	var algorithm struct {
		ID asn1.ObjectIdentifier
		IV []byte
	}
	heads(0x30)
	take(&kind)
	heads(0xa0, 0x30)
	take(&version)
	if err == nil {
		b, err = asn1.UnmarshalWithParams(b, &recipients, "set")
	}
	heads(0x30)
	take(&contentKind)
	take(&algorithm)
	heads(0xa0)
	take(&m.content)
	if err == nil && string(b) != string(make([]byte, 10)) {
		err = fmt.Errorf("want the ends of five elements, not %x", b)
	}
	if err != nil {
		return m, err
	}
	if len(recipients) != 1 || version != 2 || recipients[0].Version != 2 {
		return m, fmt.Errorf("%d recipients, versions %d", len(recipients), version)
	}
	if kind.String() != "1.2.840.113549.1.7.3" || contentKind.String() != "1.2.840.113549.1.7.1" || algorithm.ID.String() != "2.16.840.1.101.3.4.1.42" {
		return m, fmt.Errorf("kinds %v and %v, algorithm %v", kind, contentKind, algorithm.ID)
	}
	m.key, m.iv = recipients[0].EncryptedKey, algorithm.IV
	return m, nil
}
