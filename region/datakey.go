package region

import (
	"context"
	"fmt"
	"io"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// GenerateDataKey implements kmsapi.Service.
func (r *Region) GenerateDataKey(_ context.Context, call *kmsapi.Call, in *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	to, err := r.recipient(in.Recipient)
	if err != nil {
		return nil, err
	}
	plaintext, blob, key, err := r.dataKey(call, "GenerateDataKey", *in.KeyId, in.KeySpec, in.NumberOfBytes, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	out := &kmsapi.GenerateDataKeyResponse{CiphertextBlob: blob, KeyId: new(key.ARN)}
	if to == nil {
		out.KeyMaterialId = new(key.Current.String())
	}
	out.Plaintext, out.CiphertextForRecipient, err = to.deliver(r.Random, plaintext)
	return answer(out, err)
}

// GenerateDataKeyWithoutPlaintext implements kmsapi.Service.
func (r *Region) GenerateDataKeyWithoutPlaintext(_ context.Context, call *kmsapi.Call, in *kmsapi.GenerateDataKeyWithoutPlaintextRequest) (*kmsapi.GenerateDataKeyWithoutPlaintextResponse, error) {
	plaintext, blob, key, err := r.dataKey(call, "GenerateDataKeyWithoutPlaintext", *in.KeyId, in.KeySpec, in.NumberOfBytes, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	clear(plaintext)
	return &kmsapi.GenerateDataKeyWithoutPlaintextResponse{
		CiphertextBlob: blob, KeyId: new(key.ARN), KeyMaterialId: new(key.Current.String()),
	}, nil
}

// GenerateRandom implements kmsapi.Service.
func (r *Region) GenerateRandom(_ context.Context, call *kmsapi.Call, in *kmsapi.GenerateRandomRequest) (*kmsapi.GenerateRandomResponse, error) {
	if err := r.view().AuthorizeAlone(r.facts(call), "GenerateRandom", "*"); err != nil {
		return nil, err
	}
	switch {
	case in.CustomKeyStoreId != nil:
		return nil, kmsapi.Errorf(kmsapi.CustomKeyStoreNotFoundException, "Custom key store %s does not exist.", *in.CustomKeyStoreId)
	case in.NumberOfBytes == nil:
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "1 validation error detected: Value null at 'numberOfBytes' failed to satisfy constraint: Member must not be null")
	}
	to, err := r.recipient(in.Recipient)
	if err != nil {
		return nil, err
	}
	random, err := r.random(int(*in.NumberOfBytes))
	if err != nil {
		return nil, err
	}
	out := new(kmsapi.GenerateRandomResponse)
	out.Plaintext, out.CiphertextForRecipient, err = to.deliver(r.Random, random)
	return answer(out, err)
}

// dataKey makes a data key and encrypts it.
func (r *Region) dataKey(call *kmsapi.Call, op, keyID string, spec *kmsapi.DataKeySpec, size *int32, context map[string]string, dry *bool) (plaintext, blob []byte, key *keyengine.Usable, err error) {
	s, err := r.seal(call, op, keyID, nil, context)
	if err != nil {
		return nil, nil, key, err
	}
	n, err := dataKeyBytes(spec, size)
	if err != nil {
		return nil, nil, key, err
	}
	if dryRun(dry) {
		return nil, nil, key, errDryRun
	}
	if plaintext, err = r.random(n); err != nil {
		return nil, nil, key, err
	}
	blob, err = s.seal(plaintext)
	return plaintext, blob, s.key, err
}

func dataKeyBytes(spec *kmsapi.DataKeySpec, size *int32) (int, error) {
	switch {
	case (spec == nil) == (size == nil):
		return 0, kmsapi.Errorf(kmsapi.ValidationException, "Please specify either number of bytes or key spec.")
	case size != nil:
		return int(*size), nil
	case *spec == kmsapi.DataKeySpecAes128:
		return 16, nil
	case *spec == kmsapi.DataKeySpecAes256:
		return 32, nil
	}
	return 0, kmsapi.Errorf(kmsapi.ValidationException, "KeySpec %s is not valid for a data key: use %s or %s.", *spec, kmsapi.DataKeySpecAes256, kmsapi.DataKeySpecAes128)
}

func (r *Region) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r.Random, b); err != nil {
		return nil, fmt.Errorf("draw random bytes: %w", err)
	}
	return b, nil
}
