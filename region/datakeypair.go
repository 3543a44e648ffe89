package region

import (
	"context"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// GenerateDataKeyPair implements kmsapi.Service.
func (r *Region) GenerateDataKeyPair(ctx context.Context, call *kmsapi.Call, in *kmsapi.GenerateDataKeyPairRequest) (*kmsapi.GenerateDataKeyPairResponse, error) {
	to, err := r.recipient(in.Recipient)
	if err != nil {
		return nil, err
	}
	p, err := r.dataKeyPair(ctx, call, "GenerateDataKeyPair", *in.KeyId, *in.KeyPairSpec, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	out := &kmsapi.GenerateDataKeyPairResponse{
		KeyId: new(p.key.ARN), KeyPairSpec: in.KeyPairSpec, KeyMaterialId: p.materialName(),
		PublicKey: p.public, PrivateKeyCiphertextBlob: p.sealed,
	}
	out.PrivateKeyPlaintext, out.CiphertextForRecipient, err = to.deliver(r.Random, p.private)
	return answer(out, err)
}

// GenerateDataKeyPairWithoutPlaintext implements kmsapi.Service.
func (r *Region) GenerateDataKeyPairWithoutPlaintext(ctx context.Context, call *kmsapi.Call, in *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest) (*kmsapi.GenerateDataKeyPairWithoutPlaintextResponse, error) {
	p, err := r.dataKeyPair(ctx, call, "GenerateDataKeyPairWithoutPlaintext", *in.KeyId, *in.KeyPairSpec, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	clear(p.private)
	return &kmsapi.GenerateDataKeyPairWithoutPlaintextResponse{
		KeyId: new(p.key.ARN), KeyPairSpec: in.KeyPairSpec, KeyMaterialId: p.materialName(),
		PublicKey: p.public, PrivateKeyCiphertextBlob: p.sealed,
	}, nil
}

// keyPair is a data key pair with its encrypted private half.
type keyPair struct {
	*sealing
	public, private, sealed []byte // SPKI DER, PKCS #8 DER, CiphertextBlob
}

// dataKeyPair makes a data key pair and encrypts its private half.
func (r *Region) dataKeyPair(ctx context.Context, call *kmsapi.Call, op, keyID string, pairSpec kmsapi.DataKeyPairSpec, encryptionContext map[string]string, dry *bool) (*keyPair, error) {
	s, err := r.seal(call, op, keyID, nil, encryptionContext)
	if err != nil {
		return nil, err
	}
	spec, ok := keyspec.Lookup(string(pairSpec))
	if !ok || !spec.Built || !spec.In(r.Place.Partition) {
		return nil, kmsapi.Errorf(kmsapi.UnsupportedOperationException, "KeyPairSpec %s is not supported in this Region.", pairSpec)
	}
	if dryRun(dry) {
		return nil, errDryRun
	}
	ctx, cancel := context.WithTimeout(ctx, leaderTimeout+slowExtra)
	defer cancel()
	material, err := r.generate(ctx, spec.Name)
	if err != nil {
		return nil, err
	}
	defer material.Destroy()
	p := &keyPair{sealing: s, private: material.Bytes()} // the material of these specs is PKCS #8
	if p.public, err = r.Primitives.PublicKey(spec.Name, material); err == nil {
		p.sealed, err = s.seal(p.private)
	}
	if err != nil {
		clear(p.private)
		return nil, err
	}
	return p, nil
}
