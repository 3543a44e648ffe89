package keyengine

import (
	"slices"

	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// Usable is a key that an operation may use now.
type Usable struct {
	Ref     Ref
	ARN     string
	Spec    string
	Current family.MaterialID // encrypts
	Held    []family.MaterialID
}

// Holds reports whether the key has the material in this Region.
func (u *Usable) Holds(id family.MaterialID) bool { return slices.Contains(u.Held, id) }

// Use finds the key that an operation of the data plane names by any identifier, in a state and of a
// usage that allow it.
func (v *View) Use(f Facts, op, keyID string) (*Usable, error) {
	t, err := v.resolve(f, op, keyID, byKeyOrAlias)
	if err != nil {
		return nil, err
	}
	return t.use(op)
}

// UseNamed finds the key that a ciphertext names. The caller said nothing, so a key that is not
// there and one that belongs to another account are told alike.
func (v *View) UseNamed(f Facts, op string, ref Ref) (*Usable, error) {
	if ref.Account == f.Caller.Account {
		if t, err := v.find(ref); err == nil {
			return t.use(op)
		}
	}
	return nil, fault(kmsapi.AccessDeniedException, "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
}

// UseForCiphertext finds the key for a ciphertext that names ref: the one that the caller says,
// which then has to be that key, or ref itself where keyID is nil. Related multi-Region keys have the
// same id, so any of them will do.
func (v *View) UseForCiphertext(f Facts, op string, keyID *string, ref Ref) (*Usable, error) {
	if keyID == nil {
		return v.UseNamed(f, op, ref)
	}
	u, err := v.Use(f, op, *keyID)
	if err != nil {
		return nil, err
	}
	if u.Ref != ref {
		return nil, fault(kmsapi.IncorrectKeyException, "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	return u, nil
}

func (t *target) use(op string) (*Usable, error) {
	if err := t.check(op); err != nil {
		return nil, err
	}
	r := &t.local.Record
	if wanted := usageFor(op); r.Usage != wanted {
		return nil, fault(kmsapi.InvalidKeyUsageException, "%s key usage is %s which is not valid for %s.", t.arn, r.Usage, op)
	}
	return &Usable{Ref: t.ref, ARN: t.arn, Spec: r.Spec, Current: r.Current, Held: t.local.Held}, nil
}

// usageFor is the key usage that an operation of the data plane needs.
func usageFor(op string) string {
	switch op {
	case "Sign", "Verify":
		return keyspec.SignVerify
	case "GenerateMac", "VerifyMac":
		return keyspec.MAC
	case "DeriveSharedSecret":
		return keyspec.KeyAgreement
	}
	return keyspec.EncryptDecrypt
}
