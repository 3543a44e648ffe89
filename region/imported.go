package region

import (
	"context"
	"errors"
	"fmt"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// GetParametersForImport implements kmsapi.Service. Nothing of it is stored: the private key travels
// inside the token, sealed. So any node answers, and another may take the import.
func (r *Region) GetParametersForImport(ctx context.Context, call *kmsapi.Call, in *kmsapi.GetParametersForImportRequest) (*kmsapi.GetParametersForImportResponse, error) {
	key, err := ask(r, call, in, (*keyengine.View).GetParametersForImport)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, leaderTimeout+slowExtra)
	defer cancel()
	wrapper := string(*in.WrappingKeySpec)
	private, err := r.generate(ctx, wrapper)
	if err != nil {
		return nil, err
	}
	defer private.Destroy()
	public, err := r.Primitives.PublicKey(wrapper, private)
	if err != nil {
		return nil, fmt.Errorf("public half of a wrapping key: %w", err)
	}
	t := importToken{
		Version: importTokenVersion, Account: key.Ref.Account, KeyID: key.Ref.KeyID, Region: r.Place.Region,
		Algorithm: string(*in.WrappingAlgorithm), Wrapper: wrapper, Expires: r.Now() + importTokenLife.Milliseconds(),
	}
	token, err := r.sealImportToken(t, private)
	if err != nil {
		return nil, err
	}
	return &kmsapi.GetParametersForImportResponse{
		KeyId: new(key.ARN), PublicKey: public, ImportToken: token, ParametersValidTo: new(kmsapi.Timestamp(t.Expires)),
	}, nil
}

// ImportKeyMaterial implements kmsapi.Service.
func (r *Region) ImportKeyMaterial(ctx context.Context, call *kmsapi.Call, in *kmsapi.ImportKeyMaterialRequest) (*kmsapi.ImportKeyMaterialResponse, error) {
	p, err := r.decider()
	if err != nil {
		return nil, err
	}
	command := keyengine.ImportKeyMaterial{Request: in}
	var secrets []eventlog.Secret
	// Of a key that is not found nothing is opened, and the decision says why.
	if ref, spec, err := r.view().ImportTarget(r.facts(call), in); err == nil {
		secret, err := r.openImport(p, ref, spec, in, &command)
		var fault *kmsapi.Fault
		switch {
		case errors.As(err, &fault):
			command.Unusable = fault
		case err != nil:
			return nil, err
		default:
			secrets = []eventlog.Secret{secret}
		}
	}
	return decide[kmsapi.ImportKeyMaterialResponse](ctx, r, p, call, command, secrets...)
}

// DeleteImportedKeyMaterial implements kmsapi.Service.
func (r *Region) DeleteImportedKeyMaterial(ctx context.Context, call *kmsapi.Call, in *kmsapi.DeleteImportedKeyMaterialRequest) (*kmsapi.DeleteImportedKeyMaterialResponse, error) {
	return simple[kmsapi.DeleteImportedKeyMaterialResponse](ctx, r, call, keyengine.DeleteImportedKeyMaterial{Request: in})
}

// openImport opens the material of an import and wraps it anew, under the Region's own keys. Its errors
// are faults, but for defects.
func (r *Region) openImport(p *proposer, ref keyengine.Ref, spec string, in *kmsapi.ImportKeyMaterialRequest, command *keyengine.ImportKeyMaterial) (eventlog.Secret, error) {
	t, private, err := r.openImportToken(in.ImportToken)
	if err != nil {
		return eventlog.Secret{}, err
	}
	defer private.Destroy()
	if t.Account != ref.Account || t.KeyID != ref.KeyID || t.Region != r.Place.Region {
		return eventlog.Secret{}, errImportToken // another key's
	}
	command.TokenExpires = t.Expires
	raw, err := r.openWrapped(t, private, in.EncryptedKeyMaterial)
	defer clear(raw)
	if err != nil {
		return eventlog.Secret{}, err
	}
	material, err := r.Primitives.Import(spec, raw)
	switch {
	case errors.Is(err, primitive.ErrMaterial):
		return eventlog.Secret{}, kmsapi.Errorf(kmsapi.IncorrectKeyMaterialException, "The key material is not that of a key of spec %s.", spec)
	case err != nil:
		return eventlog.Secret{}, fmt.Errorf("import key material: %w", err)
	}
	defer material.Destroy()
	canonical := material.Bytes() // the same for every form in which the same key may come
	defer clear(canonical)
	m := keyengine.NewMaterial{ID: keyring.MaterialID(keyring.OriginExternal, ref.KeyID, canonical), Leaf: p.nextLeaf()}
	wrapped, err := r.Ring.Wrap(r.Random, m.Leaf, r.binding(ref, m.ID, spec), material)
	if err != nil {
		return eventlog.Secret{}, fmt.Errorf("wrap key material: %w", err)
	}
	command.Material = m
	return eventlog.Secret{ID: m.ID, Leaf: m.Leaf, Wrapped: wrapped}, nil
}
