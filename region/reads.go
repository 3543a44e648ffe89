package region

import (
	"context"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// facts are what the engine must know of a call that changes nothing.
func (r *Region) facts(call *kmsapi.Call) keyengine.Facts {
	return keyengine.Facts{Now: r.Now(), RequestID: call.RequestID, Caller: call.Caller, Regions: r.Regions, Asker: r.askerOf(call)}
}

// ask answers a read from one consistent state.
func ask[In, Out any](r *Region, call *kmsapi.Call, in In, read func(*keyengine.View, keyengine.Facts, In) (Out, error)) (out Out, err error) {
	facts := r.facts(call)
	r.snapshot(func(v *keyengine.View) { out, err = read(v, facts, in) })
	return out, err
}

// DescribeKey implements kmsapi.Service.
func (r *Region) DescribeKey(_ context.Context, call *kmsapi.Call, in *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	return ask(r, call, in, (*keyengine.View).DescribeKey)
}

// GetKeyLastUsage implements kmsapi.Service.
func (r *Region) GetKeyLastUsage(_ context.Context, call *kmsapi.Call, in *kmsapi.GetKeyLastUsageRequest) (*kmsapi.GetKeyLastUsageResponse, error) {
	return ask(r, call, in, (*keyengine.View).GetKeyLastUsage)
}

// GetKeyPolicy implements kmsapi.Service.
func (r *Region) GetKeyPolicy(_ context.Context, call *kmsapi.Call, in *kmsapi.GetKeyPolicyRequest) (*kmsapi.GetKeyPolicyResponse, error) {
	return ask(r, call, in, (*keyengine.View).GetKeyPolicy)
}

// GetKeyRotationStatus implements kmsapi.Service.
func (r *Region) GetKeyRotationStatus(_ context.Context, call *kmsapi.Call, in *kmsapi.GetKeyRotationStatusRequest) (*kmsapi.GetKeyRotationStatusResponse, error) {
	return ask(r, call, in, (*keyengine.View).GetKeyRotationStatus)
}

// ListAliases implements kmsapi.Service.
func (r *Region) ListAliases(_ context.Context, call *kmsapi.Call, in *kmsapi.ListAliasesRequest) (*kmsapi.ListAliasesResponse, error) {
	return ask(r, call, in, (*keyengine.View).ListAliases)
}

// ListKeyPolicies implements kmsapi.Service.
func (r *Region) ListKeyPolicies(_ context.Context, call *kmsapi.Call, in *kmsapi.ListKeyPoliciesRequest) (*kmsapi.ListKeyPoliciesResponse, error) {
	return ask(r, call, in, (*keyengine.View).ListKeyPolicies)
}

// ListKeyRotations implements kmsapi.Service.
func (r *Region) ListKeyRotations(_ context.Context, call *kmsapi.Call, in *kmsapi.ListKeyRotationsRequest) (*kmsapi.ListKeyRotationsResponse, error) {
	return ask(r, call, in, (*keyengine.View).ListKeyRotations)
}

// ListKeys implements kmsapi.Service.
func (r *Region) ListKeys(_ context.Context, call *kmsapi.Call, in *kmsapi.ListKeysRequest) (*kmsapi.ListKeysResponse, error) {
	return ask(r, call, in, (*keyengine.View).ListKeys)
}

// ListResourceTags implements kmsapi.Service.
func (r *Region) ListResourceTags(_ context.Context, call *kmsapi.Call, in *kmsapi.ListResourceTagsRequest) (*kmsapi.ListResourceTagsResponse, error) {
	return ask(r, call, in, (*keyengine.View).ListResourceTags)
}
