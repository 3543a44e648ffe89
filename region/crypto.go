package region

import (
	"context"

	"meridian/keyengine/kmsapi"
)

// Faults of cryptography that have one text each.
var (
	// errCiphertext is the one answer to whatever cannot be opened; like AWS's, it has no text.
	errCiphertext = &kmsapi.Fault{Code: kmsapi.InvalidCiphertextException}
	errDryRun     = &kmsapi.Fault{
		Code: kmsapi.DryRunOperationException, Message: "The request would have succeeded, but the DryRun option is set.",
	}
)

// Encrypt implements kmsapi.Service.
func (r *Region) Encrypt(_ context.Context, call *kmsapi.Call, in *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	s, err := r.seal(call, "Encrypt", *in.KeyId, in.EncryptionAlgorithm, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if err := s.fits(in.Plaintext); err != nil {
		return nil, err
	}
	if dryRun(in.DryRun) {
		return nil, errDryRun
	}
	blob, err := s.seal(in.Plaintext)
	if err != nil {
		return nil, err
	}
	return &kmsapi.EncryptResponse{CiphertextBlob: blob, KeyId: new(s.key.ARN), EncryptionAlgorithm: s.algorithmName()}, nil
}

// Decrypt implements kmsapi.Service.
func (r *Region) Decrypt(_ context.Context, call *kmsapi.Call, in *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	to, err := r.recipient(in.Recipient)
	if err != nil {
		return nil, err
	}
	o, err := r.open(call, "Decrypt", in.KeyId, in.CiphertextBlob, in.EncryptionAlgorithm, in.DryRun, in.DryRunModifiers)
	if err != nil {
		return nil, err
	}
	plaintext, err := o.open(in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if dryRun(in.DryRun) {
		clear(plaintext)
		return nil, errDryRun
	}
	out := &kmsapi.DecryptResponse{KeyId: new(o.key.ARN), EncryptionAlgorithm: o.algorithmName()}
	if to == nil {
		out.KeyMaterialId = o.materialName()
	}
	out.Plaintext, out.CiphertextForRecipient, err = to.deliver(r.Random, plaintext)
	return answer(out, err)
}

// ReEncrypt implements kmsapi.Service.
func (r *Region) ReEncrypt(_ context.Context, call *kmsapi.Call, in *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	o, err := r.open(call, "ReEncryptFrom", in.SourceKeyId, in.CiphertextBlob, in.SourceEncryptionAlgorithm, in.DryRun, in.DryRunModifiers)
	if err != nil {
		return nil, err
	}
	s, err := r.seal(call, "ReEncryptTo", *in.DestinationKeyId, in.DestinationEncryptionAlgorithm, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	plaintext, err := o.open(in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	if err := s.fits(plaintext); err != nil {
		return nil, err
	}
	if dryRun(in.DryRun) {
		return nil, errDryRun
	}
	blob, err := s.seal(plaintext)
	if err != nil {
		return nil, err
	}
	return &kmsapi.ReEncryptResponse{
		CiphertextBlob: blob, SourceKeyId: new(o.key.ARN), KeyId: new(s.key.ARN),
		SourceEncryptionAlgorithm: o.algorithmName(), DestinationEncryptionAlgorithm: s.algorithmName(),
		SourceKeyMaterialId: o.materialName(), DestinationKeyMaterialId: s.materialName(),
	}, nil
}

func dryRun(p *bool) bool { return p != nil && *p }
