package region

import (
	"context"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// The operations whose command needs nothing that the request does not say.

// CreateAlias implements kmsapi.Service.
func (r *Region) CreateAlias(ctx context.Context, call *kmsapi.Call, in *kmsapi.CreateAliasRequest) error {
	return silent(ctx, r, call, keyengine.CreateAlias{Request: in})
}

// DeleteAlias implements kmsapi.Service.
func (r *Region) DeleteAlias(ctx context.Context, call *kmsapi.Call, in *kmsapi.DeleteAliasRequest) error {
	return silent(ctx, r, call, keyengine.DeleteAlias{Request: in})
}

// DisableKey implements kmsapi.Service.
func (r *Region) DisableKey(ctx context.Context, call *kmsapi.Call, in *kmsapi.DisableKeyRequest) error {
	return silent(ctx, r, call, keyengine.DisableKey{Request: in})
}

// DisableKeyRotation implements kmsapi.Service.
func (r *Region) DisableKeyRotation(ctx context.Context, call *kmsapi.Call, in *kmsapi.DisableKeyRotationRequest) error {
	return silent(ctx, r, call, keyengine.DisableKeyRotation{Request: in})
}

// EnableKey implements kmsapi.Service.
func (r *Region) EnableKey(ctx context.Context, call *kmsapi.Call, in *kmsapi.EnableKeyRequest) error {
	return silent(ctx, r, call, keyengine.EnableKey{Request: in})
}

// EnableKeyRotation implements kmsapi.Service.
func (r *Region) EnableKeyRotation(ctx context.Context, call *kmsapi.Call, in *kmsapi.EnableKeyRotationRequest) error {
	return silent(ctx, r, call, keyengine.EnableKeyRotation{Request: in})
}

// PutKeyPolicy implements kmsapi.Service.
func (r *Region) PutKeyPolicy(ctx context.Context, call *kmsapi.Call, in *kmsapi.PutKeyPolicyRequest) error {
	return silent(ctx, r, call, keyengine.PutKeyPolicy{Request: in})
}

// TagResource implements kmsapi.Service.
func (r *Region) TagResource(ctx context.Context, call *kmsapi.Call, in *kmsapi.TagResourceRequest) error {
	return silent(ctx, r, call, keyengine.TagResource{Request: in})
}

// UntagResource implements kmsapi.Service.
func (r *Region) UntagResource(ctx context.Context, call *kmsapi.Call, in *kmsapi.UntagResourceRequest) error {
	return silent(ctx, r, call, keyengine.UntagResource{Request: in})
}

// UpdateAlias implements kmsapi.Service.
func (r *Region) UpdateAlias(ctx context.Context, call *kmsapi.Call, in *kmsapi.UpdateAliasRequest) error {
	return silent(ctx, r, call, keyengine.UpdateAlias{Request: in})
}

// UpdateKeyDescription implements kmsapi.Service.
func (r *Region) UpdateKeyDescription(ctx context.Context, call *kmsapi.Call, in *kmsapi.UpdateKeyDescriptionRequest) error {
	return silent(ctx, r, call, keyengine.UpdateKeyDescription{Request: in})
}

// ScheduleKeyDeletion implements kmsapi.Service.
func (r *Region) ScheduleKeyDeletion(ctx context.Context, call *kmsapi.Call, in *kmsapi.ScheduleKeyDeletionRequest) (*kmsapi.ScheduleKeyDeletionResponse, error) {
	return simple[kmsapi.ScheduleKeyDeletionResponse](ctx, r, call, keyengine.ScheduleKeyDeletion{Request: in})
}

// CancelKeyDeletion implements kmsapi.Service.
func (r *Region) CancelKeyDeletion(ctx context.Context, call *kmsapi.Call, in *kmsapi.CancelKeyDeletionRequest) (*kmsapi.CancelKeyDeletionResponse, error) {
	return simple[kmsapi.CancelKeyDeletionResponse](ctx, r, call, keyengine.CancelKeyDeletion{Request: in})
}
