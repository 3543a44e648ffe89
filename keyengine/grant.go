package keyengine

import (
	"slices"

	"meridian/keyengine/arn"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// MaxGrantsPerKey is how many grants a key may have in a Region.
const MaxGrantsPerKey = 50_000

// Grant lets a principal use a key. It belongs to the key of one Region: its relatives have their own.
type Grant struct {
	CreatedAt  int64    `cbor:"1,keyasint"`
	Issuer     string   `cbor:"2,keyasint"` // account of who made it
	Grantee    string   `cbor:"3,keyasint"` // ARN
	Retiring   string   `cbor:"4,keyasint,omitempty"`
	Operations []string `cbor:"5,keyasint"`           // as the caller listed them, each once
	Equals     []Pair   `cbor:"6,keyasint,omitempty"` // the encryption context is this one; sorted by name
	Subset     []Pair   `cbor:"7,keyasint,omitempty"` // the encryption context includes these; sorted by name
	Name       string   `cbor:"8,keyasint,omitempty"`
}

// GrantRef names a grant in a Region.
type GrantRef struct {
	Key Ref
	ID  string // 64 hexadecimal digits
}

// ValidGrantID reports whether id has the form of a grant's id.
func ValidGrantID(id string) bool {
	if len(id) != 64 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// CreateGrant lets a principal use a key. GrantID is new and nobody else's. The reply has no token:
// tokens are made when a caller is answered, a new one for each answer.
type CreateGrant struct {
	Request *kmsapi.CreateGrantRequest
	GrantID string
}

// Operation implements Command.
func (CreateGrant) Operation() string { return "CreateGrant" }

func (c CreateGrant) decide(d *draft) (any, error) {
	t, err := d.manage(d.facts, "CreateGrant", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	g, err := d.newGrant(t, c.Request)
	if err != nil {
		return nil, err
	}
	id, exists := d.sameGrant(t.ref, &g)
	if !exists {
		if id = c.GrantID; !ValidGrantID(id) {
			panic("keyengine: CreateGrant with a malformed id: " + id)
		}
		if counter(d.rows, grantCount(t.ref)) >= MaxGrantsPerKey {
			return nil, fault(kmsapi.LimitExceededException, "%s has the most grants a key may have: %d.", t.arn, MaxGrantsPerKey)
		}
		if _, taken := d.Grant(GrantRef{t.ref, id}); taken {
			return nil, fault(kmsapi.KMSInternalException, "grant id in use")
		}
	}
	if err := dryRun(c.Request.DryRun); err != nil {
		return nil, err
	}
	if !exists {
		d.emit(GrantCreated{Account: t.ref.Account, KeyID: t.ref.KeyID, GrantID: id, Grant: g})
	}
	return &kmsapi.CreateGrantResponse{GrantId: new(id)}, nil
}

// dryRun is the fault of a call that only asked whether it would succeed.
func dryRun(asked *bool) error {
	if !val(asked) {
		return nil
	}
	return fault(kmsapi.DryRunOperationException, "The request would have succeeded, but the DryRun option is set.")
}

// newGrant checks the grant that a request asks for.
func (d *draft) newGrant(t *target, in *kmsapi.CreateGrantRequest) (Grant, error) {
	g := Grant{
		CreatedAt: d.facts.Now, Issuer: d.facts.Caller.Account,
		Grantee: val(in.GranteePrincipal), Retiring: val(in.RetiringPrincipal), Name: val(in.Name),
	}
	if err := d.checkPrincipal(g.Grantee); err != nil {
		return Grant{}, err
	}
	if in.RetiringPrincipal != nil {
		if err := d.checkPrincipal(g.Retiring); err != nil {
			return Grant{}, err
		}
	}
	spec, _ := keyspec.Lookup(t.local.Record.Spec)
	var err error
	if g.Operations, err = grantOperations(in.Operations, spec, t.local.Record.Usage); err != nil {
		return Grant{}, err
	}
	g.Equals, g.Subset, err = grantConstraints(in.Constraints, spec)
	return g, err
}

// checkPrincipal refuses what no caller could ever be.
func (v *View) checkPrincipal(name string) error {
	if p, err := arn.ParsePrincipal(name); err != nil || p.Partition != v.place.Partition {
		return fault(kmsapi.InvalidArnException, "ARN does not refer to a valid principal: %s", name)
	}
	return nil
}

// grantOperations checks the operations of a grant and leaves each once.
func grantOperations(in []kmsapi.GrantOperation, spec keyspec.Spec, usage string) ([]string, error) {
	var ops []string
	for _, wanted := range in {
		op := string(wanted)
		if !grantable(op, spec.Class, usage) {
			return nil, fault(kmsapi.ValidationException, "Operation %s is not valid in a grant for a key with KeySpec %s and KeyUsage %s.", op, spec.Name, usage)
		}
		if !slices.Contains(ops, op) {
			ops = append(ops, op)
		}
	}
	if len(ops) == 0 {
		return nil, fault(kmsapi.ValidationException, "A grant needs at least one operation.")
	}
	return ops, nil
}

// grantable reports whether a grant for a key of this kind may hold the operation.
func grantable(op string, class keyspec.Class, usage string) bool {
	switch op {
	case "DescribeKey", "CreateGrant", "RetireGrant":
		return true
	case "GetPublicKey":
		return class == keyspec.Asymmetric
	case "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo":
		return usage == keyspec.EncryptDecrypt
	case "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext":
		return usage == keyspec.EncryptDecrypt && class == keyspec.Symmetric
	case "Sign", "Verify":
		return usage == keyspec.SignVerify
	case "GenerateMac", "VerifyMac":
		return usage == keyspec.MAC
	case "DeriveSharedSecret":
		return usage == keyspec.KeyAgreement
	}
	return false
}
