package region_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// However many nodes a predefined alias is first used at, and at the same time, it gets one key.
func TestAPredefinedAliasGetsOneKey(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	ids := make([]string, 9)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			out, _, err := w.call(i%3, "DescribeKey", "", `{"KeyId":"alias/aws/s3"}`)
			if err != nil {
				t.Errorf("call %d: %v", i, err)
				return
			}
			var described kmsapi.DescribeKeyResponse
			decodeInto(t, out, &described)
			if m := described.KeyMetadata; *m.KeyManager != "AWS" || *m.KeyState != "Enabled" || *m.MultiRegion {
				t.Errorf("call %d: %s", i, asText(m))
			}
			ids[i] = *described.KeyMetadata.KeyId
		})
	}
	wg.Wait()
	var keys kmsapi.ListKeysResponse
	w.do(0, "ListKeys", `{}`, &keys)
	for i, id := range ids {
		if len(keys.Keys) != 1 || id != *keys.Keys[0].KeyId {
			t.Errorf("call %d: key %s of %s", i, id, asText(keys))
		}
	}
}

// Cryptography makes the keys that it names too, and is a use of them.
func TestCryptographyMakesManagedKeys(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	key := w.key("SYMMETRIC_DEFAULT", keyspec.EncryptDecrypt)
	w.settle()
	var sealed kmsapi.EncryptResponse
	w.uses(0, "Encrypt", input("KeyId", "arn:aws:kms:us-east-1:000000000000:alias/aws/ebs", "Plaintext", []byte("x")), &sealed)
	var moved kmsapi.ReEncryptResponse
	w.uses(1, "ReEncrypt", input("CiphertextBlob", sealed.CiphertextBlob, "DestinationKeyId", "alias/aws/rds"), &moved)
	var opened kmsapi.DecryptResponse
	w.do(2, "Decrypt", input("CiphertextBlob", moved.CiphertextBlob, "KeyId", "alias/aws/rds"), &opened)
	if string(opened.Plaintext) != "x" || *opened.KeyId == *sealed.KeyId {
		t.Errorf("opened %q under %s", opened.Plaintext, *opened.KeyId)
	}
	for _, alias := range []string{"alias/aws/sqs", "alias/aws/sns"} {
		w.do(1, "GenerateDataKey", input("KeyId", alias, "KeySpec", "AES_128"), nil)
		w.refused(kmsapi.ValidationException, "GenerateDataKey", input("KeyId", alias, "KeySpec", "RSA_2048")) // of a KMS key
	}
	w.refused(kmsapi.DryRunOperationException, "Encrypt", input("KeyId", "alias/aws/ssm", "Plaintext", []byte("x"), "DryRun", true))
	w.refused(kmsapi.NotFoundException, "Encrypt", input("KeyId", "alias/aws/none", "Plaintext", []byte("x")))
	w.refused(kmsapi.NotFoundException, "GetPublicKey", input("KeyId", "alias/aws/acm"))
	var keys kmsapi.ListKeysResponse
	w.do(0, "ListKeys", `{}`, &keys)
	if len(keys.Keys) != 6 {
		t.Errorf("%d keys beside %s: %s", len(keys.Keys)-1, key, asText(keys))
	}
	w.refused(kmsapi.AccessDeniedException, "DisableKey", input("KeyId", *sealed.KeyId))
}

// Without a leader no key is made, and the caller is told to try again; a key that is there is found.
func TestPredefinedAliasesWithoutALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the caller is told so after some seconds
		w := newWorld(t)
		w.lead(0)
		w.do(1, "DescribeKey", `{"KeyId":"alias/aws/s3"}`, nil)
		w.settle()
		w.down.Store(true)
		w.do(1, "Encrypt", input("KeyId", "alias/aws/s3", "Plaintext", []byte("x")), nil)
		if _, _, err := w.call(1, "Encrypt", "", input("KeyId", "alias/aws/ebs", "Plaintext", []byte("x"))); code(err) != kmsapi.KMSInternalException {
			t.Errorf("a key was made of nothing: %v", err)
		}
	})
}
