package region

import (
	"context"
	"errors"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// errSignature is the one answer to a signature that does not verify.
var errSignature = &kmsapi.Fault{Code: kmsapi.KMSInvalidSignatureException}

// Sign implements kmsapi.Service.
func (r *Region) Sign(_ context.Context, call *kmsapi.Call, in *kmsapi.SignRequest) (*kmsapi.SignResponse, error) {
	s, err := r.signing(call, "Sign", *in.KeyId, *in.SigningAlgorithm, in.MessageType, in.Message)
	if err != nil {
		return nil, err
	}
	if dryRun(in.DryRun) {
		return nil, errDryRun
	}
	var signature []byte
	err = withCurrent(r, s.key, primitive.Set.Signer, func(signer primitive.Signer) (err error) {
		signature, err = signer.Sign(r.Random, s.algorithm, s.kind, in.Message)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &kmsapi.SignResponse{KeyId: new(s.key.ARN), Signature: signature, SigningAlgorithm: in.SigningAlgorithm}, nil
}

// Verify implements kmsapi.Service. A signature that does not verify is an error, never an answer.
func (r *Region) Verify(_ context.Context, call *kmsapi.Call, in *kmsapi.VerifyRequest) (*kmsapi.VerifyResponse, error) {
	s, err := r.signing(call, "Verify", *in.KeyId, *in.SigningAlgorithm, in.MessageType, in.Message)
	if err != nil {
		return nil, err
	}
	err = withCurrent(r, s.key, primitive.Set.Signer, func(signer primitive.Signer) error {
		return signer.Verify(s.algorithm, s.kind, in.Message, in.Signature)
	})
	switch {
	case errors.Is(err, primitive.ErrSignature):
		return nil, errSignature
	case err != nil:
		return nil, err
	case dryRun(in.DryRun):
		return nil, errDryRun
	}
	return &kmsapi.VerifyResponse{KeyId: new(s.key.ARN), SignatureValid: new(true), SigningAlgorithm: in.SigningAlgorithm}, nil
}

// signing is a signature, to be made or verified, whose caller may do it.
type signing struct {
	key       *keyengine.Usable
	algorithm string
	kind      string // of the message
}

// signing prepares the use of a signing key.
func (r *Region) signing(call *kmsapi.Call, op, keyID string, asked kmsapi.SigningAlgorithmSpec, kind *kmsapi.MessageType, message []byte) (*signing, error) {
	key, err := r.view().Use(r.facts(call), op, keyID)
	if err != nil {
		return nil, err
	}
	a, err := key.Algorithm(string(asked))
	if err != nil {
		return nil, err
	}
	name, err := keyengine.CheckMessage(a, kind, len(message))
	return &signing{key: key, algorithm: a.Name, kind: name}, err
}

// GetPublicKey implements kmsapi.Service. Every node derives the public half from the material.
func (r *Region) GetPublicKey(_ context.Context, call *kmsapi.Call, in *kmsapi.GetPublicKeyRequest) (out *kmsapi.GetPublicKeyResponse, err error) {
	var key *keyengine.Usable
	facts := r.facts(call)
	r.snapshot(func(v *keyengine.View) { out, key, err = v.DescribePublicKey(facts, in) })
	if err != nil {
		return nil, err
	}
	err = withCurrent(r, key, primitive.Set.PublicKey, func(spki []byte) error {
		out.PublicKey = spki
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
