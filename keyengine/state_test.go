package keyengine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// stateTable is the key state table: what each operation does to a key in each state. The words of
// the outcomes are those of AWS.
const stateTable = `
operation             Enabled Disabled PendingDeletion PendingReplicaDeletion PendingImport Creating Updating
CancelKeyDeletion     e4      e4       ok              ok                     e4            e4       e4
CreateAlias           ok      ok       e3              e3                     ok            ok       ok
CreateGrant           ok      e1       e3              e3                     e5            e14      ok
Encrypt               ok      e1       e3              e3                     e5            e14      ok
Decrypt               ok      e1       e3              e3                     e5            e14      ok
ReEncrypt             ok      e1       e3              e3                     e5            e14      ok
GenerateDataKey       ok      e1       e3              e3                     e5            e14      ok
GenerateDataKeyWithoutPlaintext      ok  e1  e3        e3                     e5            e14      ok
GenerateDataKeyPair   ok      e1       e3              e3                     e5            e14      ok
GenerateDataKeyPairWithoutPlaintext  ok  e1  e3        e3                     e5            e14      ok
Sign                  ok      e1       e3              e3                     e5            e14      ok
Verify                ok      e1       e3              e3                     e5            e14      ok
GenerateMac           ok      e1       e3              e3                     e5            e14      ok
VerifyMac             ok      e1       e3              e3                     e5            e14      ok
DeriveSharedSecret    ok      e1       e3              e3                     e5            e14      ok
GetPublicKey          ok      e1       e3              e3                     e5            e14      ok
DeleteAlias           ok      ok       ok              ok                     ok            ok       ok
DescribeKey           ok      ok       ok              ok                     ok            ok       ok
EnableKey             ok      ok       e3              e3                     e5            e14      e15
DisableKey            ok      ok       e3              e3                     e5            e14      e15
EnableKeyRotation     ok      e1       e3              e3                     e6            e14      ok
DisableKeyRotation    ok      e1       e3              e3                     e6            e14      ok
GetKeyLastUsage       ok      ok       ok              ok                     ok            ok       ok
GetKeyPolicy          ok      ok       ok              ok                     ok            ok       ok
ListKeyPolicies       ok      ok       ok              ok                     ok            ok       ok
GetParametersForImport     e9  e9  e3              e3                     ok            e14      e15
ImportKeyMaterial          e9  e9  e3              e3                     ok            e14      e9
DeleteImportedKeyMaterial  e9  e9  e9              e9                     ok            e14      e15
GetKeyRotationStatus  ok      ok       ok              ok                     ok            ok       ok
ListAliases           ok      ok       ok              ok                     ok            ok       ok
ListGrants            ok      ok       ok              ok                     ok            ok       ok
ListResourceTags      ok      ok       ok              ok                     ok            ok       ok
ListKeyRotations      ok      ok       ok              ok                     ok            ok       ok
PutKeyPolicy          ok      ok       ok              ok                     ok            ok       ok
ReplicateKey          ok      e1       e3              e3                     e5            e14      e15
RetireGrant           ok      ok       ok              ok                     ok            ok       ok
RevokeGrant           ok      ok       ok              ok                     ok            ok       ok
RotateKeyOnDemand     ok      e1       e3              e3                     e5            e14      e15
ScheduleKeyDeletion   ok      ok       e3              e3                     ok            ok       e15
TagResource           ok      ok       e3              e3                     ok            ok       ok
UntagResource         ok      ok       e3              e3                     ok            ok       ok
UpdateAlias           ok      ok       e3              e3                     ok            ok       ok
UpdateKeyDescription  ok      ok       e3              e3                     ok            ok       ok
UpdatePrimaryRegion   ok      e1       e3              e3                     e5            e14      ok
`

const anyPolicy = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}]}`

// body is an input for an operation of the table.
func body(op string) string {
	more := map[string]string{
		"CreateAlias":               `{"TargetKeyId":"$k1","AliasName":"alias/new"}`,
		"CreateGrant":               `{"KeyId":"$k1","GranteePrincipal":"` + alice + `","Operations":["Decrypt"]}`,
		"RetireGrant":               `{"KeyId":"$k1","GrantId":"$g1"}`,
		"RevokeGrant":               `{"KeyId":"$k1","GrantId":"$g1"}`,
		"UpdateAlias":               `{"TargetKeyId":"$k1","AliasName":"alias/old"}`,
		"DeleteAlias":               `{"AliasName":"alias/old"}`,
		"Encrypt":                   `{"KeyId":"$k1","Plaintext":"AA=="}`,
		"Decrypt":                   `{"KeyId":"$k1","CiphertextBlob":"AA=="}`,
		"ReEncrypt":                 `{"CiphertextBlob":"AA==","DestinationKeyId":"$k1"}`,
		"GenerateDataKey":           `{"KeyId":"$k1","KeySpec":"AES_256"}`,
		"Sign":                      `{"KeyId":"$k1","Message":"AA==","SigningAlgorithm":"ECDSA_SHA_256"}`,
		"Verify":                    `{"KeyId":"$k1","Message":"AA==","Signature":"AA==","SigningAlgorithm":"ECDSA_SHA_256"}`,
		"GenerateMac":               `{"KeyId":"$k1","Message":"AA==","MacAlgorithm":"HMAC_SHA_256"}`,
		"VerifyMac":                 `{"KeyId":"$k1","Message":"AA==","Mac":"AA==","MacAlgorithm":"HMAC_SHA_256"}`,
		"DeriveSharedSecret":        `{"KeyId":"$k1","PublicKey":"AA==","KeyAgreementAlgorithm":"ECDH"}`,
		"GetParametersForImport":    `{"KeyId":"$k1","WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048"}`,
		"ImportKeyMaterial":         `{"KeyId":"$k1","ImportToken":"GA==","EncryptedKeyMaterial":"AQ==","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE"}`,
		"DeleteImportedKeyMaterial": `{"KeyId":"$k1"}`,
		"PutKeyPolicy":              `{"KeyId":"$k1","Policy":"` + anyPolicy + `"}`,
		"ReplicateKey":              `{"KeyId":"$k1","ReplicaRegion":"ap-southeast-2"}`,
		"UpdatePrimaryRegion":       `{"KeyId":"$k1","PrimaryRegion":"eu-west-1"}`,
		"TagResource":               `{"KeyId":"$k1","Tags":[{"TagKey":"a","TagValue":"b"}]}`,
		"UntagResource":             `{"KeyId":"$k1","TagKeys":["a"]}`,
		"UpdateKeyDescription":      `{"KeyId":"$k1","Description":"d"}`,
	}
	if b, ok := more[op]; ok {
		return b
	}
	if strings.HasPrefix(op, "GenerateDataKeyPair") {
		return `{"KeyId":"$k1","KeyPairSpec":"RSA_2048"}`
	}
	return `{"KeyId":"$k1"}`
}

// outcome is the error that the table speaks of; %s stands for the key's ARN.
func outcome(code, state string) string {
	words := map[string]string{
		"PendingDeletion": "pending deletion", "PendingReplicaDeletion": "pending replica deletion",
	}
	return map[string]string{
		"ok":  "",
		"e1":  "DisabledException: %s is disabled.",
		"e3":  "KMSInvalidStateException: %s is " + words[state] + ".",
		"e4":  "KMSInvalidStateException: %s is not pending deletion.",
		"e5":  "KMSInvalidStateException: %s is pending import.",
		"e6":  "UnsupportedOperationException: %s origin is EXTERNAL which is not valid for this operation.",
		"e9":  "UnsupportedOperationException: %s origin is AWS_KMS which is not valid for this operation.",
		"e14": "KMSInvalidStateException: %s is creating.",
		"e15": "KMSInvalidStateException: %s is updating.",
	}[code]
}

// kindFor is the spec and the usage of a key for an operation.
func kindFor(op string) (spec, usage string) {
	switch op {
	case "Sign", "Verify", "GetPublicKey":
		return "ECC_NIST_P256", "SIGN_VERIFY"
	case "DeriveSharedSecret":
		return "ECC_NIST_P256", "KEY_AGREEMENT"
	case "GenerateMac", "VerifyMac":
		return "HMAC_256", "GENERATE_VERIFY_MAC"
	}
	return "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"
}

// worldWith returns a world in which $k1, a key of a spec and a usage, is in a state in the Region
// returned.
func worldWith(t *testing.T, state, spec, usage string) (*world, *site) {
	t.Helper()
	w := newWorld("us-east-1", "eu-west-1")
	us, eu := w.sites["us-east-1"], w.sites["eu-west-1"]
	if state == "PendingImport" {
		w.must(t, "us-east-1", "CreateKey", fmt.Sprintf(`{"MultiRegion":true,"Origin":"EXTERNAL","KeySpec":%q,"KeyUsage":%q}`, spec, usage))
		w.must(t, "us-east-1", "CreateAlias", `{"TargetKeyId":"$k1","AliasName":"alias/old"}`)
		return w, us
	}
	w.must(t, "us-east-1", "CreateKey", fmt.Sprintf(`{"MultiRegion":true,"KeySpec":%q,"KeyUsage":%q}`, spec, usage))
	ref := keyengine.Ref{Account: account, KeyID: w.names["$k1"]}
	if state != "PendingDeletion" {
		w.must(t, "us-east-1", "ReplicateKey", `{"KeyId":"$k1","ReplicaRegion":"eu-west-1"}`)
	}
	at := us
	if state == "Creating" {
		if _, err := w.sendRecord(us, eu, ref, false); err != nil {
			t.Fatal(err)
		}
		at = eu
	} else {
		w.settle(t)
	}
	w.must(t, at.place.Region, "CreateAlias", `{"TargetKeyId":"$k1","AliasName":"alias/old"}`)
	switch state {
	case "Disabled":
		w.must(t, "us-east-1", "DisableKey", `{"KeyId":"$k1"}`)
	case "PendingDeletion", "PendingReplicaDeletion":
		w.must(t, "us-east-1", "ScheduleKeyDeletion", `{"KeyId":"$k1"}`)
	case "Updating":
		w.must(t, "us-east-1", "UpdatePrimaryRegion", `{"KeyId":"$k1","PrimaryRegion":"eu-west-1"}`)
	}
	return w, at
}

// keyless are the operations that use no key whose state could matter.
func keyless() []string {
	return []string{
		"CreateKey", "ListKeys", "ListRetirableGrants", "GenerateRandom", "ConnectCustomKeyStore", "CreateCustomKeyStore",
		"DeleteCustomKeyStore", "DescribeCustomKeyStores", "DisconnectCustomKeyStore", "UpdateCustomKeyStore",
	}
}

// TestKeyStateTableIsWhole finds operations of the service model that the table forgot, and rows of none.
func TestKeyStateTableIsWhole(t *testing.T) {
	rows := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(stateTable), "\n")[1:] {
		rows[strings.Fields(line)[0]] = true
	}
	for op := range kmsapi.Operations() {
		if has, needs := rows[op.Name], !slices.Contains(keyless(), op.Name); has != needs {
			t.Errorf("%s: in the table: %t, uses a key: %t", op.Name, has, needs)
		}
		delete(rows, op.Name)
	}
	for name := range rows {
		t.Errorf("%s is no operation", name)
	}
}

func TestKeyStateTable(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(stateTable), "\n")
	states := strings.Fields(lines[0])[1:]
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		for i, state := range states {
			op, code := cells[0], cells[i+1]
			t.Run(op+"/"+state, func(t *testing.T) {
				spec, usage := kindFor(op)
				w, at := worldWith(t, state, spec, usage)
				w.grant(at)
				keyARN := "arn:aws:kms:" + at.place.Region + ":" + account + ":key/" + w.names["$k1"]
				want := outcome(code, state)
				if want != "" {
					want = fmt.Sprintf(want, keyARN)
				}
				got := ""
				_, events, err := w.call(at, account, op, w.expand(body(op)))
				var f *kmsapi.Fault
				if errors.As(err, &f) {
					got = f.Error()
				} else if err != nil {
					t.Fatal(err)
				}
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if err != nil && len(events) > 0 {
					t.Errorf("refused with %d events", len(events))
				}
				w.check(t)
			})
		}
	}
}
