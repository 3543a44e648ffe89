package keyengine

import (
	"strconv"
	"strings"
	"time"

	"meridian/keyengine/arn"
	"meridian/keyengine/ciphertext"
	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// circumstances answers for the condition keys of a call that the caller, the time and the tags do not:
// what the request says, with AWS's defaults for what it leaves out, and of what kind the key is.
type circumstances struct {
	f      Facts
	op     string
	view   *View
	target *target // nil: the call is about no key
}

var _ policy.Context = (*circumstances)(nil)

// Lookup implements policy.Context.
func (c *circumstances) Lookup(key string) []string {
	if values, ok := c.f.Asker.given(key); ok {
		return values
	}
	if tag, ok := strings.CutPrefix(key, "aws:requesttag/"); ok {
		return requestTag(c.f.Asker.Input, tag)
	}
	if values, ok := c.ofKey(key); ok {
		return values
	}
	if values, ok := c.ofRequest(key); ok {
		return values
	}
	if key == "kms:resourcealiases" {
		return c.aliases()
	}
	if c.f.Asker.Context != nil {
		return c.f.Asker.Context.Lookup(key)
	}
	return nil
}

// aliases are the names of the key that the call is about.
func (c *circumstances) aliases() []string {
	if c.target == nil {
		return nil
	}
	return c.target.aliases()
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// ofKey answers for the keys about the kind of the KMS key.
func (c *circumstances) ofKey(key string) (values []string, ok bool) {
	var kind family.Record
	switch {
	case c.target != nil:
		kind = c.target.local.Record
	case c.op == "CreateKey" || c.op == "TagResource" || c.op == "PutKeyPolicy":
		if kind, ok = requestedKind(c.view.place, c.f.Asker.Input); !ok {
			return nil, false
		}
	default:
		return nil, false
	}
	switch key {
	case "kms:keyspec", "kms:customermasterkeyspec":
		return one(kind.Spec), true
	case "kms:keyusage", "kms:customermasterkeyusage":
		return one(kind.Usage), true
	case "kms:keyorigin":
		return one(kind.Origin), true
	case "kms:multiregion":
		return one(strconv.FormatBool(kind.Multi)), true
	case "kms:multiregionkeytype":
		switch {
		case !kind.Multi:
			return nil, true
		case c.target == nil || primaryHere(c.view.place, c.target.local):
			return one("PRIMARY"), true
		}
		return one("REPLICA"), true
	case "kms:viaservice":
		// No service stands between the caller and this one, so who uses the key of a service stands for it.
		if c.target != nil {
			return one(c.target.service()), true
		}
	}
	return nil, false
}

// requestedKind is of what kind the key will be that a request makes.
func requestedKind(p Place, in kmsapi.Input) (family.Record, bool) {
	create, ok := in.(*kmsapi.CreateKeyRequest)
	if !ok {
		return family.Record{}, false
	}
	r := family.Record{Multi: val(create.MultiRegion), Origin: string(val(create.Origin))}
	if r.Origin == "" {
		r.Origin = originAWS
	}
	r.Spec, _ = specName(create)
	r.Usage = string(val(create.KeyUsage))
	if s, known := keyspec.Lookup(r.Spec); known && r.Usage == "" {
		r.Usage = s.DefaultUsage()
	}
	return r, true
}

// service is the endpoint of the service to which an AWS managed key belongs; empty for all others.
func (t *target) service() string {
	for _, row := range keysWith(t.view.rows, aliasOfKeyRow(t.ref, arn.AWSAliasPrefix), 1) {
		if s, ok := managedBy(string(row[len(aliasOfKeyRow(t.ref, "")):])); ok {
			return s.endpointIn(t.view.place)
		}
	}
	return ""
}

// ofRequest answers for the keys about members of the request.
func (c *circumstances) ofRequest(key string) (values []string, ok bool) {
	switch key {
	case "aws:tagkeys":
		return tagKeys(c.f.Asker.Input), true
	case "kms:requestalias":
		return requestAlias(requestedKey(c.op, c.f.Asker.Input)), true
	case "kms:encryptionalgorithm":
		return one(encryptionAlgorithm(c.op, c.f.Asker.Input)), true
	case "kms:grantisforawsresource":
		switch c.op {
		case "CreateGrant", "ListGrants", "RevokeGrant":
			return one(strconv.FormatBool(c.f.Asker.Who.Kind == policy.Service)), true
		}
		return nil, true
	case "kms:reencryptonsamekey":
		return c.sameKey(), true
	case "kms:bypasspolicylockoutsafetycheck":
		return bypass(c.f.Asker.Input), true
	}
	switch in := c.f.Asker.Input.(type) {
	case *kmsapi.CreateGrantRequest:
		return grantKey(in, key)
	case *kmsapi.ImportKeyMaterialRequest:
		switch key {
		case "kms:expirationmodel":
			return one(orElse(string(val(in.ExpirationModel)), string(modelExpires))), true
		case "kms:validto":
			if in.ValidTo != nil {
				return one(time.UnixMilli(int64(*in.ValidTo)).UTC().Format(time.RFC3339)), true
			}
		}
	case *kmsapi.GetParametersForImportRequest:
		switch key {
		case "kms:wrappingalgorithm":
			return one(string(val(in.WrappingAlgorithm))), true
		case "kms:wrappingkeyspec":
			return one(string(val(in.WrappingKeySpec))), true
		}
	case *kmsapi.GenerateDataKeyPairRequest:
		if key == "kms:datakeypairspec" {
			return one(string(val(in.KeyPairSpec))), true
		}
	case *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest:
		if key == "kms:datakeypairspec" {
			return one(string(val(in.KeyPairSpec))), true
		}
	case *kmsapi.SignRequest:
		return signKey(key, val(in.SigningAlgorithm), val(in.MessageType))
	case *kmsapi.VerifyRequest:
		return signKey(key, val(in.SigningAlgorithm), val(in.MessageType))
	case *kmsapi.GenerateMacRequest:
		if key == "kms:macalgorithm" {
			return one(string(val(in.MacAlgorithm))), true
		}
	case *kmsapi.VerifyMacRequest:
		if key == "kms:macalgorithm" {
			return one(string(val(in.MacAlgorithm))), true
		}
	case *kmsapi.DeriveSharedSecretRequest:
		if key == "kms:keyagreementalgorithm" {
			return one(string(val(in.KeyAgreementAlgorithm))), true
		}
	case *kmsapi.UpdatePrimaryRegionRequest:
		if key == "kms:primaryregion" {
			return one(val(in.PrimaryRegion)), true
		}
	case *kmsapi.ReplicateKeyRequest:
		if key == "kms:replicaregion" {
			return one(val(in.ReplicaRegion)), true
		}
	case *kmsapi.EnableKeyRotationRequest:
		if key == "kms:rotationperiodindays" {
			return number(in.RotationPeriodInDays, defaultPeriodDays), true
		}
	case *kmsapi.ScheduleKeyDeletionRequest:
		if key == "kms:schedulekeydeletionpendingwindowindays" {
			return number(in.PendingWindowInDays, defaultWindowDays), true
		}
	}
	return nil, false
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func number(given *int32, otherwise int) []string {
	if given != nil {
		return one(strconv.Itoa(int(*given)))
	}
	return one(strconv.Itoa(otherwise))
}

func signKey(key string, algorithm kmsapi.SigningAlgorithmSpec, message kmsapi.MessageType) ([]string, bool) {
	switch key {
	case "kms:signingalgorithm":
		return one(string(algorithm)), true
	case "kms:messagetype":
		return one(orElse(string(message), "RAW")), true
	}
	return nil, false
}

func grantKey(in *kmsapi.CreateGrantRequest, key string) (values []string, ok bool) {
	switch key {
	case "kms:granteeprincipal":
		return one(val(in.GranteePrincipal)), true
	case "kms:retiringprincipal":
		return one(val(in.RetiringPrincipal)), true
	case "kms:grantoperations":
		for _, op := range in.Operations {
			values = append(values, string(op))
		}
		return values, true
	case "kms:grantconstrainttype":
		if in.Constraints != nil && in.Constraints.EncryptionContextEquals != nil {
			values = append(values, "EncryptionContextEquals")
		}
		if in.Constraints != nil && in.Constraints.EncryptionContextSubset != nil {
			values = append(values, "EncryptionContextSubset")
		}
		return values, true
	}
	return nil, false
}

// requestTag is the value of a tag in a request. Names that differ in case alone are one: all count.
func requestTag(in kmsapi.Input, name string) (values []string) {
	for _, t := range requestedTags(in) {
		if policy.SameName(val(t.TagKey), name) {
			values = append(values, val(t.TagValue))
		}
	}
	return values
}

func tagKeys(in kmsapi.Input) (names []string) {
	if untag, ok := in.(*kmsapi.UntagResourceRequest); ok {
		return untag.TagKeys
	}
	for _, t := range requestedTags(in) {
		names = append(names, val(t.TagKey))
	}
	return names
}

// requestAlias is the name of the alias by which a request names its key.
func requestAlias(id *string) []string {
	if id == nil {
		return nil
	}
	if name, err := arn.Parse(*id); err == nil && name.Form.IsAlias() {
		return one(name.ID)
	}
	return nil
}

func encryptionAlgorithm(op string, in kmsapi.Input) string {
	var given *kmsapi.EncryptionAlgorithmSpec
	switch in := in.(type) {
	case *kmsapi.EncryptRequest:
		given = in.EncryptionAlgorithm
	case *kmsapi.DecryptRequest:
		given = in.EncryptionAlgorithm
	case *kmsapi.ReEncryptRequest:
		if given = in.SourceEncryptionAlgorithm; op == reEncryptTo {
			given = in.DestinationEncryptionAlgorithm
		}
	case *kmsapi.GenerateDataKeyRequest, *kmsapi.GenerateDataKeyWithoutPlaintextRequest,
		*kmsapi.GenerateDataKeyPairRequest, *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest:
	default:
		return ""
	}
	return orElse(string(val(given)), keyspec.SymmetricDefault)
}

func bypass(in kmsapi.Input) []string {
	switch in := in.(type) {
	case *kmsapi.CreateKeyRequest:
		return one(strconv.FormatBool(val(in.BypassPolicyLockoutSafetyCheck)))
	case *kmsapi.PutKeyPolicyRequest:
		return one(strconv.FormatBool(val(in.BypassPolicyLockoutSafetyCheck)))
	case *kmsapi.ReplicateKeyRequest:
		return one(strconv.FormatBool(val(in.BypassPolicyLockoutSafetyCheck)))
	}
	return nil
}

// sameKey tells whether both keys of a ReEncrypt are the same.
func (c *circumstances) sameKey() []string {
	in, ok := c.f.Asker.Input.(*kmsapi.ReEncryptRequest)
	if !ok {
		return nil
	}
	to, err := c.view.locate(c.f, reEncryptTo, val(in.DestinationKeyId), byKeyOrAlias)
	if err != nil {
		return nil
	}
	if blob, err := ciphertext.Parse(in.CiphertextBlob); err == nil {
		return one(strconv.FormatBool(to.ref == Ref{Account: blob.Key.Account, KeyID: blob.Key.KeyID}))
	}
	if in.SourceKeyId == nil {
		return nil
	}
	from, err := c.view.locate(c.f, reEncryptFrom, *in.SourceKeyId, byKeyOrAlias)
	if err != nil {
		return nil
	}
	return one(strconv.FormatBool(to.ref == from.ref))
}
