package region_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"meridian/keyengine/attestation"
	"meridian/keyengine/attestation/attestationtest"
	"meridian/keyengine/kmsapi"
)

// attestedWorld is a world that trusts an authority.
func attestedWorld(t *testing.T) (*world, *attestationtest.Authority) {
	w, ca := newWorld(t), attestationtest.NewAuthority(time.Now())
	roots, err := attestation.ParseRoots(ca.Root())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range w.nodes {
		n.Attestation = roots
	}
	w.lead(0)
	return w, ca
}

func recipientOf(document []byte) map[string]any {
	return map[string]any{"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document}
}

// attested is any answer to a call with a recipient.
type attested struct {
	CiphertextForRecipient, Plaintext, SharedSecret, PrivateKeyPlaintext []byte
	CiphertextBlob, PrivateKeyCiphertextBlob, PublicKey                  []byte
	KeyMaterialId                                                        *string
}

// ask makes a call with a recipient, which alone must be able to read the answer.
func (w *world) ask(e *attestationtest.Enclave, document []byte, operation string, members ...any) (answer attested, secret []byte) {
	w.t.Helper()
	w.do(0, operation, input(append(members, "Recipient", recipientOf(document))...), &answer)
	if answer.Plaintext != nil || answer.SharedSecret != nil || answer.PrivateKeyPlaintext != nil {
		w.t.Errorf("%s: the answer is in plain too", operation)
	}
	secret, err := e.Open(answer.CiphertextForRecipient)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return answer, secret
}

// What a recipient reads is what the caller would have been given.
func TestRecipient(t *testing.T) {
	w, ca := attestedWorld(t)
	enclave := attestationtest.NewEnclave()
	document := ca.Document(enclave, time.Now())
	id := w.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
	decrypt := func(blob []byte) []byte {
		var opened kmsapi.DecryptResponse
		w.do(0, "Decrypt", input("CiphertextBlob", blob), &opened)
		return opened.Plaintext
	}

	var sealed kmsapi.EncryptResponse
	w.do(0, "Encrypt", input("KeyId", id, "Plaintext", []byte("for the enclave")), &sealed)
	answer, secret := w.ask(enclave, document, "Decrypt", "CiphertextBlob", sealed.CiphertextBlob)
	if string(secret) != "for the enclave" || answer.KeyMaterialId != nil {
		t.Errorf("Decrypt: %q, KeyMaterialId %v", secret, answer.KeyMaterialId)
	}
	answer, secret = w.ask(enclave, document, "GenerateDataKey", "KeyId", id, "KeySpec", "AES_256")
	if len(secret) != 32 || !bytes.Equal(decrypt(answer.CiphertextBlob), secret) || answer.KeyMaterialId != nil {
		t.Errorf("GenerateDataKey: %d bytes, KeyMaterialId %v", len(secret), answer.KeyMaterialId)
	}
	answer, secret = w.ask(enclave, document, "GenerateDataKeyPair", "KeyId", id, "KeyPairSpec", "ECC_NIST_P256")
	if _, err := x509.ParsePKCS8PrivateKey(secret); err != nil || !bytes.Equal(decrypt(answer.PrivateKeyCiphertextBlob), secret) || answer.KeyMaterialId == nil {
		t.Errorf("GenerateDataKeyPair: %v, KeyMaterialId %v", err, answer.KeyMaterialId)
	}
	if _, secret = w.ask(enclave, document, "GenerateRandom", "NumberOfBytes", 24); len(secret) != 24 || bytes.Equal(secret, make([]byte, 24)) {
		t.Errorf("GenerateRandom: %d bytes", len(secret))
	}

	agreeing := w.key("ECC_NIST_P256", "KEY_AGREEMENT")
	mine, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(mine.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	agreement := []any{"KeyId", agreeing, "KeyAgreementAlgorithm", "ECDH", "PublicKey", spki}
	var plain kmsapi.DeriveSharedSecretResponse
	w.do(0, "DeriveSharedSecret", input(agreement...), &plain)
	if _, secret = w.ask(enclave, document, "DeriveSharedSecret", agreement...); !bytes.Equal(secret, plain.SharedSecret) {
		t.Error("DeriveSharedSecret: another secret")
	}
}

func TestRecipientsThatAreRefused(t *testing.T) {
	w, ca := attestedWorld(t)
	enclave := attestationtest.NewEnclave()
	now := time.Now()
	random := func(recipient any) string { return input("NumberOfBytes", 32, "Recipient", recipient) }
	for what, test := range map[string]struct {
		recipient any
		says      string
	}{
		"nothing":           {map[string]any{}, "KeyEncryptionAlgorithm is required"},
		"no document":       {map[string]any{"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}, "AttestationDocument is required"},
		"another algorithm": {map[string]any{"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_1", "AttestationDocument": []byte("x")}, "enum value set"},
		"not a document":    {recipientOf([]byte("x")), "not an attestation document"},
		"too long":          {recipientOf(make([]byte, attestation.MaxDocument+1)), "length less than or equal to 262144"},
		"another authority": {recipientOf(attestationtest.NewAuthority(now).Document(enclave, now)), "not trusted"},
		"no public key": {
			recipientOf(ca.Document(enclave, now, func(p attestationtest.Payload) { p["public_key"] = nil })), "no usable public key",
		},
	} {
		_, _, err := w.call(0, "GenerateRandom", "", random(test.recipient))
		if code(err) != kmsapi.ValidationException || !strings.Contains(fmt.Sprint(err), test.says) {
			t.Errorf("%s: %v, want ValidationException with %q", what, err, test.says)
		}
	}
	good := recipientOf(ca.Document(enclave, now))
	for i := range w.skew { // judged when the certificates are not valid any more
		w.skew[i].Store(int64(attestationtest.Validity))
	}
	if _, _, err := w.call(0, "GenerateRandom", "", random(good)); code(err) != kmsapi.ValidationException || !strings.Contains(fmt.Sprint(err), "expired") {
		t.Errorf("too late: %v", err)
	}
	for i := range w.skew {
		w.skew[i].Store(0)
	}
	id := w.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
	w.refused(kmsapi.DryRunOperationException, "GenerateDataKey", input("KeyId", id, "KeySpec", "AES_256", "DryRun", true, "Recipient", good))
	w.refused(kmsapi.ValidationException, "GenerateDataKey", input("KeyId", id, "KeySpec", "AES_256", "DryRun", true, "Recipient", recipientOf([]byte("x"))))
	for _, n := range w.nodes {
		n.Attestation = nil
	}
	_, _, err := w.call(0, "GenerateRandom", "", random(good))
	if code(err) != kmsapi.UnsupportedOperationException || !strings.Contains(err.Error(), "--attestation-roots") {
		t.Errorf("without roots: %v", err)
	}
}
