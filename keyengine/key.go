package keyengine

import (
	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// MaxKeysPerAccount is how many keys an account may have in a Region, whatever their state.
const MaxKeysPerAccount = 100_000

// Key is what a key has in this Region alone.
type Key struct {
	CreatedAt   int64        `cbor:"1,keyasint"` // Region time, ms since 1970 UTC
	CreatedBy   string       `cbor:"2,keyasint,omitempty"`
	Description string       `cbor:"3,keyasint,omitempty"`
	Policy      string       `cbor:"4,keyasint"`
	Tags        []family.Tag `cbor:"5,keyasint,omitempty"` // sorted by key
}

// CreateKey makes a key. KeyID and Material are new and nobody else's. Material is of the spec that
// NewKeySpec tells; it is zero if the key is to have imported material, or would have
// been refused when the command was made.
type CreateKey struct {
	Request  *kmsapi.CreateKeyRequest
	KeyID    string
	Material NewMaterial
}

// Operation implements Command.
func (CreateKey) Operation() string { return "CreateKey" }

func (c CreateKey) decide(d *draft) (any, error) {
	in := c.Request
	multi := val(in.MultiRegion)
	if err := d.authorizeNew(d.facts, "CreateKey", in.Tags); err != nil {
		return nil, err
	}
	spec, usage, err := newSpec(d.place, in)
	if err != nil {
		return nil, err
	}
	key, err := d.newKey(val(in.Policy), val(in.Description), tagsOf(in.Tags))
	if err != nil {
		return nil, err
	}
	ref := Ref{Account: d.facts.Caller.Account, KeyID: c.KeyID}
	if in.Policy != nil {
		if err := d.checkNewPolicy(d.facts, ref, nil, *in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	if err := d.quota(ref.Account); err != nil {
		return nil, err
	}
	if !arn.ValidKeyID(c.KeyID) || arn.IsMultiRegion(c.KeyID) != multi {
		panic("keyengine: CreateKey with a key id that does not fit: " + c.KeyID)
	}
	origin := originAWS
	if string(val(in.Origin)) == originExternal {
		origin, c.Material = originExternal, NewMaterial{} // its callers bring it
	} else if c.Material.ID.IsZero() {
		return nil, fault(kmsapi.KMSInternalException, "What stood against the new key has gone meanwhile. Try again.")
	}
	record := family.Record{
		Partition: d.place.Partition, Account: ref.Account, KeyID: ref.KeyID,
		Multi: multi, Spec: spec, Usage: usage, Origin: origin,
	}
	if err := d.family(ref, family.Create{Record: record, Material: c.Material.ID}, c.Material); err != nil {
		return nil, fault(kmsapi.KMSInternalException, "key id in use")
	}
	d.emit(KeyCreated{Account: ref.Account, KeyID: ref.KeyID, Key: key})
	t, err := d.find(ref)
	if err != nil {
		return nil, err
	}
	return &kmsapi.CreateKeyResponse{KeyMetadata: t.metadata()}, nil
}

const originAWS = "AWS_KMS"

// NewKeySpec returns the spec of the key that a CreateKey asks for, or why there can be none.
func NewKeySpec(p Place, in *kmsapi.CreateKeyRequest) (string, error) {
	spec, _, err := newSpec(p, in)
	return spec, err
}

// newSpec decides what kind of key a CreateKey asks for.
func newSpec(p Place, in *kmsapi.CreateKeyRequest) (spec, usage string, err error) {
	name, err := specName(in)
	if err != nil {
		return "", "", err
	}
	s, ok := keyspec.Lookup(name)
	if !ok || !s.In(p.Partition) {
		return "", "", fault(kmsapi.UnsupportedOperationException, "KeySpec %s is not supported in this Region.", name)
	}
	usage = string(val(in.KeyUsage))
	if usage == "" {
		if usage = s.DefaultUsage(); usage == "" {
			return "", "", fault(kmsapi.ValidationException, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
		}
	}
	if _, ok := s.Usage(usage); !ok {
		return "", "", fault(kmsapi.ValidationException, "KeyUsage %s is not compatible with KeySpec %s", usage, name)
	}
	if err := checkOrigin(in, s); err != nil {
		return "", "", err
	}
	if !s.Built {
		return "", "", fault(kmsapi.UnsupportedOperationException, "KeySpec %s is not built yet.", name)
	}
	return name, usage, nil
}

func specName(in *kmsapi.CreateKeyRequest) (string, error) {
	name, old := string(val(in.KeySpec)), string(val(in.CustomerMasterKeySpec))
	switch {
	case name != "" && old != "" && name != old:
		return "", fault(kmsapi.ValidationException, "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	case name != "":
		return name, nil
	case old != "":
		return old, nil
	}
	return keyspec.SymmetricDefault, nil
}

func checkOrigin(in *kmsapi.CreateKeyRequest, s keyspec.Spec) error {
	origin := string(val(in.Origin))
	stored := origin == "AWS_CLOUDHSM" || origin == "EXTERNAL_KEY_STORE"
	switch {
	case stored && val(in.CustomKeyStoreId) == "":
		return fault(kmsapi.ValidationException, "CustomKeyStoreId is required for Origin %s.", origin)
	case !stored && in.CustomKeyStoreId != nil:
		return fault(kmsapi.ValidationException, "CustomKeyStoreId is only valid for Origin AWS_CLOUDHSM and EXTERNAL_KEY_STORE.")
	case origin != "EXTERNAL_KEY_STORE" && in.XksKeyId != nil:
		return fault(kmsapi.ValidationException, "XksKeyId is only valid for Origin EXTERNAL_KEY_STORE.")
	case stored && val(in.MultiRegion):
		return fault(kmsapi.UnsupportedOperationException, "A multi-Region key cannot be in a custom key store.")
	case stored && !s.CustomStore:
		return fault(kmsapi.UnsupportedOperationException, "KeySpec %s is not supported in a custom key store.", s.Name)
	case val(in.MultiRegion) && !s.MultiRegion:
		return fault(kmsapi.UnsupportedOperationException, "KeySpec %s does not support multi-Region keys.", s.Name)
	case origin == originExternal && !s.Importable:
		return fault(kmsapi.UnsupportedOperationException, "KeySpec %s does not support Origin EXTERNAL.", s.Name)
	case stored:
		return fault(kmsapi.UnsupportedOperationException, "Origin %s is not built yet for KeySpec %s.", origin, s.Name)
	}
	return nil
}

// newKey checks the independent properties of a key to be made here.
func (d *draft) newKey(policyText, description string, tags []family.Tag) (Key, error) {
	text, err := d.policyText(d.facts.Caller.Account, policyText)
	if err != nil {
		return Key{}, err
	}
	if tags, err = newTags(tags); err != nil {
		return Key{}, err
	}
	return Key{
		CreatedAt: d.facts.Now, CreatedBy: d.facts.Caller.ARN,
		Description: description, Policy: text, Tags: tags,
	}, nil
}

func (v *View) quota(account string) error {
	if v.Keys(account)-v.managedKeys(account) >= MaxKeysPerAccount {
		return fault(kmsapi.LimitExceededException, "You have reached the quota of %d KMS keys in this Region.", MaxKeysPerAccount)
	}
	return nil
}

// EnableKey lets a Disabled key be used again.
type EnableKey struct{ Request *kmsapi.EnableKeyRequest }

// Operation implements Command.
func (EnableKey) Operation() string { return "EnableKey" }

func (c EnableKey) decide(d *draft) (any, error) {
	t, err := d.manage(d.facts, "EnableKey", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	return nil, d.ask(t, family.Enable{})
}

// DisableKey stops all use of a key in this Region.
type DisableKey struct{ Request *kmsapi.DisableKeyRequest }

// Operation implements Command.
func (DisableKey) Operation() string { return "DisableKey" }

func (c DisableKey) decide(d *draft) (any, error) {
	t, err := d.manage(d.facts, "DisableKey", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	return nil, d.ask(t, family.Disable{})
}

// UpdateKeyDescription replaces the description.
type UpdateKeyDescription struct {
	Request *kmsapi.UpdateKeyDescriptionRequest
}

// Operation implements Command.
func (UpdateKeyDescription) Operation() string { return "UpdateKeyDescription" }

func (c UpdateKeyDescription) decide(d *draft) (any, error) {
	t, err := d.manage(d.facts, "UpdateKeyDescription", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	if text := val(c.Request.Description); text != t.key().Description {
		d.describe(t.ref, text)
	}
	return nil, nil
}

func (e KeyCreated) evolve(s state) {
	s.finishSweep(Ref{e.Account, e.KeyID})
	s.put(keyRow(Ref{e.Account, e.KeyID}), &e.Key)
}

func (s state) changeKey(ref Ref, change func(*Key)) {
	key, ok := load[Key](s, keyRow(ref))
	if !ok {
		return
	}
	change(key)
	s.put(keyRow(ref), key)
}
