package keyengine

import (
	"strings"

	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// naming is which identifiers an operation takes.
type naming uint8

const (
	byKey        naming = iota // key id, key ARN
	byKeyOrAlias               // and alias name, alias ARN
)

// target is the key that a call names, found in this Region.
type target struct {
	ref   Ref
	arn   string
	view  *View
	local *family.Local
	other string // the Region that the command names beside the key
}

// resolve finds the key that a caller's identifier names, and decides whether the caller may do op to it.
func (v *View) resolve(f Facts, op, id string, n naming) (*target, error) {
	t, err := v.locate(f, op, id, n)
	if err != nil {
		return nil, err
	}
	return t, t.authorize(f, op)
}

// locate finds the key that a caller's identifier names: syntax first, then Region and account, then
// existence. Of keys of other accounts nothing is said, not even whether they exist.
func (v *View) locate(f Facts, op, id string, n naming) (*target, error) {
	name, err := arn.Parse(id)
	switch {
	case err != nil && strings.HasPrefix(id, "arn:"):
		return nil, fault(kmsapi.InvalidArnException, "Invalid arn %s", id)
	case err != nil:
		return nil, fault(kmsapi.NotFoundException, "Invalid keyId '%s'", id)
	case name.Form == arn.AliasARN && n == byKey:
		return nil, fault(kmsapi.InvalidArnException, "Key Aliases are not supported for this operation")
	case name.Form == arn.AliasName && n == byKey:
		return nil, fault(kmsapi.NotFoundException, "Invalid keyId %s", id)
	case name.Form.IsARN() && name.Region != v.place.Region:
		return nil, fault(kmsapi.NotFoundException, "Invalid arn %s", name.Region)
	}
	ref := Ref{Account: f.Caller.Account, KeyID: name.ID}
	if name.Form.IsARN() {
		ref.Account = name.Account
	}
	abroad := ref.Account != f.Caller.Account
	if abroad && f.Asker == nil {
		return nil, v.deniedAbroad(f, op, id, ref.Account)
	}
	if name.Form.IsAlias() {
		a, ok := v.alias(ref.Account, name.ID)
		switch {
		case !ok && abroad:
			return nil, v.deniedAbroad(f, op, id, ref.Account)
		case !ok:
			return nil, v.noAlias(ref.Account, name.ID)
		}
		ref.KeyID = a.KeyID
	}
	t, err := v.find(ref)
	if err != nil && abroad {
		return nil, v.deniedAbroad(f, op, id, ref.Account)
	}
	return t, err
}

// find finds a key by its reference.
func (v *View) find(ref Ref) (*target, error) {
	local, ok := v.Family(ref)
	if !ok || !live(local) {
		return nil, v.notThere(ref)
	}
	return &target{ref: ref, arn: v.place.keyARN(v.place.Region, ref), view: v, local: local}, nil
}

func (v *View) notThere(ref Ref) error {
	return fault(kmsapi.NotFoundException, "Key '%s' does not exist", v.place.keyARN(v.place.Region, ref))
}

// key loads what the key has in this Region alone, which using it does not need.
func (t *target) key() *Key {
	k, ok := load[Key](t.view.rows, keyRow(t.ref))
	if !ok {
		panic("keyengine: live family " + t.ref.String() + " without a key row")
	}
	return k
}

func (v *View) noAlias(account, name string) error {
	return fault(kmsapi.NotFoundException, "Alias %s is not found.", v.place.aliasARN(account, name))
}

// manage finds the key of an operation that names one by id or ARN, in a state that allows it.
func (v *View) manage(f Facts, op string, id *string) (*target, error) {
	t, err := v.resolve(f, op, val(id), byKey)
	if err != nil {
		return nil, err
	}
	return t, t.check(op)
}
