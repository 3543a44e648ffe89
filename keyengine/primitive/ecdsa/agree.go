package ecdsa

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/x509"

	"meridian/keyengine/primitive"
)

// maxSPKI bounds a peer's public key: one on P-521 takes 158 bytes.
const maxSPKI = 512

// Agreement implements primitive.Agrees.
func (p Provider) Agreement(m primitive.Material) (primitive.Agreement, error) {
	key, err := primitive.Prepare(m, func(raw []byte) (*ecdh.PrivateKey, error) {
		key, err := p.parse(raw)
		if err != nil {
			return nil, err
		}
		return key.ECDH()
	})
	if err != nil {
		return nil, err
	}
	return agreement{key}, nil
}

type agreement struct {
	key primitive.Prepared[*ecdh.PrivateKey]
}

// Derive implements primitive.Agreement.
func (a agreement) Derive(peerSPKI []byte) (secret []byte, err error) {
	err = a.key.Use(func(key *ecdh.PrivateKey) error {
		peer, err := parsePeer(peerSPKI)
		if err != nil {
			return primitive.ErrPeer
		}
		if secret, err = key.ECDH(peer); err != nil { // another curve
			return primitive.ErrPeer
		}
		return nil
	})
	return secret, err
}

// parsePeer reads a point, which the standard library checks to be on its curve.
func parsePeer(spki []byte) (*ecdh.PublicKey, error) {
	if len(spki) > maxSPKI {
		return nil, primitive.ErrPeer
	}
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, primitive.ErrPeer
	}
	return key.ECDH()
}
