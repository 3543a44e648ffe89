package keyengine_test

import (
	"slices"
	"strings"
	"testing"

	"meridian/keyengine/kmsapi"
)

const anyPolicy = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}]}`

// body is an input for an operation of the table.
func body(op string) string {
	more := map[string]string{
		"CreateAlias":               `{"TargetKeyId":"$k1","AliasName":"alias/new"}`,
		"CreateGrant":               `{"KeyId":"$k1","GranteePrincipal":"` + alice + `","Operations":["DescribeKey"]}`,
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
	for op := range readPublished() {
		rows[op] = true
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
