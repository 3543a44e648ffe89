package region_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// lastUse asks node i for the last use of a key, after all nodes have reported.
func (w *world) lastUse(i int, key string) (operation, request string, out kmsapi.GetKeyLastUsageResponse) {
	w.t.Helper()
	for _, r := range w.nodes {
		r.ReportUses(w.t.Context())
	}
	w.do(i, "GetKeyLastUsage", input("KeyId", key), &out)
	if u := out.KeyLastUsage; u.Operation != nil {
		return string(*u.Operation), *u.KmsRequestId, out
	}
	return "", "", out
}

// uses makes a call at node i and holds that it is what the leader then has as the keys' last use.
func (w *world) uses(i int, operation, body string, out any, keys ...string) {
	w.t.Helper()
	answer, call, err := w.call(i, operation, "", body)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	if out != nil {
		decodeInto(w.t.(*testing.T), answer, out)
	}
	for _, key := range keys {
		if op, request, _ := w.lastUse(0, key); op != operation || request != call.RequestID {
			w.t.Errorf("after %s by %s the last use of %s is %q by %q", operation, call.RequestID, key, op, request)
		}
	}
}

// Every operation of cryptography is a use of its keys, at whatever node it is made.
func TestCryptographyIsUse(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	data, other := w.key("SYMMETRIC_DEFAULT", keyspec.EncryptDecrypt), w.key("SYMMETRIC_DEFAULT", keyspec.EncryptDecrypt)
	signs, mac, agrees := w.key("ECC_NIST_P256", keyspec.SignVerify), w.key("HMAC_256", keyspec.MAC), w.key("ECC_NIST_P256", keyspec.KeyAgreement)
	w.settle()

	var sealed kmsapi.EncryptResponse
	w.uses(1, "Encrypt", input("KeyId", data, "Plaintext", []byte("x")), &sealed, data)
	w.uses(2, "Decrypt", input("CiphertextBlob", sealed.CiphertextBlob), nil, data)
	w.uses(0, "ReEncrypt", input("CiphertextBlob", sealed.CiphertextBlob, "DestinationKeyId", other), nil, data, other)
	w.uses(1, "GenerateDataKey", input("KeyId", data, "KeySpec", "AES_256"), nil, data)
	w.uses(2, "GenerateDataKeyWithoutPlaintext", input("KeyId", data, "KeySpec", "AES_256"), nil, data)
	w.uses(0, "GenerateDataKeyPair", input("KeyId", data, "KeyPairSpec", "ECC_NIST_P256"), nil, data)
	w.uses(1, "GenerateDataKeyPairWithoutPlaintext", input("KeyId", data, "KeyPairSpec", "ECC_NIST_P256"), nil, data)

	var signed kmsapi.SignResponse
	w.uses(1, "Sign", input("KeyId", signs, "Message", []byte("m"), "SigningAlgorithm", "ECDSA_SHA_256"), &signed, signs)
	w.uses(2, "Verify", input("KeyId", signs, "Message", []byte("m"), "SigningAlgorithm", "ECDSA_SHA_256", "Signature", signed.Signature), nil, signs)
	var code kmsapi.GenerateMacResponse
	w.uses(1, "GenerateMac", input("KeyId", mac, "Message", []byte("m"), "MacAlgorithm", "HMAC_SHA_256"), &code, mac)
	w.uses(2, "VerifyMac", input("KeyId", mac, "Message", []byte("m"), "MacAlgorithm", "HMAC_SHA_256", "Mac", code.Mac), nil, mac)
	var public kmsapi.GetPublicKeyResponse
	w.do(0, "GetPublicKey", input("KeyId", agrees), &public)
	w.uses(2, "DeriveSharedSecret", input("KeyId", agrees, "KeyAgreementAlgorithm", "ECDH", "PublicKey", public.PublicKey), nil, agrees)

	_, _, of := w.lastUse(0, data)
	_, _, also := w.lastUse(0, other)
	if *of.KeyLastUsage.CloudTrailEventId == *also.KeyLastUsage.CloudTrailEventId {
		t.Error("two keys share an event")
	}
}

// What fails, what is tried only, and what reads a key is no use of it.
func TestOnlySuccessIsUse(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	data, mac, public := w.key("SYMMETRIC_DEFAULT", keyspec.EncryptDecrypt), w.key("HMAC_256", keyspec.MAC), w.key("ECC_NIST_P256", keyspec.SignVerify)
	w.settle()
	w.refused(kmsapi.DryRunOperationException, "Encrypt", input("KeyId", data, "Plaintext", []byte("x"), "DryRun", true))
	w.refused(kmsapi.InvalidKeyUsageException, "GenerateMac", input("KeyId", data, "Message", []byte("m"), "MacAlgorithm", "HMAC_SHA_256"))
	w.refused(kmsapi.KMSInvalidMacException, "VerifyMac", input("KeyId", mac, "Message", []byte("m"), "MacAlgorithm", "HMAC_SHA_256", "Mac", []byte("wrong")))
	w.do(0, "DescribeKey", input("KeyId", data), nil)
	w.do(0, "GetPublicKey", input("KeyId", public), nil)
	w.do(0, "GenerateRandom", input("NumberOfBytes", 8), nil)
	for _, key := range []string{data, mac, public} {
		if op, _, out := w.lastUse(1, key); op != "" || out.KeyLastUsage == nil || *out.TrackingStartDate != *out.KeyCreationDate {
			t.Errorf("%s: %q, %+v", key, op, out)
		}
	}
}

// A report that does not reach a leader is made again; meanwhile the newest use stays the newest.
func TestUsesWaitForALeader(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	key := w.key("SYMMETRIC_DEFAULT", keyspec.EncryptDecrypt)
	w.settle()
	use := func(operation string) string {
		_, call, err := w.call(1, operation, "", input("KeyId", key, "NumberOfBytes", 16, "Plaintext", []byte("x")))
		if err != nil {
			t.Fatal(err)
		}
		return call.RequestID
	}
	use("GenerateDataKeyWithoutPlaintext")
	w.down.Store(true)
	w.nodes[1].ReportUses(t.Context())
	want := use("Encrypt")
	w.nodes[1].ReportUses(t.Context())
	w.down.Store(false)
	w.lead(2)
	var op, request string
	until(t.Context(), func() bool { // the new leader may not be at work yet
		op, request, _ = w.lastUse(0, key)
		return op != ""
	})
	if op != "Encrypt" || request != want {
		t.Errorf("the last use is %q by %q, want %s", op, request, want)
	}
	if err := w.nodes[1].RecordUses(t.Context(), []keyengine.Use{}); err == nil || !strings.Contains(err.Error(), "leader") {
		t.Errorf("a follower records: %v", err)
	}
}

// Nobody has to ask for a report, and more keys are used than one command takes.
func TestUsesAreReportedBySomeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.lead(0)
		var keys []string
		for range keyengine.MaxUses + 1 {
			keys = append(keys, w.key("SYMMETRIC_DEFAULT", keyspec.EncryptDecrypt))
		}
		w.settle()
		for _, key := range keys {
			w.do(1, "Encrypt", input("KeyId", key, "Plaintext", []byte("x")), nil)
		}
		time.Sleep(5 * time.Second) // of the bubble's time
		synctest.Wait()
		for i, key := range keys {
			var out kmsapi.GetKeyLastUsageResponse
			w.do(2, "GetKeyLastUsage", fmt.Sprintf(`{"KeyId":%q}`, key), &out)
			if out.KeyLastUsage.Operation == nil {
				t.Fatalf("the use of key %d is not known", i)
			}
		}
	})
}
