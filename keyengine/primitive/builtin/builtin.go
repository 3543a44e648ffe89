// Package builtin is the list of all providers of key material that there are.
//
// It promises one provider for each key spec that the table marks as built, and no other. It knows
// no algorithm. It starts no goroutines.
//
//	set := builtin.Set()
//	signer, err := set.Signer("ECC_NIST_P256", material)
package builtin

import (
	"slices"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/aesgcm"
	"meridian/keyengine/primitive/ecdsa"
	"meridian/keyengine/primitive/eddsa"
	"meridian/keyengine/primitive/hmac"
	"meridian/keyengine/primitive/mldsa"
	"meridian/keyengine/primitive/rsa"
	"meridian/keyengine/primitive/secp256k1"
	"meridian/keyengine/primitive/sm2"
)

// Providers returns one provider for each key spec that is built.
func Providers() []primitive.Provider {
	return slices.Concat(
		[]primitive.Provider{aesgcm.Provider{}},
		hmac.Providers(),
		ecdsa.Providers(),
		secp256k1.Providers(),
		eddsa.Providers(),
		mldsa.Providers(),
		sm2.Providers(),
		rsa.Providers(),
	)
}

// Set returns the set of all providers.
func Set() primitive.Set { return primitive.NewSet(Providers()...) }
