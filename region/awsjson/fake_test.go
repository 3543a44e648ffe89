package awsjson

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"meridian/keyengine/kmsapi"
	"meridian/region/sigv4"
)

// fake is a service whose answer depends on the key's name.
type fake struct {
	kmsapi.Unimplemented
	calls []*kmsapi.Call
}

func (f *fake) DescribeKey(_ context.Context, call *kmsapi.Call, in *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	f.calls = append(f.calls, call)
	metadata := &kmsapi.KeyMetadata{KeyId: in.KeyId}
	switch *in.KeyId {
	case "missing":
		return nil, kmsapi.Errorf(kmsapi.NotFoundException, "Key '%s' does not exist", *in.KeyId)
	case "wrapped":
		return nil, fmt.Errorf("look up: %w", kmsapi.Errorf(kmsapi.InvalidArnException, "no <arn>"))
	case "unavailable":
		return nil, kmsapi.Errorf(kmsapi.KeyUnavailableException, "")
	case "broken":
		return nil, errors.New("the disk is on fire")
	case "panic":
		panic("invariant broken")
	case "index":
		return nil, errors.New([]string{}[len(*in.KeyId)])
	case "markup":
		metadata.Description = new("<a & b>\u2028é")
	case "call":
		metadata.Description = new(fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%v", call.Caller.Account, call.Region, call.InvocationID, call.Consistency, call.Session,
			hex.EncodeToString(call.BodyHash[:4]), call.Raw.Host, call.Forwarded))
		call.Set(SessionHeader, "eu-west-1.1.42")
	}
	return &kmsapi.DescribeKeyResponse{KeyMetadata: metadata}, nil
}

func (f *fake) EnableKey(_ context.Context, call *kmsapi.Call, in *kmsapi.EnableKeyRequest) error {
	f.calls = append(f.calls, call)
	if *in.KeyId == "missing" {
		return kmsapi.Errorf(kmsapi.NotFoundException, "Key '%s' does not exist", *in.KeyId)
	}
	return nil
}

func (f *fake) ListKeys(_ context.Context, call *kmsapi.Call, _ *kmsapi.ListKeysRequest) (*kmsapi.ListKeysResponse, error) {
	f.calls = append(f.calls, call)
	return &kmsapi.ListKeysResponse{Keys: []kmsapi.KeyListEntry{}, Truncated: new(false)}, nil
}

func (f *fake) CreateKey(_ context.Context, call *kmsapi.Call, in *kmsapi.CreateKeyRequest) (*kmsapi.CreateKeyResponse, error) {
	f.calls = append(f.calls, call)
	if len(f.calls) == 1 && in.Description != nil && *in.Description == "fail once" {
		return nil, kmsapi.Errorf(kmsapi.KMSInternalException, "")
	}
	return &kmsapi.CreateKeyResponse{KeyMetadata: &kmsapi.KeyMetadata{
		KeyId:                    new("mrk-1"),
		Description:              in.Description,
		CreationDate:             new(kmsapi.Timestamp(1607472987918)),
		Enabled:                  new(true),
		KeySpec:                  in.KeySpec,
		SigningAlgorithms:        []kmsapi.SigningAlgorithmSpec{kmsapi.SigningAlgorithmSpecEcdsaSha256},
		MultiRegion:              in.MultiRegion,
		MultiRegionConfiguration: &kmsapi.MultiRegionConfiguration{MultiRegionKeyType: new(kmsapi.MultiRegionKeyTypePrimary)},
	}}, nil
}

// Encrypt answers with the plaintext turned round.
func (f *fake) Encrypt(_ context.Context, _ *kmsapi.Call, in *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	blob := make([]byte, len(in.Plaintext))
	for i, b := range in.Plaintext {
		blob[len(blob)-1-i] = b
	}
	return &kmsapi.EncryptResponse{KeyId: in.KeyId, CiphertextBlob: blob, EncryptionAlgorithm: in.EncryptionAlgorithm}, nil
}

// trusting believes the Authorization header's word.
type trusting struct{}

func (trusting) Verify(r *http.Request, _ []byte) (sigv4.Signed, *kmsapi.Fault) {
	account := r.Header.Get("Authorization")
	if account == "" {
		return sigv4.Signed{}, kmsapi.Errorf(kmsapi.MissingAuthenticationTokenException, "Missing Authentication Token")
	}
	return sigv4.Signed{Caller: kmsapi.Principal{Account: account}, Region: "eu-west-1"}, nil
}
