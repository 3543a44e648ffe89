package keyengine

import (
	"bytes"

	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// Resolve finds the key that a caller's identifier names for an operation that takes ids and ARNs,
// and its spec, so that facts about it can be gathered, for who may do the operation. The state of the
// key is not looked at.
func (v *View) Resolve(f Facts, op, keyID string) (Ref, string, error) {
	t, err := v.resolve(f, op, keyID, byKey)
	if err != nil {
		return Ref{}, "", err
	}
	return t.ref, t.local.Record.Spec, nil
}

// FamilyOfRow returns the key whose own properties or family a row holds.
func FamilyOfRow(key []byte) (Ref, bool) {
	for _, prefix := range []string{prefixFamily, prefixKey} {
		if tail, ok := bytes.CutPrefix(key, []byte(prefix)); ok {
			return parseRef(tail), true
		}
	}
	return Ref{}, false
}

// PrecheckPrimary says whether this Region's member could take the primary role now: nil, or the
// fault that the caller of UpdatePrimaryRegion deserves.
func (v *View) PrecheckPrimary(ref Ref) *kmsapi.Fault {
	err := v.checkRef(ref)
	if err == nil {
		var t *target
		if t, err = v.find(ref); err == nil && t.local.State != family.Enabled {
			err = inState(t.arn, shown(t.local))
		}
	}
	return asFault(err)
}

// KeyNamed returns the key that a caller of an account means by an identifier, whatever the operation and whether it may
// use it or not: for those who tell what a call was about. It says no where this Region knows no such key or alias.
func (v *View) KeyNamed(account, id string) (arn.Key, bool) {
	name, err := arn.Parse(id)
	if err != nil || name.Form.IsARN() && name.Region != v.place.Region {
		return arn.Key{}, false
	}
	if name.Account != "" {
		account = name.Account
	}
	ref := Ref{Account: account, KeyID: name.ID}
	if name.Form.IsAlias() {
		a, ok := v.alias(account, name.ID)
		if !ok {
			return arn.Key{}, false
		}
		ref.KeyID = a.KeyID
	}
	if _, ok := v.Family(ref); !ok {
		return arn.Key{}, false
	}
	return arn.Key{Partition: v.place.Partition, Region: v.place.Region, Account: ref.Account, ID: ref.KeyID}, true
}
