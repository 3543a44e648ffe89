package region

import (
	"context"
	"errors"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// DeriveSharedSecret implements kmsapi.Service.
func (r *Region) DeriveSharedSecret(_ context.Context, call *kmsapi.Call, in *kmsapi.DeriveSharedSecretRequest) (*kmsapi.DeriveSharedSecretResponse, error) {
	to, err := r.recipient(in.Recipient)
	if err != nil {
		return nil, err
	}
	key, err := r.view().Use(r.facts(call), "DeriveSharedSecret", *in.KeyId)
	if err != nil {
		return nil, err
	}
	if _, err := key.Algorithm(string(*in.KeyAgreementAlgorithm)); err != nil {
		return nil, err
	}
	var secret []byte
	err = withCurrent(r, key, primitive.Set.Agreement, func(a primitive.Agreement) (err error) {
		secret, err = a.Derive(in.PublicKey)
		return err
	})
	switch {
	case errors.Is(err, primitive.ErrPeer):
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "PublicKey is not a public key of key spec %s.", key.Spec)
	case err != nil:
		return nil, err
	case dryRun(in.DryRun): // whether the other public key will do is part of the answer
		clear(secret)
		return nil, errDryRun
	}
	out := &kmsapi.DeriveSharedSecretResponse{
		KeyId: new(key.ARN), KeyAgreementAlgorithm: in.KeyAgreementAlgorithm, KeyOrigin: new(kmsapi.OriginType(key.Origin)),
	}
	out.SharedSecret, out.CiphertextForRecipient, err = to.deliver(r.Random, secret)
	return answer(out, err)
}
