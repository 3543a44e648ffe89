package region_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"testing"

	gmsm "github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive/builtin"
	"meridian/keyengine/primitive/sm2"
)

// TestSM2 signs, encrypts and agrees with SM2 keys in China, brings one of its own under an SM2 wrapping
// key, and finds none elsewhere.
func TestSM2(t *testing.T) {
	h := newHostile(t, "cn-north-1")
	signs, opens, agrees := h.world.key("SM2", "SIGN_VERIFY"), h.world.key("SM2", "ENCRYPT_DECRYPT"), h.world.key("SM2", "KEY_AGREEMENT")
	var described kmsapi.DescribeKeyResponse
	h.do(0, "DescribeKey", input("KeyId", signs), &described)
	if got, want := *described.KeyMetadata.Arn, "arn:aws-cn:kms:cn-north-1:000000000000:key/"+signs; string(got) != want {
		t.Errorf("ARN %s, want %s", got, want)
	}

	message, digest := []byte("hello"), make([]byte, 32)
	for kind, signed := range map[string][]byte{"RAW": message, "DIGEST": digest} {
		var s kmsapi.SignResponse
		h.do(1, "Sign", input("KeyId", signs, "Message", signed, "MessageType", kind, "SigningAlgorithm", "SM2DSA"), &s)
		verify := func(message []byte) string {
			return input("KeyId", signs, "Message", message, "MessageType", kind, "SigningAlgorithm", "SM2DSA", "Signature", s.Signature)
		}
		h.do(2, "Verify", verify(signed), nil)
		h.refused(kmsapi.KMSInvalidSignatureException, "Verify", verify(bytes.Repeat([]byte{1}, len(signed))))
	}

	var sealed kmsapi.EncryptResponse
	h.do(0, "Encrypt", input("KeyId", opens, "Plaintext", message, "EncryptionAlgorithm", "SM2PKE"), &sealed)
	var opened kmsapi.DecryptResponse
	h.do(1, "Decrypt", input("KeyId", opens, "CiphertextBlob", sealed.CiphertextBlob, "EncryptionAlgorithm", "SM2PKE"), &opened)
	if !bytes.Equal(opened.Plaintext, message) {
		t.Errorf("opened %q", opened.Plaintext)
	}

	other := h.world.key("SM2", "KEY_AGREEMENT")
	derive := func(mine, theirs string) []byte {
		var public kmsapi.GetPublicKeyResponse
		h.do(0, "GetPublicKey", input("KeyId", theirs), &public)
		var shared kmsapi.DeriveSharedSecretResponse
		h.do(1, "DeriveSharedSecret", input("KeyId", mine, "KeyAgreementAlgorithm", "ECDH", "PublicKey", public.PublicKey), &shared)
		return shared.SharedSecret
	}
	if a, b := derive(agrees, other), derive(other, agrees); len(a) != 32 || !bytes.Equal(a, b) {
		t.Errorf("no common secret: %x, %x", a, b)
	}

	material, err := builtin.Set().Generate("SM2", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := h.external("SM2", "SIGN_VERIFY")
	p := k.parameters(1, "SM2PKE", "SM2")
	h.do(2, "ImportKeyMaterial", input("KeyId", k.id, "ImportToken", p.ImportToken, "ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE",
		"EncryptedKeyMaterial", sm2Wrapped(t, p.PublicKey, material.Bytes())), nil)
	var public kmsapi.GetPublicKeyResponse
	h.do(0, "GetPublicKey", input("KeyId", k.id), &public)
	want, err := sm2.Provider{}.PublicKey(material)
	if err != nil || !bytes.Equal(public.PublicKey, want) {
		t.Errorf("another key was imported: %v", err)
	}

	elsewhere := newHostile(t, "us-east-1")
	elsewhere.refused(kmsapi.UnsupportedOperationException, "CreateKey", input("KeySpec", "SM2", "KeyUsage", "SIGN_VERIFY"))
	rsa := elsewhere.external("RSA_2048", "SIGN_VERIFY")
	elsewhere.refused(kmsapi.UnsupportedOperationException, "GetParametersForImport", input("KeyId", rsa.id, "WrappingAlgorithm", "SM2PKE", "WrappingKeySpec", "SM2"))
}

// sm2Wrapped is what a caller in China does with its material.
func sm2Wrapped(t *testing.T, spki, material []byte) []byte {
	t.Helper()
	public, err := smx509.ParsePKIXPublicKey(spki)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := gmsm.EncryptASN1(rand.Reader, public.(*ecdsa.PublicKey), material)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}
