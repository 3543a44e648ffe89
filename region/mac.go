package region

import (
	"context"
	"errors"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// errMAC is the one answer to a code that does not verify.
var errMAC = &kmsapi.Fault{Code: kmsapi.KMSInvalidMacException}

// GenerateMac implements kmsapi.Service.
func (r *Region) GenerateMac(_ context.Context, call *kmsapi.Call, in *kmsapi.GenerateMacRequest) (*kmsapi.GenerateMacResponse, error) {
	key, err := r.macKey(call, "GenerateMac", *in.KeyId, *in.MacAlgorithm)
	if err != nil {
		return nil, err
	}
	if dryRun(in.DryRun) {
		return nil, errDryRun
	}
	var code []byte
	err = withCurrent(r, key, primitive.Set.MAC, func(m primitive.MAC) (err error) {
		code, err = m.Generate(string(*in.MacAlgorithm), in.Message)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateMacResponse{KeyId: new(key.ARN), Mac: code, MacAlgorithm: in.MacAlgorithm}, nil
}

// VerifyMac implements kmsapi.Service. A code that does not verify is an error, never an answer.
func (r *Region) VerifyMac(_ context.Context, call *kmsapi.Call, in *kmsapi.VerifyMacRequest) (*kmsapi.VerifyMacResponse, error) {
	key, err := r.macKey(call, "VerifyMac", *in.KeyId, *in.MacAlgorithm)
	if err != nil {
		return nil, err
	}
	err = withCurrent(r, key, primitive.Set.MAC, func(m primitive.MAC) error {
		return m.Verify(string(*in.MacAlgorithm), in.Message, in.Mac)
	})
	switch {
	case errors.Is(err, primitive.ErrMAC):
		return nil, errMAC
	case err != nil:
		return nil, err
	case dryRun(in.DryRun):
		return nil, errDryRun
	}
	return &kmsapi.VerifyMacResponse{KeyId: new(key.ARN), MacValid: new(true), MacAlgorithm: in.MacAlgorithm}, nil
}

func (r *Region) macKey(call *kmsapi.Call, op, keyID string, asked kmsapi.MacAlgorithmSpec) (*keyengine.Usable, error) {
	key, err := r.view().Use(r.facts(call), op, keyID)
	if err != nil {
		return nil, err
	}
	_, err = key.Algorithm(string(asked))
	return key, err
}
