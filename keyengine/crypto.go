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
	Usage   string
	Origin  string
	Current family.MaterialID // encrypts, signs, …
	Held    []family.MaterialID
}

// Holds reports whether the key has the material in this Region.
func (u *Usable) Holds(id family.MaterialID) bool { return slices.Contains(u.Held, id) }

// Use finds the key that an operation of the data plane names by any identifier, in a state and of a
// usage that allow it. Of ReEncrypt op is the permission, ReEncryptFrom or ReEncryptTo.
func (v *View) Use(f Facts, op, keyID string) (*Usable, error) {
	t, err := v.resolve(f, op, keyID, byKeyOrAlias)
	if err != nil {
		return nil, err
	}
	return t.use(f, op)
}

// UseNamed finds the key that a ciphertext names. The caller said nothing, so a key that is not
// there and one that belongs to another account are told alike.
func (v *View) UseNamed(f Facts, op string, ref Ref) (*Usable, error) {
	if ref.Account == f.Caller.Account || f.Asker != nil {
		if t, err := v.find(ref); err == nil && t.authorize(f, op) == nil {
			if u, err := t.use(f, op); err != nil || u.Symmetric() {
				return u, err
			}
			return nil, fault(kmsapi.InvalidCiphertextException, "") // only symmetric keys make such ciphertexts
		}
	}
	return nil, fault(kmsapi.AccessDeniedException, "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
}

// UseForCiphertext finds the key for a ciphertext that names ref: the one that the caller says,
// which then has to be that key, or ref itself where keyID is nil. Related multi-Region keys have the
// same id, so any of them will do. The ciphertexts of an asymmetric key name nothing: if one seems to,
// that is chance.
func (v *View) UseForCiphertext(f Facts, op string, keyID *string, ref Ref) (*Usable, error) {
	if keyID == nil {
		return v.UseNamed(f, op, ref)
	}
	if *keyID == ref.KeyID && ref.Account != f.Caller.Account { // a bare id will do, whosever key it is
		if _, err := v.find(Ref{Account: f.Caller.Account, KeyID: ref.KeyID}); err != nil {
			return v.UseNamed(f, op, ref)
		}
	}
	u, err := v.Use(f, op, *keyID)
	if err != nil {
		return nil, err
	}
	if u.Symmetric() && u.Ref != ref {
		return nil, fault(kmsapi.IncorrectKeyException, "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	return u, nil
}

func (t *target) use(f Facts, permission string) (*Usable, error) {
	op := operationOf(permission)
	if err := t.check(op); err != nil {
		return nil, err
	}
	if t.importExpired(f.Now) { // time has not been executed yet
		return nil, inState(t.arn, statePendingImport)
	}
	r := &t.local.Record
	if err := t.checkUsage(op); err != nil {
		return nil, err
	}
	return &Usable{
		Ref: t.ref, ARN: t.arn, Spec: r.Spec, Usage: r.Usage, Origin: r.Origin, Current: r.Current, Held: t.local.Held,
	}, nil
}

// checkUsage refuses an operation of the data plane that the key is not made for.
func (t *target) checkUsage(op string) error {
	r := &t.local.Record
	spec, _ := keyspec.Lookup(r.Spec)
	wanted, symmetric := usageFor(op)
	switch {
	case op == "GetPublicKey" && spec.Class != keyspec.Asymmetric:
		return fault(kmsapi.UnsupportedOperationException, "%s key spec is %s which has no public key.", t.arn, r.Spec)
	case wanted != "" && r.Usage != wanted:
		return fault(kmsapi.InvalidKeyUsageException, "%s key usage is %s which is not valid for %s.", t.arn, r.Usage, op)
	case symmetric && spec.Class != keyspec.Symmetric:
		return fault(kmsapi.InvalidKeyUsageException, "%s key spec is %s which is not valid for %s.", t.arn, r.Spec, op)
	}
	return nil
}

// usageFor is the key usage that an operation of the data plane needs, "" where any will do, and
// whether only symmetric keys of that usage will do.
func usageFor(op string) (usage string, symmetric bool) {
	switch op {
	case "GetPublicKey":
		return "", false
	case "Sign", "Verify":
		return keyspec.SignVerify, false
	case "GenerateMac", "VerifyMac":
		return keyspec.MAC, false
	case "DeriveSharedSecret":
		return keyspec.KeyAgreement, false
	case "Encrypt", "Decrypt", "ReEncrypt":
		return keyspec.EncryptDecrypt, false
	}
	return keyspec.EncryptDecrypt, true // data keys
}
