package keyengine

import (
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// Kind is of what kind a key is that another Region asks about. What an older one leaves out is empty.
type Kind struct{ Spec, Usage, Origin string }

// AuthorizeReplica decides, in the Region of a replica to be made, whether the caller of ReplicateKey may
// make a key of this kind here, and tag it, and whether the replica's policy leaves the caller able to replace it.
func (v *View) AuthorizeReplica(f Facts, ref Ref, kind Kind, init family.Init) error {
	if f.Asker == nil {
		return nil
	}
	a := *f.Asker
	in := &kmsapi.CreateKeyRequest{Tags: apiTags(init.Tags), MultiRegion: new(true), BypassPolicyLockoutSafetyCheck: new(init.BypassSafety)}
	if kind.Spec != "" {
		in.KeySpec, in.KeyUsage, in.Origin = new(kmsapi.KeySpec(kind.Spec)), new(kmsapi.KeyUsageType(kind.Usage)), new(kmsapi.OriginType(kind.Origin))
	}
	a.Given = policy.Values{"kms:multiregionkeytype": {"REPLICA"}}
	a.Input, f.Asker = in, &a
	if err := v.authorizeNew(f, "CreateKey", in.Tags); err != nil || init.Policy == "" {
		return err
	}
	return v.checkNewPolicy(f, ref, nil, init.Policy, in.BypassPolicyLockoutSafetyCheck)
}

// ReplicaCall is the CreateKey that a ReplicateKey of another Region is in the replica's Region, and its answer: what a
// record of calls says of it.
func ReplicaCall(p Place, r *family.Record, init family.Init) (*kmsapi.CreateKeyRequest, *kmsapi.CreateKeyResponse) {
	in := &kmsapi.CreateKeyRequest{
		BypassPolicyLockoutSafetyCheck: new(init.BypassSafety), Description: new(init.Description), MultiRegion: new(true),
		KeySpec: new(kmsapi.KeySpec(r.Spec)), KeyUsage: new(kmsapi.KeyUsageType(r.Usage)), Origin: new(kmsapi.OriginType(r.Origin)),
		Tags: apiTags(init.Tags),
	}
	if init.Policy != "" {
		in.Policy = new(init.Policy)
	}
	m := sharedMetadata(p, p.Region, Ref{Account: r.Account, KeyID: r.KeyID}, r)
	m.Description, m.Enabled, m.KeyState = new(init.Description), new(false), new(kmsapi.KeyState(stateCreating))
	return in, &kmsapi.CreateKeyResponse{KeyMetadata: m}
}

// AuthorizePrimary decides, in the Region of the replica that is to become primary, whether the caller may do that.
func (v *View) AuthorizePrimary(f Facts, ref Ref) error {
	if f.Asker == nil {
		return nil
	}
	a := *f.Asker
	a.Input, f.Asker = &kmsapi.UpdatePrimaryRegionRequest{PrimaryRegion: new(v.place.Region)}, &a
	t, err := v.find(ref)
	if err != nil {
		return nil // there is nothing to allow: PrecheckPrimary says so
	}
	return t.authorize(f, "UpdatePrimaryRegion")
}

// Judge decides whether the asker may do something: permission is without its kms:, keyID names a key, or
// is empty for what is about none. The error is a fault, of the decision or because there is no such key.
func (v *View) Judge(f Facts, permission, keyID string) error {
	if keyID == "" {
		return v.AuthorizeAlone(f, permission, "*")
	}
	t, err := v.locate(f, permission, keyID, byKeyOrAlias)
	if err != nil {
		return err
	}
	return t.authorize(f, permission)
}

// Aware reports whether a permission is one of this service's.
func Aware(permission string) bool {
	_, ok := kmsapi.Lookup(operationOf(permission))
	return ok && permission != "ReEncrypt"
}

// given answers for condition keys that are said beforehand.
func (a *Asker) given(key string) ([]string, bool) {
	values, ok := a.Given[key]
	return values, ok
}
