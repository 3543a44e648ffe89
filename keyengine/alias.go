package keyengine

import (
	"strings"

	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// MaxAliasesPerKey is how many aliases a key may have.
const MaxAliasesPerKey = 50

// Alias is a name of a key in this Region.
type Alias struct {
	KeyID     string `cbor:"1,keyasint"`
	CreatedAt int64  `cbor:"2,keyasint"`
	UpdatedAt int64  `cbor:"3,keyasint"` // when it was last pointed at a key
}

func (v *View) alias(account, name string) (*Alias, bool) {
	return load[Alias](v.rows, aliasRow(account, name))
}

// CreateAlias names a key.
type CreateAlias struct{ Request *kmsapi.CreateAliasRequest }

// Operation implements Command.
func (CreateAlias) Operation() string { return "CreateAlias" }

func (c CreateAlias) decide(d *draft) (any, error) {
	name, account := val(c.Request.AliasName), d.facts.Caller.Account
	if err := checkAliasName(name); err != nil {
		return nil, err
	}
	if err := d.AuthorizeAlone(d.facts, "CreateAlias", d.place.aliasARN(account, name)); err != nil {
		return nil, err
	}
	t, err := d.manage(d.facts, "CreateAlias", c.Request.TargetKeyId)
	if err != nil {
		return nil, err
	}
	if _, exists := d.alias(account, name); exists {
		return nil, fault(kmsapi.AlreadyExistsException, "An alias with the name %s already exists", d.place.aliasARN(account, name))
	}
	if err := d.roomForAlias(t); err != nil {
		return nil, err
	}
	d.emit(AliasCreated{Account: account, Name: name, KeyID: t.ref.KeyID, At: d.facts.Now})
	return nil, nil
}

func checkAliasName(name string) error {
	if !strings.HasPrefix(name, "alias/") {
		return fault(kmsapi.InvalidAliasNameException, "Alias must start with the prefix \"alias/\". Please see the documentation for the format of an alias.")
	}
	if strings.HasPrefix(name, arn.AWSAliasPrefix) || !arn.ValidAliasName(name) {
		return fault(kmsapi.InvalidAliasNameException, "Alias name is reserved or malformed.")
	}
	return nil
}

func (d *draft) roomForAlias(t *target) error {
	if len(keysWith(d.rows, aliasOfKeyRow(t.ref, ""), MaxAliasesPerKey)) < MaxAliasesPerKey {
		return nil
	}
	return fault(kmsapi.LimitExceededException, "%s has the most aliases a key may have: %d.", t.arn, MaxAliasesPerKey)
}

// UpdateAlias points an alias at another key of the same kind.
type UpdateAlias struct{ Request *kmsapi.UpdateAliasRequest }

// Operation implements Command.
func (UpdateAlias) Operation() string { return "UpdateAlias" }

func (c UpdateAlias) decide(d *draft) (any, error) {
	name, account := val(c.Request.AliasName), d.facts.Caller.Account
	a, old, err := d.ownAlias("UpdateAlias", account, name)
	if err != nil {
		return nil, err
	}
	t, err := d.manage(d.facts, "UpdateAlias", c.Request.TargetKeyId)
	if err != nil {
		return nil, err
	}
	if a.KeyID != t.ref.KeyID {
		if !sameKind(&old.local.Record, &t.local.Record) {
			return nil, fault(kmsapi.ValidationException, "Alias %s cannot be moved to a key of another type or usage.", d.place.aliasARN(account, name))
		}
		if err := d.roomForAlias(t); err != nil {
			return nil, err
		}
	}
	d.emit(AliasUpdated{Account: account, Name: name, KeyID: t.ref.KeyID, At: d.facts.Now})
	return nil, nil
}

func sameKind(a, b *family.Record) bool {
	x, _ := keyspec.Lookup(a.Spec)
	y, _ := keyspec.Lookup(b.Spec)
	return x.Class == y.Class && a.Usage == b.Usage
}

// DeleteAlias removes an alias, whatever the state of its key.
type DeleteAlias struct{ Request *kmsapi.DeleteAliasRequest }

// Operation implements Command.
func (DeleteAlias) Operation() string { return "DeleteAlias" }

func (c DeleteAlias) decide(d *draft) (any, error) {
	name, account := val(c.Request.AliasName), d.facts.Caller.Account
	if _, _, err := d.ownAlias("DeleteAlias", account, name); err != nil {
		return nil, err
	}
	d.emit(AliasDeleted{Account: account, Name: name})
	return nil, nil
}

// ownAlias finds an alias that the caller may change, and its key.
func (d *draft) ownAlias(op, account, name string) (*Alias, *target, error) {
	if err := d.AuthorizeAlone(d.facts, op, d.place.aliasARN(account, name)); err != nil {
		return nil, nil, err
	}
	if err := d.checkAliasOwner(op, account, name); err != nil {
		return nil, nil, err
	}
	a, ok := d.alias(account, name)
	if !ok {
		return nil, nil, d.noAlias(account, name)
	}
	t, err := d.find(Ref{account, a.KeyID})
	if err != nil {
		return nil, nil, err
	}
	return a, t, t.authorize(d.facts, op)
}

// ListAliases answers the operation: all aliases of the account in this Region, or those of one key.
func (v *View) ListAliases(f Facts, in *kmsapi.ListAliasesRequest) (*kmsapi.ListAliasesResponse, error) {
	if err := v.AuthorizeAlone(f, "ListAliases", "*"); err != nil {
		return nil, err
	}
	account := f.Caller.Account
	all := v.withPredefined(account)
	before := prefixAlias + account + "/" // what stands before the name in a row
	if in.KeyId != nil {
		t, err := v.locate(f, "ListAliases", *in.KeyId, byKey)
		if err != nil {
			return nil, err
		}
		if t.ref.Account != account {
			return nil, v.deniedAbroad(f, "ListAliases", t.arn, t.ref.Account)
		}
		before = string(aliasOfKeyRow(t.ref, ""))
	}
	page, err := all.page("ListAliases", before+"alias/", in.Limit, in.Marker, bounds{normal: 50, most: 100})
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListAliasesResponse{Aliases: []kmsapi.AliasListEntry{}}
	for k := range page.rows {
		name := string(k[len(before):])
		a, ok := all.alias(account, name)
		if !ok {
			panic("keyengine: index of an alias that is not there: " + name)
		}
		entry := kmsapi.AliasListEntry{AliasName: new(name), AliasArn: new(v.place.aliasARN(account, name))}
		if a.KeyID != "" { // otherwise it is predefined and its key is yet to be made
			entry.TargetKeyId, entry.CreationDate, entry.LastUpdatedDate = new(a.KeyID), timestamp(a.CreatedAt), timestamp(a.UpdatedAt)
		}
		out.Aliases = append(out.Aliases, entry)
	}
	out.Truncated, out.NextMarker = page.end()
	return out, nil
}

func (e AliasCreated) evolve(s state) {
	s.put(aliasRow(e.Account, e.Name), &Alias{KeyID: e.KeyID, CreatedAt: e.At, UpdatedAt: e.At})
	s.mark(aliasOfKeyRow(Ref{e.Account, e.KeyID}, e.Name))
}

func (e AliasUpdated) evolve(s state) {
	a, ok := load[Alias](s, aliasRow(e.Account, e.Name))
	if !ok {
		return
	}
	s.Delete(aliasOfKeyRow(Ref{e.Account, a.KeyID}, e.Name))
	s.put(aliasRow(e.Account, e.Name), &Alias{KeyID: e.KeyID, CreatedAt: a.CreatedAt, UpdatedAt: e.At})
	s.mark(aliasOfKeyRow(Ref{e.Account, e.KeyID}, e.Name))
}

func (e AliasDeleted) evolve(s state) {
	if a, ok := load[Alias](s, aliasRow(e.Account, e.Name)); ok {
		s.Delete(aliasOfKeyRow(Ref{e.Account, a.KeyID}, e.Name))
		s.Delete(aliasRow(e.Account, e.Name))
	}
}
