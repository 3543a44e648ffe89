package mldsa

import (
	"io"

	"filippo.io/mldsa"
	"filippo.io/mldsa/mldsacrypto"

	"meridian/keyengine/primitive"
)

const algorithm = "ML_DSA_SHAKE_256"

// Signer implements primitive.Signs.
func (p Provider) Signer(m primitive.Material) (primitive.Signer, error) {
	key, err := primitive.Prepare(m, p.parse)
	if err != nil {
		return nil, err
	}
	return signer{key, p.verifier()}, nil
}

type signer struct {
	key   primitive.Prepared[*mldsa.PrivateKey]
	ofMus verifier
}

// Sign implements primitive.Signer.
func (s signer) Sign(rand io.Reader, name, messageType string, message []byte) (signature []byte, err error) {
	if err := check(name, messageType, message); err != nil {
		return nil, err
	}
	err = s.key.Use(func(key *mldsa.PrivateKey) (err error) {
		if messageType == primitive.ExternalMu {
			signature, err = key.Sign(rand, message, mldsacrypto.MLDSAMu)
		} else {
			signature, err = key.Sign(rand, message, nil)
		}
		return err
	})
	return signature, err
}

// Verify implements primitive.Signer.
func (s signer) Verify(name, messageType string, message, signature []byte) error {
	if err := check(name, messageType, message); err != nil {
		return err
	}
	return s.key.Use(func(key *mldsa.PrivateKey) error {
		valid := false
		if messageType == primitive.ExternalMu {
			valid = s.ofMus.verify(key.PublicKey().Bytes(), message, signature)
		} else {
			valid = mldsa.Verify(key.PublicKey(), message, signature, nil) == nil
		}
		if !valid {
			return primitive.ErrSignature
		}
		return nil
	})
}

func check(name, messageType string, message []byte) error {
	switch {
	case name != algorithm:
		return primitive.ErrAlgorithm
	case messageType == primitive.Raw, messageType == primitive.ExternalMu && len(message) == muBytes:
		return nil
	}
	return primitive.ErrInput
}
