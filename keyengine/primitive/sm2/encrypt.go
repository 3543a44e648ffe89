package sm2

import (
	"io"

	"github.com/emmansun/gmsm/sm2"

	"meridian/keyengine/primitive"
)

const (
	maxPlaintext  = 1024
	maxCiphertext = 2 * maxPlaintext // DER adds less than 200 bytes
	sequence      = 0x30             // what DER begins with: the library would take other forms
)

// BareEncrypter implements primitive.EncryptsBare.
func (Provider) BareEncrypter(m primitive.Material) (primitive.BareEncrypter, error) {
	key, err := primitive.Prepare(m, whole)
	if err != nil {
		return nil, err
	}
	return encrypter{key}, nil
}

type encrypter struct {
	key primitive.Prepared[*sm2.PrivateKey]
}

// Encrypt implements primitive.BareEncrypter.
func (e encrypter) Encrypt(rand io.Reader, algorithm string, plaintext []byte) (ciphertext []byte, err error) {
	switch {
	case algorithm != "SM2PKE":
		return nil, primitive.ErrAlgorithm
	case len(plaintext) == 0 || len(plaintext) > maxPlaintext:
		return nil, primitive.ErrInput
	}
	err = e.key.Use(func(key *sm2.PrivateKey) (err error) {
		ciphertext, err = sm2.EncryptASN1(rand, &key.PublicKey, plaintext)
		return err
	})
	return ciphertext, err
}

// Decrypt implements primitive.BareEncrypter.
func (e encrypter) Decrypt(algorithm string, ciphertext []byte) (plaintext []byte, err error) {
	if algorithm != "SM2PKE" {
		return nil, primitive.ErrAlgorithm
	}
	err = e.key.Use(func(key *sm2.PrivateKey) (err error) {
		if len(ciphertext) == 0 || len(ciphertext) > maxCiphertext || ciphertext[0] != sequence {
			return primitive.ErrOpen
		}
		if plaintext, err = key.Decrypt(nil, ciphertext, sm2.ASN1DecrypterOpts); err != nil {
			return primitive.ErrOpen
		}
		return nil
	})
	return plaintext, err
}
