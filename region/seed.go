package region

import (
	"context"
	"errors"
	"fmt"
	"io"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// SeedKey is a key whose id, and perhaps material, an operator gives: what no caller of the API can.
type SeedKey struct {
	Request  *kmsapi.CreateKeyRequest
	KeyID    string
	Material []byte // in the form in which keys of the spec are imported; empty: new material
}

// Seed makes a key at the leader, unless the Region knows its id already, of a live key or of a deleted one;
// made tells. Its errors are a *kmsapi.Fault, eventlog.ErrNotLeader or a defect.
func (r *Region) Seed(ctx context.Context, call *kmsapi.Call, s SeedKey) (made bool, err error) {
	p, err := r.decider()
	if err != nil {
		return false, err
	}
	multi := s.Request.MultiRegion != nil && *s.Request.MultiRegion
	if !arn.ValidKeyID(s.KeyID) || arn.IsMultiRegion(s.KeyID) != multi {
		return false, kmsapi.Errorf(kmsapi.ValidationException, "%.80q is not the id of a key with MultiRegion %t.", s.KeyID, multi)
	}
	spec, err := keyengine.NewKeySpec(r.Place, s.Request)
	if err != nil {
		return false, err
	}
	ref := keyengine.Ref{Account: call.Caller.Account, KeyID: s.KeyID}
	if _, known := r.view().Family(ref); known {
		return false, nil
	}
	command := keyengine.CreateKey{Request: s.Request, KeyID: s.KeyID}
	var secrets []eventlog.Secret
	external := s.Request.Origin != nil && string(*s.Request.Origin) == string(keyring.OriginExternal)
	switch {
	case external && len(s.Material) > 0:
		return false, kmsapi.Errorf(kmsapi.ValidationException, "Material of keys with origin EXTERNAL comes by ImportKeyMaterial.")
	case !external:
		material, secret, err := r.seedMaterial(ctx, p, ref, spec, s.Material)
		if err != nil {
			return false, err
		}
		command.Material, secrets = material, []eventlog.Secret{secret}
	}
	_, err = decide[kmsapi.CreateKeyResponse](ctx, r, p, call, command, secrets...)
	return err == nil, err
}

// seedMaterial wraps material that is given, or makes new one.
func (r *Region) seedMaterial(ctx context.Context, p *proposer, ref keyengine.Ref, spec string, raw []byte) (keyengine.NewMaterial, eventlog.Secret, error) {
	if len(raw) == 0 {
		return r.newMaterial(ctx, p, ref, spec)
	}
	var none keyengine.NewMaterial
	material, err := r.Primitives.Import(spec, raw)
	if errors.Is(err, primitive.ErrMaterial) {
		return none, eventlog.Secret{}, kmsapi.Errorf(kmsapi.ValidationException, "The key material is not that of a key of spec %s.", spec)
	}
	if err != nil {
		return none, eventlog.Secret{}, fmt.Errorf("import key material: %w", err)
	}
	defer material.Destroy()
	var salt [32]byte
	if _, err := io.ReadFull(r.Random, salt[:]); err != nil {
		return none, eventlog.Secret{}, fmt.Errorf("draw random bytes: %w", err)
	}
	m := keyengine.NewMaterial{ID: keyring.MaterialID(keyring.OriginAWSKMS, ref.KeyID, salt[:]), Leaf: p.nextLeaf()}
	wrapped, err := r.Ring.Wrap(r.Random, m.Leaf, r.binding(ref, m.ID, spec), material)
	if err != nil {
		return none, eventlog.Secret{}, fmt.Errorf("wrap key material: %w", err)
	}
	return m, eventlog.Secret{ID: m.ID, Leaf: m.Leaf, Wrapped: wrapped}, nil
}
