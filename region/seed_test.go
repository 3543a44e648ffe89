package region_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"

	"meridian/eventlog"
	"meridian/keyengine/kmsapi"
	"meridian/region"
)

const (
	seededID = "1234abcd-12ab-34cd-56ef-1234567890ab"
	seededMR = "mrk-1234abcd12ab34cd56ef1234567890ab"
)

func seedCall(id string) *kmsapi.Call {
	return &kmsapi.Call{
		RequestID: id, Caller: kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root"},
	}
}

func TestSeedMakesAKeyOnce(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	material := bytes.Repeat([]byte{7}, 32)
	key := region.SeedKey{
		KeyID: seededID, Material: material, Request: &kmsapi.CreateKeyRequest{
			Description: new("seeded"), KeySpec: new(kmsapi.KeySpec("HMAC_256")), KeyUsage: new(kmsapi.KeyUsageType("GENERATE_VERIFY_MAC")),
		},
	}
	if made, err := w.nodes[0].Seed(t.Context(), seedCall("s-1"), key); !made || err != nil {
		t.Fatalf("made %t, %v", made, err)
	}
	var mac kmsapi.GenerateMacResponse
	w.do(1, "GenerateMac", input("KeyId", seededID, "Message", []byte("m"), "MacAlgorithm", "HMAC_SHA_256"), &mac)
	want := hmac.New(sha256.New, material)
	want.Write([]byte("m"))
	if !bytes.Equal(mac.Mac, want.Sum(nil)) {
		t.Error("the key does not have the material that was given")
	}
	w.do(0, "UpdateKeyDescription", input("KeyId", seededID, "Description", "changed since"), nil)
	if made, err := w.nodes[0].Seed(t.Context(), seedCall("s-2"), key); made || err != nil {
		t.Errorf("again: made %t, %v", made, err)
	}
	var described kmsapi.DescribeKeyResponse
	w.do(2, "DescribeKey", input("KeyId", seededID), &described)
	if *described.KeyMetadata.Description != "changed since" {
		t.Errorf("the second seed changed the key: %q", *described.KeyMetadata.Description)
	}
	if _, err := w.nodes[1].Seed(t.Context(), seedCall("s-3"), key); !errors.Is(err, eventlog.ErrNotLeader) {
		t.Errorf("at a follower: %v", err)
	}
}

func TestSeedMakesMaterialWhereNoneIsGiven(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	key := region.SeedKey{KeyID: seededMR, Request: &kmsapi.CreateKeyRequest{MultiRegion: new(true)}}
	if made, err := w.nodes[0].Seed(t.Context(), seedCall("s-1"), key); !made || err != nil {
		t.Fatalf("made %t, %v", made, err)
	}
	var sealed kmsapi.EncryptResponse
	w.do(0, "Encrypt", input("KeyId", seededMR, "Plaintext", []byte("x")), &sealed)
	w.do(1, "Decrypt", input("CiphertextBlob", sealed.CiphertextBlob), nil)
}

func TestSeedsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	spec := func(s string) *kmsapi.CreateKeyRequest {
		return &kmsapi.CreateKeyRequest{KeySpec: new(kmsapi.KeySpec(s)), KeyUsage: new(kmsapi.KeyUsageType("SIGN_VERIFY"))}
	}
	for what, key := range map[string]region.SeedKey{
		"no key id":               {KeyID: "key", Request: &kmsapi.CreateKeyRequest{}},
		"multi-Region by id":      {KeyID: seededMR, Request: &kmsapi.CreateKeyRequest{}},
		"multi-Region by request": {KeyID: seededID, Request: &kmsapi.CreateKeyRequest{MultiRegion: new(true)}},
		"short material":          {KeyID: seededID, Request: &kmsapi.CreateKeyRequest{}, Material: make([]byte, 31)},
		"material of no key":      {KeyID: seededID, Request: spec("ECC_NIST_P256"), Material: []byte("x")},
		"spec without the usage":  {KeyID: seededID, Request: spec("SYMMETRIC_DEFAULT")},
	} {
		if made, err := w.nodes[0].Seed(t.Context(), seedCall(what), key); made || code(err) != kmsapi.ValidationException {
			t.Errorf("%s: made %t, %v", what, made, err)
		}
	}
}
