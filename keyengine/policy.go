package keyengine

import (
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// policyName is the only name a key policy can have.
const policyName = "default"

// PutKeyPolicy replaces a key's policy, whatever the key's state.
type PutKeyPolicy struct{ Request *kmsapi.PutKeyPolicyRequest }

// Operation implements Command.
func (PutKeyPolicy) Operation() string { return "PutKeyPolicy" }

func (c PutKeyPolicy) decide(d *draft) (any, error) {
	t, err := d.manage(d.facts, "PutKeyPolicy", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	if name := c.Request.PolicyName; name != nil && *name != policyName {
		return nil, fault(kmsapi.ValidationException, "The only valid policy name is %s.", policyName)
	}
	text, err := checkPolicy(val(c.Request.Policy))
	if err != nil {
		return nil, err
	}
	if err := d.checkNewPolicy(d.facts, t.ref, t, text, c.Request.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	if text != t.key().Policy {
		d.emit(PolicyPut{Account: t.ref.Account, KeyID: t.ref.KeyID, Policy: text})
	}
	return nil, nil
}

// policyText is the policy of a key to be made: the one given, or the default one.
func (v *View) policyText(account, given string) (string, error) {
	if given == "" {
		return policy.Default(v.place.Partition, account), nil
	}
	return checkPolicy(given)
}

// checkPolicy refuses a policy that nobody could evaluate. The text is stored as it came.
func checkPolicy(text string) (string, error) {
	if _, err := policy.Parse(text); err != nil {
		return "", err
	}
	return text, nil
}

// GetKeyPolicy answers the operation.
func (v *View) GetKeyPolicy(f Facts, in *kmsapi.GetKeyPolicyRequest) (*kmsapi.GetKeyPolicyResponse, error) {
	t, err := v.manage(f, "GetKeyPolicy", in.KeyId)
	if err != nil {
		return nil, err
	}
	if in.PolicyName != nil && *in.PolicyName != policyName {
		return nil, fault(kmsapi.NotFoundException, "No such policy exists")
	}
	return &kmsapi.GetKeyPolicyResponse{Policy: new(t.key().Policy), PolicyName: new(policyName)}, nil
}

// ListKeyPolicies answers the operation: every key has one policy.
func (v *View) ListKeyPolicies(f Facts, in *kmsapi.ListKeyPoliciesRequest) (*kmsapi.ListKeyPoliciesResponse, error) {
	t, err := v.manage(f, "ListKeyPolicies", in.KeyId)
	if err != nil {
		return nil, err
	}
	names, truncated, next, err := pageOf([]string{policyName}, func(s string) string { return s },
		"ListKeyPolicies", t.ref.String(), in.Limit, in.Marker, bounds{normal: 100, most: 1000})
	if err != nil {
		return nil, err
	}
	return &kmsapi.ListKeyPoliciesResponse{PolicyNames: names, Truncated: truncated, NextMarker: next}, nil
}

func (e PolicyPut) evolve(s state) {
	s.changeKey(Ref{e.Account, e.KeyID}, func(k *Key) { k.Policy = e.Policy })
}
