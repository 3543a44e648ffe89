package region

import (
	"context"
	"encoding/hex"
	"errors"

	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
)

// CreateGrant implements kmsapi.Service. A repeat is answered with the same grant and another token.
func (r *Region) CreateGrant(ctx context.Context, call *kmsapi.Call, in *kmsapi.CreateGrantRequest) (*kmsapi.CreateGrantResponse, error) {
	p, err := r.decider()
	if err != nil {
		return nil, err
	}
	id, err := r.random(len(grantToken{}.GrantID))
	if err != nil {
		return nil, err
	}
	out, seq, err := decideAt[kmsapi.CreateGrantResponse](ctx, r, p, call, keyengine.CreateGrant{Request: in, GrantID: hex.EncodeToString(id)})
	if err != nil {
		return nil, err
	}
	if out == nil || out.GrantId == nil {
		return nil, errors.New("reply of CreateGrant has no grant id")
	}
	token, err := r.sealGrantToken(keyengine.GrantRef{Key: grantedKey(call, *in.KeyId), ID: *out.GrantId}, seq)
	if err != nil {
		return nil, err
	}
	return &kmsapi.CreateGrantResponse{GrantId: out.GrantId, GrantToken: new(token)}, nil
}

// grantedKey is the key that an identifier names which the engine took for a key id or a key ARN.
func grantedKey(call *kmsapi.Call, id string) keyengine.Ref {
	name, _ := arn.Parse(id)
	ref := keyengine.Ref{Account: name.Account, KeyID: name.ID}
	if ref.Account == "" {
		ref.Account = call.Caller.Account
	}
	return ref
}

// RetireGrant implements kmsapi.Service.
func (r *Region) RetireGrant(ctx context.Context, call *kmsapi.Call, in *kmsapi.RetireGrantRequest) error {
	command := keyengine.RetireGrant{Request: in}
	if in.GrantToken != nil {
		t, err := r.openGrantToken(*in.GrantToken)
		if err != nil {
			return err
		}
		command.Token = new(t.ref())
	}
	return silent(ctx, r, call, command)
}

// RevokeGrant implements kmsapi.Service.
func (r *Region) RevokeGrant(ctx context.Context, call *kmsapi.Call, in *kmsapi.RevokeGrantRequest) error {
	return silent(ctx, r, call, keyengine.RevokeGrant{Request: in})
}

// ListGrants implements kmsapi.Service.
func (r *Region) ListGrants(_ context.Context, call *kmsapi.Call, in *kmsapi.ListGrantsRequest) (*kmsapi.ListGrantsResponse, error) {
	return ask(r, call, in, (*keyengine.View).ListGrants)
}

// ListRetirableGrants implements kmsapi.Service.
func (r *Region) ListRetirableGrants(_ context.Context, call *kmsapi.Call, in *kmsapi.ListRetirableGrantsRequest) (*kmsapi.ListGrantsResponse, error) {
	return ask(r, call, in, (*keyengine.View).ListRetirableGrants)
}
