package sm2

import (
	"crypto/ecdsa"
	"io"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"meridian/keyengine/primitive"
)

// identifier is the distinguishing one of whoever has none.
const identifier = "1234567812345678"

// Signer implements primitive.Signs.
func (Provider) Signer(m primitive.Material) (primitive.Signer, error) {
	key, err := primitive.Prepare(m, whole)
	if err != nil {
		return nil, err
	}
	return signer{key}, nil
}

type signer struct {
	key primitive.Prepared[*sm2.PrivateKey]
}

// Sign implements primitive.Signer.
func (s signer) Sign(rand io.Reader, algorithm, messageType string, message []byte) (signature []byte, err error) {
	if err := check(algorithm, messageType, message); err != nil {
		return nil, err
	}
	err = s.key.Use(func(key *sm2.PrivateKey) error {
		digest, err := digest(&key.PublicKey, messageType, message)
		if err != nil {
			return err
		}
		signature, err = sm2.SignASN1(rand, key, digest, nil)
		return err
	})
	return signature, err
}

// Verify implements primitive.Signer.
func (s signer) Verify(algorithm, messageType string, message, signature []byte) error {
	if err := check(algorithm, messageType, message); err != nil {
		return err
	}
	return s.key.Use(func(key *sm2.PrivateKey) error {
		digest, err := digest(&key.PublicKey, messageType, message)
		if err != nil {
			return err
		}
		if !sm2.VerifyASN1(&key.PublicKey, digest, signature) {
			return primitive.ErrSignature
		}
		return nil
	})
}

func check(algorithm, messageType string, message []byte) error {
	switch {
	case algorithm != "SM2DSA":
		return primitive.ErrAlgorithm
	case messageType == primitive.Raw, messageType == primitive.Digest && len(message) == sm3.Size:
		return nil
	}
	return primitive.ErrInput
}

// digest is of the signer as well as of the message: GB/T 32918.2, section 5.5.
func digest(key *ecdsa.PublicKey, messageType string, message []byte) ([]byte, error) {
	if messageType == primitive.Digest {
		return message, nil
	}
	za, err := sm2.CalculateZA(key, []byte(identifier))
	if err != nil {
		return nil, err
	}
	h := sm3.New()
	h.Write(za)
	h.Write(message)
	return h.Sum(nil), nil
}
