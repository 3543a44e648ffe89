package attestation

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
)

// Identifiers of what a message is made of.
func oidEnvelopedData() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
}

func oidData() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }

func oidOAEP() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7} }

func oidMGF1() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8} }

func oidSHA256() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1} }

func oidAES256CBC() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
}

// version is that of EnvelopedData and of KeyTransRecipientInfo where the recipient is named by the
// identifier of its key.
const version = 2

// keyTransRecipientInfo is RFC 5652, section 6.2.1.
type keyTransRecipientInfo struct {
	Version      int
	KeyID        []byte `asn1:"tag:0"`
	Algorithm    pkix.AlgorithmIdentifier
	EncryptedKey []byte
}

// oaepParameters is RSAES-OAEP-params of RFC 8017, without the label that is empty.
type oaepParameters struct {
	Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
	MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
}

// Seal encrypts plaintext so that only the holder of the private half of to can read it. Its error is
// ErrNoKey where to is no key that can be encrypted to.
//
// The outer parts of the message have indefinite lengths. DER would be as right, but the messages that
// clients know have this form, and AWS's SDK for enclaves reads no other.
func Seal(random io.Reader, to *rsa.PublicKey, plaintext []byte) ([]byte, error) {
	secret := make([]byte, 32+aes.BlockSize)
	defer clear(secret)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, fmt.Errorf("draw a content key: %w", err)
	}
	key, iv := secret[:32], bytes.Clone(secret[32:])
	content, err := encryptCBC(key, iv, plaintext)
	if err != nil {
		return nil, err
	}
	recipients, err := recipientInfos(random, to, key)
	if err != nil {
		return nil, err
	}
	var b builder
	segments := b.open(asn1.ClassContextSpecific, 0, b.put(content))
	encrypted := b.open(asn1.ClassUniversal, asn1.TagSequence, b.put(oidData()), b.put(algorithm(&b, oidAES256CBC(), iv)), segments)
	enveloped := b.open(asn1.ClassUniversal, asn1.TagSequence, b.put(version), recipients, encrypted)
	message := b.open(asn1.ClassUniversal, asn1.TagSequence, b.put(oidEnvelopedData()), b.open(asn1.ClassContextSpecific, 0, enveloped))
	if b.err != nil {
		return nil, fmt.Errorf("encode the message: %w", b.err)
	}
	return message, nil
}

// encryptCBC encrypts with AES-256-CBC and the padding of PKCS #7.
func encryptCBC(key, iv, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	out := make([]byte, 0, len(plaintext)+pad)
	out = append(append(out, plaintext...), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return out, nil
}

// recipientInfos is the SET with the one recipient.
func recipientInfos(random io.Reader, to *rsa.PublicKey, key []byte) ([]byte, error) {
	sealed, err := rsa.EncryptOAEP(sha256.New(), random, to, key, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	spki, err := x509.MarshalPKIXPublicKey(to)
	if err != nil {
		return nil, err
	}
	var b builder
	hash := pkix.AlgorithmIdentifier{Algorithm: oidSHA256(), Parameters: asn1.NullRawValue}
	id := sha256.Sum256(spki)
	info := keyTransRecipientInfo{
		Version: version, KeyID: id[:20], EncryptedKey: sealed,
		Algorithm: algorithm(&b, oidOAEP(), oaepParameters{
			Hash: hash, MGF: algorithm(&b, oidMGF1(), hash),
		}),
	}
	set := b.put(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSet, IsCompound: true, Bytes: b.put(info)})
	return set, b.err
}

// algorithm is an algorithm with parameters.
func algorithm(b *builder, id asn1.ObjectIdentifier, parameters any) pkix.AlgorithmIdentifier {
	return pkix.AlgorithmIdentifier{Algorithm: id, Parameters: asn1.RawValue{FullBytes: b.put(parameters)}}
}

// builder encodes values and keeps the first error.
type builder struct{ err error }

// put returns the DER of a value.
func (b *builder) put(v any) []byte {
	der, err := asn1.Marshal(v)
	if b.err == nil {
		b.err = err
	}
	return der
}

// open returns parts as one constructed element of indefinite length.
func (b *builder) open(class, tag int, parts ...[]byte) []byte {
	const constructed, indefinite = 0x20, 0x80
	out := []byte{byte(class<<6 | constructed | tag), indefinite}
	for _, p := range parts {
		out = append(out, p...)
	}
	return append(out, 0, 0)
}
