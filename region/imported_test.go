package region_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
	"testing"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive/builtin"
	"meridian/keyengine/primitive/keywrap"
)

// imported is a key whose material the test brings.
type imported struct {
	*world
	id string
}

// external makes a key without material.
func (w *world) external(spec, usage string) imported {
	w.t.Helper()
	var created kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", input("Origin", "EXTERNAL", "KeySpec", spec, "KeyUsage", usage), &created)
	if state := *created.KeyMetadata.KeyState; state != kmsapi.KeyStatePendingImport {
		w.t.Errorf("%s begins as %s", spec, state)
	}
	return imported{w, *created.KeyMetadata.KeyId}
}

// parameters asks a node for a wrapping key and a token.
func (k imported) parameters(node int, algorithm, wrapper string) *kmsapi.GetParametersForImportResponse {
	k.t.Helper()
	out := new(kmsapi.GetParametersForImportResponse)
	k.do(node, "GetParametersForImport", input("KeyId", k.id, "WrappingAlgorithm", algorithm, "WrappingKeySpec", wrapper), out)
	return out
}

// wrap is what a caller does with its material: with the standard library, not with ours.
func wrap(t testing.TB, algorithm string, spki, material []byte) []byte {
	t.Helper()
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		t.Fatal(err)
	}
	var h hash.Hash = sha256.New()
	if strings.HasSuffix(algorithm, "_SHA_1") {
		h = sha1.New()
	}
	oaep := func(plaintext []byte) []byte {
		out, err := rsa.EncryptOAEP(h, rand.Reader, parsed.(*rsa.PublicKey), plaintext, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if !strings.HasPrefix(algorithm, "RSA_AES") {
		return oaep(material)
	}
	kek := make([]byte, 32)
	if _, err := rand.Read(kek); err != nil {
		t.Fatal(err)
	}
	wrapped, err := keywrap.Wrap(kek, material)
	if err != nil {
		t.Fatal(err)
	}
	return append(oaep(kek), wrapped...)
}

// bring imports material, with what more the request is to say.
func (k imported) bring(algorithm, wrapper string, material []byte, more ...any) string {
	k.t.Helper()
	p := k.parameters(1, algorithm, wrapper) // another node than the one that will open it
	members := append([]any{
		"KeyId", k.id, "ImportToken", p.ImportToken, "EncryptedKeyMaterial", wrap(k.t, algorithm, p.PublicKey, material),
		"ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE",
	}, more...)
	return input(members...)
}

// Every spec takes what its provider makes, and has its public key.
func TestImportEverySpec(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	for spec, usage := range built {
		material, err := builtin.Set().Generate(spec.Name, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k := w.external(spec.Name, usage.Name)
		w.do(0, "ImportKeyMaterial", k.bring("RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", material.Bytes()), nil)
		var described kmsapi.DescribeKeyResponse
		w.do(2, "DescribeKey", input("KeyId", k.id), &described)
		if m := described.KeyMetadata; *m.KeyState != kmsapi.KeyStateEnabled || *m.ExpirationModel != "KEY_MATERIAL_DOES_NOT_EXPIRE" {
			t.Errorf("%s is %s, %s", spec.Name, *m.KeyState, *m.ExpirationModel)
		}
		if spec.Class == keyspec.Asymmetric {
			var public kmsapi.GetPublicKeyResponse
			w.do(2, "GetPublicKey", input("KeyId", k.id), &public)
			want, err := builtin.Set().PublicKey(spec.Name, material)
			if err != nil || !bytes.Equal(public.PublicKey, want) {
				t.Errorf("%s: another public key, %v", spec.Name, err)
			}
		}
	}
}

// Each wrapping opens, and a change of it does not.
func TestImportWrappings(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	k := w.external(keyspec.SymmetricDefault, keyspec.EncryptDecrypt)
	material := bytes.Repeat([]byte{7}, 32)
	for i, algorithm := range []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"} {
		wrapper := []string{"RSA_2048", "RSA_3072"}[i%2]
		w.do(0, "ImportKeyMaterial", k.bring(algorithm, wrapper, material), nil)
		w.do(0, "DeleteImportedKeyMaterial", input("KeyId", k.id), nil)

		p := k.parameters(0, algorithm, wrapper)
		good := wrap(t, algorithm, p.PublicKey, material)
		for name, wrapped := range map[string][]byte{
			"changed": append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1), "cut off": good[:len(good)-8], "short": good[:5],
		} {
			w.refused(kmsapi.InvalidCiphertextException, "ImportKeyMaterial", input("KeyId", k.id, "ImportToken", p.ImportToken,
				"EncryptedKeyMaterial", wrapped, "ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE"))
			if t.Failed() {
				t.Fatalf("%s, %s", algorithm, name)
			}
		}
	}
	w.refused(kmsapi.KMSInvalidStateException, "Encrypt", input("KeyId", k.id, "Plaintext", []byte{1}))
}

// A token is of one key, and none that a caller could make; the material has to be one of the spec.
func TestImportRefusals(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	k, other := w.external(keyspec.SymmetricDefault, keyspec.EncryptDecrypt), w.external("HMAC_256", keyspec.MAC)
	const algorithm = "RSAES_OAEP_SHA_256"
	p, q := k.parameters(0, algorithm, "RSA_2048"), other.parameters(0, algorithm, "RSA_2048")
	request := func(token, spki, material []byte) string {
		return input("KeyId", k.id, "ImportToken", token, "EncryptedKeyMaterial", wrap(t, algorithm, spki, material),
			"ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
	}
	good := make([]byte, 32)
	w.refused(kmsapi.InvalidImportTokenException, "ImportKeyMaterial", request(q.ImportToken, q.PublicKey, good))
	w.refused(kmsapi.InvalidImportTokenException, "ImportKeyMaterial", request([]byte("no token"), p.PublicKey, good))
	w.refused(kmsapi.InvalidImportTokenException, "ImportKeyMaterial", request(p.ImportToken[:len(p.ImportToken)-1], p.PublicKey, good))
	w.refused(kmsapi.InvalidCiphertextException, "ImportKeyMaterial", request(p.ImportToken, q.PublicKey, good))
	w.refused(kmsapi.IncorrectKeyMaterialException, "ImportKeyMaterial", request(p.ImportToken, p.PublicKey, good[:31]))
	w.do(0, "ImportKeyMaterial", request(p.ImportToken, p.PublicKey, good), nil)
	w.do(0, "ImportKeyMaterial", request(p.ImportToken, p.PublicKey, good), nil) // a token serves until it expires
	w.refused(kmsapi.IncorrectKeyMaterialException, "ImportKeyMaterial", request(p.ImportToken, p.PublicKey, bytes.Repeat([]byte{1}, 32)))
}

// Ciphertexts outlive the deletion of their material, and open again when the same bytes are back; those
// of another key with the same bytes never do.
func TestImportedMaterialComesBack(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	k, twin := w.external(keyspec.SymmetricDefault, keyspec.EncryptDecrypt), w.external(keyspec.SymmetricDefault, keyspec.EncryptDecrypt)
	const algorithm = "RSAES_OAEP_SHA_256"
	for _, key := range []imported{k, twin} {
		w.do(0, "ImportKeyMaterial", key.bring(algorithm, "RSA_2048", first), nil)
	}
	var old, fresh kmsapi.EncryptResponse
	w.do(0, "Encrypt", input("KeyId", k.id, "Plaintext", []byte("old")), &old)
	w.do(0, "ImportKeyMaterial", k.bring(algorithm, "RSA_2048", second, "ImportType", "NEW_KEY_MATERIAL"), nil)
	w.do(0, "RotateKeyOnDemand", input("KeyId", k.id), nil)
	w.do(1, "Encrypt", input("KeyId", k.id, "Plaintext", []byte("new")), &fresh)
	var listed kmsapi.ListKeyRotationsResponse
	w.do(0, "ListKeyRotations", input("KeyId", k.id, "IncludeKeyMaterial", "ALL_KEY_MATERIAL"), &listed)
	if len(listed.Rotations) != 2 {
		t.Fatalf("%d materials", len(listed.Rotations))
	}
	w.do(0, "DeleteImportedKeyMaterial", input("KeyId", k.id, "KeyMaterialId", *listed.Rotations[0].KeyMaterialId), nil)
	for _, blob := range [][]byte{old.CiphertextBlob, fresh.CiphertextBlob} {
		w.refused(kmsapi.KMSInvalidStateException, "Decrypt", input("CiphertextBlob", blob))
	}
	w.do(0, "ImportKeyMaterial", k.bring(algorithm, "RSA_2048", first), nil)
	for want, blob := range map[string][]byte{"old": old.CiphertextBlob, "new": fresh.CiphertextBlob} {
		var got kmsapi.DecryptResponse
		w.do(2, "Decrypt", input("CiphertextBlob", blob), &got)
		if string(got.Plaintext) != want {
			t.Errorf("%q opens to %q", want, got.Plaintext)
		}
		w.refused(kmsapi.IncorrectKeyException, "Decrypt", input("CiphertextBlob", blob, "KeyId", twin.id))
	}
}

// Many callers bring and delete one material at once: whatever shares a record of the log, a key that
// says it is enabled can encrypt.
func TestImportsThatShareARecord(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	k := w.external(keyspec.SymmetricDefault, keyspec.EncryptDecrypt)
	bring := k.bring("RSAES_OAEP_SHA_256", "RSA_2048", make([]byte, 32))
	for round := range 20 {
		done := make(chan error, 12)
		for i := range cap(done) {
			operation, body := "ImportKeyMaterial", bring
			if i%3 == 2 {
				operation, body = "DeleteImportedKeyMaterial", input("KeyId", k.id)
			}
			go func() {
				_, _, err := w.call(0, operation, fmt.Sprintf("%d-%d", round, i), body)
				done <- err
			}()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		var described kmsapi.DescribeKeyResponse
		w.do(0, "DescribeKey", input("KeyId", k.id), &described)
		_, _, err := w.call(0, "Encrypt", "", input("KeyId", k.id, "Plaintext", []byte{1}))
		if enabled := *described.KeyMetadata.Enabled; enabled != (err == nil) {
			t.Fatalf("round %d: enabled %t, encrypt: %v", round, enabled, err)
		}
	}
}

// FuzzImportToken gives arbitrary bytes as a token and as wrapped material.
func FuzzImportToken(f *testing.F) {
	w := newWorld(f)
	w.lead(0)
	k := w.external(keyspec.SymmetricDefault, keyspec.EncryptDecrypt)
	p := k.parameters(0, "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048")
	f.Add(p.ImportToken, wrap(f, "RSA_AES_KEY_WRAP_SHA_256", p.PublicKey, make([]byte, 32)))
	f.Add([]byte{}, []byte{1})
	f.Fuzz(func(t *testing.T, token, wrapped []byte) {
		out, _, err := w.call(0, "ImportKeyMaterial", "", input("KeyId", k.id, "ImportToken", token, "EncryptedKeyMaterial", wrapped,
			"ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE"))
		if err != nil && code(err) == kmsapi.KMSInternalException {
			t.Fatal(err)
		}
		if _, err := json.Marshal(out); err != nil {
			t.Fatal(err)
		}
	})
}
