package sdktest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"meridian/keyengine/kmsapi"
)

const nobody = "12345678-1234-1234-1234-123456789012" // a key that is not there

// keyARN is the ARN of a key in us-east-1.
func keyARN(id string) string { return "arn:aws:kms:us-east-1:" + account + ":key/" + id }

// call calls an operation by name. The first answer counts: the SDK would try again also where a quota is used up.
func call(ctx context.Context, client *kms.Client, operation string, in any) error {
	out := reflect.ValueOf(client).MethodByName(operation).Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in), reflect.ValueOf(once)})
	err, _ := out[1].Interface().(error)
	return err
}

// fails makes a call that must fail with an error, and returns its message.
func fails(t *testing.T, client *kms.Client, operation, code string, in any) string {
	t.Helper()
	err := call(t.Context(), client, operation, in)
	var api smithy.APIError
	if !errors.As(err, &api) || strings.TrimSuffix(api.ErrorCode(), "Exception") != code {
		t.Errorf("%s: %v, want %s", operation, err, code)
		return ""
	}
	return api.ErrorMessage()
}

// set gives an input's member a value and reports whether there is such a member.
func set(in any, member string, value any) bool {
	m := reflect.ValueOf(in).Elem().FieldByName(member)
	if m.IsValid() {
		m.Set(reflect.ValueOf(value))
	}
	return m.IsValid()
}

// named gives an input the key that it is about. Of several keys it is the first that is looked for.
func named(t *testing.T, in any, id string) any {
	for _, member := range []string{"KeyId", "TargetKeyId", "SourceKeyId"} {
		if set(in, member, new(id)) {
			return in
		}
	}
	t.Fatalf("%T names no key", in)
	return nil
}

// kind is what an operation's key has to be.
type kind string

const (
	symmetric kind = "symmetric"
	signing   kind = "signing"
	macs      kind = "MAC"
	agreement kind = "key agreement"
	external  kind = "imported"
	primary   kind = "multi-Region"
)

func kindOf(operation string) kind {
	switch operation {
	case "Sign", "Verify", "GetPublicKey":
		return signing
	case "GenerateMac", "VerifyMac":
		return macs
	case "DeriveSharedSecret":
		return agreement
	case "GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial":
		return external
	case "ReplicateKey", "UpdatePrimaryRegion":
		return primary
	}
	return symmetric
}

func inputOf(k kind) kms.CreateKeyInput {
	switch k {
	case signing:
		return kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify}
	case macs:
		return kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}
	case agreement:
		return kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeKeyAgreement}
	case external:
		return kms.CreateKeyInput{Origin: types.OriginTypeExternal}
	case primary:
		return kms.CreateKeyInput{MultiRegion: new(true)}
	}
	return kms.CreateKeyInput{}
}

// zoo is a key of each kind, in the states that errors need, and what they have made.
type zoo struct {
	enabled, disabled, pending map[kind]string
	sealed                     []byte // by the symmetric key
	alias                      string // of the symmetric key
	full                       string // the id of a key with the most aliases and tags there may be
	grant                      *kms.CreateGrantOutput
}

func newZoo(t *testing.T, w *world) *zoo {
	z := &zoo{enabled: map[kind]string{}, disabled: map[kind]string{}, pending: map[kind]string{}, alias: "alias/zoo"}
	for _, k := range []kind{symmetric, signing, macs, agreement, external, primary} {
		for state, keys := range map[string]map[kind]string{"": z.enabled, "disabled": z.disabled, "pending": z.pending} {
			key := create(t, w.east, inputOf(k))
			keys[k] = *key.KeyId
			switch {
			case state == "disabled" && k != external: // which is PendingImport
				must[kms.DisableKeyOutput](t)(w.east.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}))
			case state == "pending":
				must[kms.ScheduleKeyDeletionOutput](t)(w.east.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId}))
			}
		}
	}
	key := new(z.enabled[symmetric])
	z.sealed = must[kms.EncryptOutput](t)(w.east.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key, Plaintext: []byte("zoo")})).CiphertextBlob
	must[kms.CreateAliasOutput](t)(w.east.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: new(z.alias), TargetKeyId: key}))
	z.grant = must[kms.CreateGrantOutput](t)(w.east.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: key, GranteePrincipal: new(alice), Operations: []types.GrantOperation{types.GrantOperationDecrypt},
	}))
	full := create(t, w.east, kms.CreateKeyInput{Tags: tags(50)})
	z.full = *full.KeyId
	for i := range 50 {
		must[kms.CreateAliasOutput](t)(w.east.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: new(fmt.Sprintf("alias/full-%d", i)), TargetKeyId: full.KeyId}))
	}
	return z
}

// tags returns n tags.
func tags(n int) (list []types.Tag) {
	for i := range n {
		list = append(list, types.Tag{TagKey: new(fmt.Sprintf("key-%02d", i)), TagValue: new("value")})
	}
	return list
}

// input returns an input that an operation would take if nothing were made wrong with it.
func (z *zoo) input(operation string) any {
	key := new(z.enabled[kindOf(operation)])
	message := []byte("message")
	switch operation {
	case "CreateAlias":
		return &kms.CreateAliasInput{AliasName: new("alias/zoo-2"), TargetKeyId: key}
	case "CreateGrant":
		return &kms.CreateGrantInput{KeyId: key, GranteePrincipal: new(alice), Operations: []types.GrantOperation{types.GrantOperationDecrypt}}
	case "CreateKey":
		return &kms.CreateKeyInput{}
	case "Decrypt":
		return &kms.DecryptInput{KeyId: key, CiphertextBlob: z.sealed}
	case "DeleteAlias":
		return &kms.DeleteAliasInput{AliasName: new("alias/nobody")}
	case "DeriveSharedSecret":
		return &kms.DeriveSharedSecretInput{KeyId: key, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: peer("ECC_NIST_P256")}
	case "Encrypt":
		return &kms.EncryptInput{KeyId: key, Plaintext: message}
	case "GenerateDataKey":
		return &kms.GenerateDataKeyInput{KeyId: key, KeySpec: types.DataKeySpecAes256}
	case "GenerateDataKeyWithoutPlaintext":
		return &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key, KeySpec: types.DataKeySpecAes256}
	case "GenerateDataKeyPair":
		return &kms.GenerateDataKeyPairInput{KeyId: key, KeyPairSpec: types.DataKeyPairSpecEccNistP256}
	case "GenerateDataKeyPairWithoutPlaintext":
		return &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: key, KeyPairSpec: types.DataKeyPairSpecEccNistP256}
	case "GenerateMac":
		return &kms.GenerateMacInput{KeyId: key, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256}
	case "VerifyMac":
		return &kms.VerifyMacInput{KeyId: key, Message: message, Mac: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256}
	case "GetParametersForImport":
		return &kms.GetParametersForImportInput{KeyId: key, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048}
	case "ImportKeyMaterial":
		return &kms.ImportKeyMaterialInput{KeyId: key, ImportToken: message, EncryptedKeyMaterial: message, ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire}
	case "ListRetirableGrants":
		return &kms.ListRetirableGrantsInput{RetiringPrincipal: new(alice)}
	case "PutKeyPolicy":
		return &kms.PutKeyPolicyInput{KeyId: key, Policy: new(policyOf(root))}
	case "ReEncrypt":
		return &kms.ReEncryptInput{CiphertextBlob: z.sealed, SourceKeyId: key, DestinationKeyId: new(z.full)}
	case "ReplicateKey":
		return &kms.ReplicateKeyInput{KeyId: key, ReplicaRegion: new("eu-west-1")}
	case "RetireGrant":
		return &kms.RetireGrantInput{KeyId: key, GrantId: z.grant.GrantId}
	case "RevokeGrant":
		return &kms.RevokeGrantInput{KeyId: key, GrantId: z.grant.GrantId}
	case "Sign":
		return &kms.SignInput{KeyId: key, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}
	case "Verify":
		return &kms.VerifyInput{KeyId: key, Message: message, Signature: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}
	case "TagResource":
		return &kms.TagResourceInput{KeyId: key, Tags: tags(1)}
	case "UntagResource":
		return &kms.UntagResourceInput{KeyId: key, TagKeys: []string{"nothing"}}
	case "UpdateAlias":
		return &kms.UpdateAliasInput{AliasName: new(z.alias), TargetKeyId: key}
	case "UpdateKeyDescription":
		return &kms.UpdateKeyDescriptionInput{KeyId: key, Description: new("zoo")}
	case "UpdatePrimaryRegion":
		return &kms.UpdatePrimaryRegionInput{KeyId: key, PrimaryRegion: new("eu-west-1")}
	}
	in := emptyInput(operation)
	set(in, "KeyId", key) // what names a key and nothing else
	return in
}

// emptyInput returns an input without members.
func emptyInput(operation string) any {
	method, _ := reflect.TypeFor[*kms.Client]().MethodByName(operation)
	return reflect.New(method.Type.In(2).Elem()).Interface()
}

// policyOf is a policy that allows everything to a principal.
func policyOf(principal string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"kms:*","Resource":"*"}}`
}

// errorsOfEveryOperation provokes each declared error in the same way for all operations, where there is one, and
// those of errorCases one by one.
func errorsOfEveryOperation(t *testing.T, w *world) {
	z := newZoo(t, w)
	for op := range kmsapi.Operations() {
		if slices.Contains(storeOperations(), op.Name) {
			continue
		}
		for _, code := range op.Errors {
			code = strings.TrimSuffix(code, "Exception")
			in := z.input(op.Name)
			if wrong, message := z.wrong(t, op.Name, code, in); wrong != nil {
				if got := fails(t, w.east, op.Name, code, wrong); message != "" && got != message {
					t.Errorf("%s: %s says %q, want %q", op.Name, code, got, message)
				}
			}
		}
	}
	for _, c := range z.errorCases() {
		if got := fails(t, w.east, c.operation, c.code, c.in); c.message != "" && got != c.message {
			t.Errorf("%s: %s says %q, want %q", c.operation, c.code, got, c.message)
		}
	}
}

// wrong makes an input wrong in the way that all operations share, and says what the answer's words are; nil: there
// is no such way.
func (z *zoo) wrong(t *testing.T, operation, code string, in any) (any, string) {
	k := kindOf(operation)
	switch code {
	case "NotFound":
		switch operation {
		case "DeleteAlias":
			return in, "Alias arn:aws:kms:us-east-1:" + account + ":alias/nobody is not found."
		case "ListRetirableGrants":
			return nil, ""
		}
		return named(t, in, nobody), "Key '" + keyARN(nobody) + "' does not exist"
	case "InvalidArn":
		switch operation {
		case "CreateKey":
			set(in, "Policy", new(policyOf("arn:aws:iam")))
			return in, "Invalid arn arn:aws:iam"
		case "ListRetirableGrants":
			set(in, "RetiringPrincipal", new("alice"))
			return in, ""
		}
		return named(t, in, "arn:aws:kms:us-east-1"), "Invalid arn arn:aws:kms:us-east-1"
	case "Disabled":
		return named(t, in, z.disabled[k]), keyARN(z.disabled[k]) + " is disabled."
	case "KMSInvalidState":
		switch operation {
		case "CancelKeyDeletion":
			return in, keyARN(z.enabled[k]) + " is not pending deletion."
		case "DeleteImportedKeyMaterial", "DeleteAlias", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants", "ListKeyPolicies",
			"ListKeyRotations", "PutKeyPolicy", "RetireGrant", "RevokeGrant":
			return nil, "" // pending deletion does not stop them
		}
		return named(t, in, z.pending[k]), keyARN(z.pending[k]) + " is pending deletion."
	case "DryRunOperation":
		set(in, "DryRun", new(true))
		if operation == "Verify" || operation == "VerifyMac" {
			return nil, "" // what is not valid is refused: keysOfEverySpec has valid ones
		}
		return in, "The request would have succeeded, but the DryRun option is set."
	case "InvalidGrantToken":
		if !set(in, "GrantTokens", []string{"bm9uZQ=="}) {
			in = &kms.RetireGrantInput{GrantToken: new("bm9uZQ==")}
		}
		return in, ""
	case "InvalidMarker":
		set(in, "Marker", new("nonsense"))
		return in, ""
	case "InvalidKeyUsage":
		switch {
		case operation == "GetPublicKey":
			return nil, ""
		case k == macs:
			return named(t, in, z.enabled[symmetric]), ""
		}
		return named(t, in, z.enabled[macs]), ""
	case "Tag":
		switch operation {
		case "UntagResource":
			set(in, "TagKeys", []string{"aws:reserved"})
		default:
			set(in, "Tags", append(tags(2), tags(1)...))
		}
		return in, ""
	case "MalformedPolicyDocument":
		set(in, "Policy", new("{}"))
		return in, ""
	case "InvalidGrantId":
		set(in, "GrantId", new("nothing"))
		return in, ""
	}
	return nil, ""
}

// errorCase is a call that fails in a way of its own.
type errorCase struct {
	operation, code string
	in              any
	message         string // "": any
}

// with returns an operation's input with a member changed.
func (z *zoo) with(operation, member string, value any) any {
	in := z.input(operation)
	if !set(in, member, value) {
		panic(operation + " has no member " + member)
	}
	return in
}

func (z *zoo) errorCases() []errorCase {
	sym, sign := new(z.enabled[symmetric]), new(z.enabled[signing])
	tampered := slices.Clone(z.sealed)
	tampered[len(tampered)-1] ^= 1
	long := new(`{"Version":"2012-10-17","Id":"` + strings.Repeat("x", 32768) + `","Statement":[]}`)
	const notMulti = " is not a multi-Region key."
	return []errorCase{
		{"CreateAlias", "AlreadyExists", z.with("CreateAlias", "AliasName", new(z.alias)), "An alias with the name arn:aws:kms:us-east-1:" + account + ":" + z.alias + " already exists"},
		{"CreateAlias", "InvalidAliasName", z.with("CreateAlias", "AliasName", new("alias/aws/mine")), ""},
		{"CreateAlias", "LimitExceeded", z.with("CreateAlias", "TargetKeyId", new(z.full)), ""},
		{"UpdateAlias", "LimitExceeded", z.with("UpdateAlias", "TargetKeyId", new(z.full)), ""},
		{"UpdateAlias", "NotFound", z.with("UpdateAlias", "AliasName", new("alias/nobody")), "Alias arn:aws:kms:us-east-1:" + account + ":alias/nobody is not found."},
		{"UpdateAlias", "Validation", z.with("UpdateAlias", "TargetKeyId", sign), ""},
		{"CreateKey", "LimitExceeded", z.with("CreateKey", "Tags", tags(51)), ""},
		{"CreateKey", "LimitExceeded", z.with("CreateKey", "Policy", long), ""},
		{"CreateKey", "UnsupportedOperation", &kms.CreateKeyInput{KeySpec: types.KeySpecSm2, KeyUsage: types.KeyUsageTypeSignVerify}, ""},
		{"CreateKey", "Validation", &kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048}, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."},
		{"PutKeyPolicy", "LimitExceeded", z.with("PutKeyPolicy", "Policy", long), ""},
		{"PutKeyPolicy", "InvalidArn", z.with("PutKeyPolicy", "Policy", new(policyOf("arn:aws"))), ""},
		{"TagResource", "LimitExceeded", &kms.TagResourceInput{KeyId: new(z.full), Tags: []types.Tag{{TagKey: new("one more"), TagValue: new("")}}}, ""},
		{"Decrypt", "InvalidCiphertext", &kms.DecryptInput{CiphertextBlob: tampered}, ""},
		{"Decrypt", "InvalidCiphertext", &kms.DecryptInput{CiphertextBlob: z.sealed, EncryptionContext: map[string]string{"a": "b"}}, ""},
		{"Decrypt", "IncorrectKey", z.with("Decrypt", "KeyId", new(z.full)), "The key ID in the request does not identify a CMK that can perform this operation."},
		{"ReEncrypt", "InvalidCiphertext", z.with("ReEncrypt", "CiphertextBlob", tampered), ""},
		{"ReEncrypt", "IncorrectKey", z.with("ReEncrypt", "SourceKeyId", new(z.full)), "The key ID in the request does not identify a CMK that can perform this operation."},
		{"ReEncrypt", "Disabled", z.with("ReEncrypt", "DestinationKeyId", new(z.disabled[symmetric])), keyARN(z.disabled[symmetric]) + " is disabled."},
		{"Verify", "KMSInvalidSignature", z.input("Verify"), ""},
		{"VerifyMac", "KMSInvalidMac", z.input("VerifyMac"), ""},
		{"DisableKeyRotation", "UnsupportedOperation", &kms.DisableKeyRotationInput{KeyId: sign}, ""},
		{"EnableKeyRotation", "UnsupportedOperation", &kms.EnableKeyRotationInput{KeyId: sign}, ""},
		{"RotateKeyOnDemand", "UnsupportedOperation", &kms.RotateKeyOnDemandInput{KeyId: sign}, ""},
		{"ListKeyRotations", "UnsupportedOperation", &kms.ListKeyRotationsInput{KeyId: sign}, ""},
		{"GetPublicKey", "UnsupportedOperation", &kms.GetPublicKeyInput{KeyId: sym}, ""},
		{"GetParametersForImport", "UnsupportedOperation", z.with("GetParametersForImport", "KeyId", sym), keyARN(*sym) + " origin is AWS_KMS which is not valid for this operation."},
		{"ImportKeyMaterial", "UnsupportedOperation", z.with("ImportKeyMaterial", "KeyId", sym), keyARN(*sym) + " origin is AWS_KMS which is not valid for this operation."},
		{"ImportKeyMaterial", "InvalidImportToken", z.input("ImportKeyMaterial"), ""},
		{"DeleteImportedKeyMaterial", "UnsupportedOperation", &kms.DeleteImportedKeyMaterialInput{KeyId: sym}, keyARN(*sym) + " origin is AWS_KMS which is not valid for this operation."},
		{"EnableKeyRotation", "UnsupportedOperation", &kms.EnableKeyRotationInput{KeyId: new(z.enabled[external])}, keyARN(z.enabled[external]) + " origin is EXTERNAL which is not valid for this operation."},
		{"Encrypt", "KMSInvalidState", z.with("Encrypt", "KeyId", new(z.enabled[external])), keyARN(z.enabled[external]) + " is pending import."},
		{"GenerateDataKeyPair", "UnsupportedOperation", z.with("GenerateDataKeyPair", "KeyPairSpec", types.DataKeyPairSpecSm2), ""},
		{"GenerateDataKeyPairWithoutPlaintext", "UnsupportedOperation", z.with("GenerateDataKeyPairWithoutPlaintext", "KeyPairSpec", types.DataKeyPairSpecSm2), ""},
		{"GenerateDataKey", "Validation", z.with("GenerateDataKey", "NumberOfBytes", new(int32(32))), "Please specify either number of bytes or key spec."},
		{"GenerateRandom", "CustomKeyStoreNotFound", &kms.GenerateRandomInput{NumberOfBytes: new(int32(1)), CustomKeyStoreId: new("cks-1234567890abcdef0")}, ""},
		{"ReplicateKey", "UnsupportedOperation", z.with("ReplicateKey", "KeyId", sym), keyARN(*sym) + notMulti},
		{"ReplicateKey", "UnsupportedOperation", z.with("ReplicateKey", "ReplicaRegion", new("cn-north-1")), ""},
		{"ReplicateKey", "AlreadyExists", z.with("ReplicateKey", "ReplicaRegion", new("us-east-1")), keyARN(z.enabled[primary]) + " already exists."},
		{"ReplicateKey", "LimitExceeded", z.with("ReplicateKey", "Tags", tags(51)), ""},
		{"ReplicateKey", "Disabled", z.with("ReplicateKey", "KeyId", new(z.disabled[primary])), keyARN(z.disabled[primary]) + " is disabled."},
		{"UpdatePrimaryRegion", "UnsupportedOperation", z.with("UpdatePrimaryRegion", "KeyId", sym), keyARN(*sym) + notMulti},
		{"UpdatePrimaryRegion", "NotFound", z.input("UpdatePrimaryRegion"), "Key '" + strings.Replace(keyARN(z.enabled[primary]), "us-east-1", "eu-west-1", 1) + "' does not exist"},
		{"RetireGrant", "NotFound", z.with("RetireGrant", "GrantId", new(strings.Repeat("0", 64))), ""},
		{"RevokeGrant", "NotFound", z.with("RevokeGrant", "GrantId", new(strings.Repeat("0", 64))), ""},
		{"CreateGrant", "Validation", z.with("CreateGrant", "Operations", []types.GrantOperation{types.GrantOperationSign}), ""},
		{"DescribeKey", "NotFound", &kms.DescribeKeyInput{KeyId: new("alias/nobody")}, "Alias arn:aws:kms:us-east-1:" + account + ":alias/nobody is not found."},
		{"DescribeKey", "NotFound", &kms.DescribeKeyInput{KeyId: new("arn:aws:kms:eu-west-1:" + account + ":key/" + nobody)}, "Invalid arn eu-west-1"},
		{"CreateGrant", "InvalidArn", z.with("CreateGrant", "KeyId", new("arn:aws:kms:us-east-1:"+account+":"+z.alias)), "Key Aliases are not supported for this operation"},
		{"ScheduleKeyDeletion", "Validation", &kms.ScheduleKeyDeletionInput{KeyId: sym, PendingWindowInDays: new(int32(6))}, ""},
	}
}
