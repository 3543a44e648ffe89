package rsa

import (
	"crypto"
	"crypto/rsa"
	"io"
	"strings"

	"meridian/keyengine/primitive"
)

// Signer implements primitive.Signs.
func (p Provider) Signer(m primitive.Material) (primitive.Signer, error) {
	key, err := primitive.Prepare(m, p.parse)
	if err != nil {
		return nil, err
	}
	return signer{key}, nil
}

type signer struct {
	key primitive.Prepared[*rsa.PrivateKey]
}

// Sign implements primitive.Signer.
func (s signer) Sign(rand io.Reader, algorithm, messageType string, message []byte) (signature []byte, err error) {
	a, digest, err := prepare(algorithm, messageType, message)
	if err != nil {
		return nil, err
	}
	err = s.key.Use(func(key *rsa.PrivateKey) (err error) {
		if a.pss {
			signature, err = rsa.SignPSS(rand, key, a.hash, digest, a.options())
		} else {
			signature, err = rsa.SignPKCS1v15(rand, key, a.hash, digest)
		}
		return err
	})
	return signature, err
}

// Verify implements primitive.Signer.
func (s signer) Verify(algorithm, messageType string, message, signature []byte) error {
	a, digest, err := prepare(algorithm, messageType, message)
	if err != nil {
		return err
	}
	return s.key.Use(func(key *rsa.PrivateKey) error {
		if a.pss {
			err = rsa.VerifyPSS(&key.PublicKey, a.hash, digest, signature, a.options())
		} else {
			err = rsa.VerifyPKCS1v15(&key.PublicKey, a.hash, digest, signature)
		}
		if err != nil {
			return primitive.ErrSignature
		}
		return nil
	})
}

type algorithm struct {
	hash crypto.Hash
	pss  bool
}

func (a algorithm) options() *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
}

// prepare returns the algorithm of that name and the digest to sign.
func prepare(name, messageType string, message []byte) (algorithm, []byte, error) {
	rest, pss := strings.CutPrefix(name, "RSASSA_PSS_")
	rest, pkcs1 := strings.CutPrefix(rest, "RSASSA_PKCS1_V1_5_")
	hash, ok := primitive.Hash(rest)
	if !ok || pss == pkcs1 {
		return algorithm{}, nil, primitive.ErrAlgorithm
	}
	digest, err := primitive.DigestOf(hash, messageType, message)
	return algorithm{hash: hash, pss: pss}, digest, err
}
