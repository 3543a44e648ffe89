package ecdsa

import (
	"crypto"
	"crypto/ecdsa"
	"io"

	"meridian/keyengine/primitive"
)

// Signer implements primitive.Signs.
func (p Provider) Signer(m primitive.Material) (primitive.Signer, error) {
	key, err := primitive.Prepare(m, p.parse)
	if err != nil {
		return nil, err
	}
	s := signer{algorithm: "ECDSA_SHA_256", hash: crypto.SHA256, key: key}
	switch p.Bits {
	case 384:
		s.algorithm, s.hash = "ECDSA_SHA_384", crypto.SHA384
	case 521:
		s.algorithm, s.hash = "ECDSA_SHA_512", crypto.SHA512
	}
	return s, nil
}

type signer struct {
	algorithm string
	hash      crypto.Hash
	key       primitive.Prepared[*ecdsa.PrivateKey]
}

// Sign implements primitive.Signer.
func (s signer) Sign(rand io.Reader, algorithm, messageType string, message []byte) (signature []byte, err error) {
	digest, err := s.digest(algorithm, messageType, message)
	if err != nil {
		return nil, err
	}
	err = s.key.Use(func(key *ecdsa.PrivateKey) (err error) {
		signature, err = ecdsa.SignASN1(rand, key, digest)
		return err
	})
	return signature, err
}

// Verify implements primitive.Signer.
func (s signer) Verify(algorithm, messageType string, message, signature []byte) error {
	digest, err := s.digest(algorithm, messageType, message)
	if err != nil {
		return err
	}
	return s.key.Use(func(key *ecdsa.PrivateKey) error {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest, signature) {
			return primitive.ErrSignature
		}
		return nil
	})
}

func (s signer) digest(algorithm, messageType string, message []byte) ([]byte, error) {
	if algorithm != s.algorithm {
		return nil, primitive.ErrAlgorithm
	}
	return primitive.DigestOf(s.hash, messageType, message)
}
