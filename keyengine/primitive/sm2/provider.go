// Package sm2 provides the key spec SM2, of the Regions in China: signatures, encryption and
// agreement on the curve of GB/T 32918.
//
// It promises signatures as a DER sequence of r and s, over the message and the default
// distinguishing identifier; ciphertexts as the DER sequence of GM/T 0009, with one error for
// whatever cannot be decrypted; shared secrets that are the raw x-coordinate. It does not do the
// key exchange of GB/T 32918.3. It starts no goroutines; Provider and what it prepares are safe for
// concurrent use.
package sm2

import (
	"encoding/asn1"
	"encoding/hex"
	"io"
	"math/big"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"

	"meridian/keyengine/primitive"
)

var (
	_ primitive.Provider     = Provider{}
	_ primitive.PublicKeys   = Provider{}
	_ primitive.Signs        = Provider{}
	_ primitive.Agrees       = Provider{}
	_ primitive.EncryptsBare = Provider{}
)

// Provider implements primitive.Provider, PublicKeys, Signs, Agrees and EncryptsBare.
type Provider struct{}

// Providers returns the one for the key spec of this package.
func Providers() []primitive.Provider { return []primitive.Provider{Provider{}} }

const bits = 256

// Spec implements primitive.Provider.
func (Provider) Spec() string { return "SM2" }

// Generate implements primitive.Provider.
func (Provider) Generate(rand io.Reader) (m primitive.Material, err error) {
	err = primitive.Scalar(rand, bits, func(scalar []byte) (err error) {
		m, err = curve().Material(scalar)
		return err
	})
	return m, err
}

// Import implements primitive.Provider. It takes PKCS #8 DER.
func (Provider) Import(raw []byte) (primitive.Material, error) {
	scalar, err := curve().Parse(raw)
	if err != nil {
		return primitive.Material{}, err
	}
	defer clear(scalar)
	return curve().Material(scalar)
}

// PublicKey implements primitive.PublicKeys.
func (Provider) PublicKey(m primitive.Material) (spki []byte, err error) {
	key, err := primitive.Prepare(m, parse)
	if err != nil {
		return nil, err
	}
	err = key.Use(func(key *ecdh.PrivateKey) (err error) {
		spki, err = curve().SPKI(key.PublicKey().Bytes())
		return err
	})
	return spki, err
}

// Agreement implements primitive.Agrees.
func (Provider) Agreement(m primitive.Material) (primitive.Agreement, error) {
	key, err := primitive.Prepare(m, parse)
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
		point, err := curve().ParseSPKI(peerSPKI)
		if err != nil {
			return primitive.ErrPeer
		}
		peer, err := ecdh.P256().NewPublicKey(point)
		if err != nil {
			return primitive.ErrPeer
		}
		if secret, err = key.ECDH(peer); err != nil {
			return primitive.ErrPeer
		}
		return nil
	})
	return secret, err
}

func curve() primitive.EC {
	return primitive.EC{Curve: asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}, Bytes: bits / 8, Public: func(scalar []byte) ([]byte, error) {
		key, err := ecdh.P256().NewPrivateKey(scalar)
		if err != nil {
			return nil, err
		}
		if hex.EncodeToString(scalar) == last {
			return nil, primitive.ErrMaterial
		}
		return key.PublicKey().Bytes(), nil
	}}
}

// last is the scalar one below the order. The library takes it, but it cannot sign: GB/T 32918.2
// divides by one more than the scalar.
const last = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122"

func parse(raw []byte) (*ecdh.PrivateKey, error) {
	scalar, err := curve().Parse(raw)
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	return ecdh.P256().NewPrivateKey(scalar)
}

// whole returns the key as the other half of the library knows it.
func whole(raw []byte) (*sm2.PrivateKey, error) {
	key, err := parse(raw)
	if err != nil {
		return nil, err
	}
	point := key.PublicKey().Bytes()
	w := new(sm2.PrivateKey)
	w.Curve = sm2.P256()
	w.D = new(big.Int).SetBytes(key.Bytes())
	w.X, w.Y = new(big.Int).SetBytes(point[1:1+bits/8]), new(big.Int).SetBytes(point[1+bits/8:])
	return w, nil
}
