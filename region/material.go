package region

import (
	"context"
	"fmt"
	"io"

	"github.com/google/uuid"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
)

// newMaterial makes key material for ref and wraps it. The secret goes beside the record that the
// material is in.
func (r *Region) newMaterial(ctx context.Context, p *proposer, ref keyengine.Ref, spec string) (keyengine.NewMaterial, eventlog.Secret, error) {
	var salt [32]byte
	if _, err := io.ReadFull(r.Random, salt[:]); err != nil {
		return keyengine.NewMaterial{}, eventlog.Secret{}, fmt.Errorf("draw random bytes: %w", err)
	}
	material, err := r.generate(ctx, spec)
	if err != nil {
		return keyengine.NewMaterial{}, eventlog.Secret{}, err
	}
	defer material.Destroy()
	id := keyring.MaterialID(keyring.OriginAWSKMS, ref.KeyID, salt[:])
	m := keyengine.NewMaterial{ID: id, Leaf: p.nextLeaf()}
	wrapped, err := r.Ring.Wrap(r.Random, m.Leaf, r.binding(ref, id, spec), material)
	if err != nil {
		return keyengine.NewMaterial{}, eventlog.Secret{}, fmt.Errorf("wrap key material: %w", err)
	}
	return m, eventlog.Secret{ID: id, Leaf: m.Leaf, Wrapped: wrapped}, nil
}

// binding is what a wrapped material is bound to.
func (r *Region) binding(ref keyengine.Ref, id family.MaterialID, spec string) keyring.Binding {
	return keyring.Binding{Partition: r.Place.Partition, Account: ref.Account, KeyID: ref.KeyID, ID: id, Spec: spec}
}

// CreateKey implements kmsapi.Service.
func (r *Region) CreateKey(ctx context.Context, call *kmsapi.Call, in *kmsapi.CreateKeyRequest) (*kmsapi.CreateKeyResponse, error) {
	p, err := r.decider()
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewRandomFromReader(r.Random)
	if err != nil {
		return nil, fmt.Errorf("draw a key id: %w", err)
	}
	ref := keyengine.Ref{Account: call.Caller.Account, KeyID: arn.NewKeyID(id, in.MultiRegion != nil && *in.MultiRegion)}
	command := keyengine.CreateKey{Request: in, KeyID: ref.KeyID}
	var secrets []eventlog.Secret
	if spec, ok := r.wantsMaterial(call, command); ok {
		material, secret, err := r.newMaterial(ctx, p, ref, spec)
		if err != nil {
			return nil, err
		}
		command.Material, secrets = material, []eventlog.Secret{secret}
	}
	return decide[kmsapi.CreateKeyResponse](ctx, r, p, call, command, secrets...)
}

// wantsMaterial tells of which spec a new key needs material. What the decision will refuse, or has
// already made for an earlier attempt, needs none: an RSA key is too dear to be thrown away.
func (r *Region) wantsMaterial(call *kmsapi.Call, c keyengine.CreateKey) (spec string, ok bool) {
	spec, err := keyengine.NewKeySpec(r.Place, c.Request)
	if err != nil || c.Request.Origin != nil && *c.Request.Origin == kmsapi.OriginType(keyring.OriginExternal) {
		return "", false
	}
	view := r.view()
	if _, _, repeated := view.Remembered(dedupKey(call, c.Operation())); repeated {
		return "", false
	}
	c.Material.ID[0] = 1 // any but none
	_, err = keyengine.Decide(view, r.facts(call), c)
	return spec, err == nil
}

// RotateKeyOnDemand implements kmsapi.Service.
func (r *Region) RotateKeyOnDemand(ctx context.Context, call *kmsapi.Call, in *kmsapi.RotateKeyOnDemandRequest) (*kmsapi.RotateKeyOnDemandResponse, error) {
	p, err := r.decider()
	if err != nil {
		return nil, err
	}
	command := keyengine.RotateKeyOnDemand{Request: in}
	var secrets []eventlog.Secret
	// A key that is not found gets no material, and the decision says why; imported material is there.
	if ref, spec, err := r.view().Resolve(r.facts(call), command.Operation(), *in.KeyId); err == nil && r.makesMaterial(ref) {
		material, secret, err := r.newMaterial(ctx, p, ref, spec)
		if err != nil {
			return nil, err
		}
		command.Material, secrets = material, []eventlog.Secret{secret}
	}
	return decide[kmsapi.RotateKeyOnDemandResponse](ctx, r, p, call, command, secrets...)
}

// makesMaterial reports whether the material of a key is made here, not imported.
func (r *Region) makesMaterial(ref keyengine.Ref) bool {
	l, ok := r.view().Family(ref)
	return ok && l.Record.Origin == string(keyring.OriginAWSKMS)
}
