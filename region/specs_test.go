package region_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive/builtin"
)

// key makes a key and returns its id.
func (w *world) key(spec, usage string) string {
	w.t.Helper()
	var created kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", fmt.Sprintf(`{"KeySpec":%q,"KeyUsage":%q}`, spec, usage), &created)
	return *created.KeyMetadata.KeyId
}

// input writes a request: member, value, member, value, … Bytes become base64.
func input(members ...any) string {
	m := map[string]any{}
	for i := 0; i < len(members); i += 2 {
		m[members[i].(string)] = members[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// refused makes a call at node 0 that must be answered with a fault of that code. On a busy machine a
// node may not be able to confirm a no in time, and says so; then the call is made again.
func (w *world) refused(want, operation, body string) {
	w.t.Helper()
	var err error
	for range 20 {
		if _, _, err = w.call(0, operation, "", body); code(err) != kmsapi.KMSInternalException {
			break
		}
	}
	if code(err) != want {
		w.t.Errorf("%s %s: got %v, want %s", operation, body, err, want)
	}
}

// built yields each usage of the specs that are built. Of the sizes of RSA one is enough: the others
// differ in the provider alone, and take long to make.
func built(yield func(keyspec.Spec, keyspec.Usage) bool) {
	for _, s := range keyspec.All() {
		if !s.Built || !s.In(place.Partition) || s.Name == "RSA_3072" || s.Name == "RSA_4096" {
			continue
		}
		for _, u := range s.Usages {
			if !yield(s, u) {
				return
			}
		}
	}
}

// What one node does with a key, another undoes, for every algorithm of every spec.
func TestRoundTrips(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	for spec, usage := range built {
		id := w.key(spec.Name, usage.Name)
		w.settle()
		for _, a := range usage.Algorithms {
			t.Run(spec.Name+"/"+a.Name, func(t *testing.T) {
				switch usage.Name {
				case keyspec.EncryptDecrypt:
					w.encrypts(id, spec, a)
				case keyspec.SignVerify:
					w.signs(id, a)
				case keyspec.MAC:
					w.authenticates(id, a)
				case keyspec.KeyAgreement:
					w.agrees(id, spec, a)
				}
			})
		}
	}
}

// settle waits until all nodes have what the leader has.
func (w *world) settle() {
	for i := range w.nodes {
		w.do(i, "ListKeys", `{}`, nil) // at the default level a node catches up first
	}
}

func (w *world) encrypts(id string, spec keyspec.Spec, a keyspec.Algorithm) {
	plaintext := bytes.Repeat([]byte("x"), a.MaxBytes)
	var sealed kmsapi.EncryptResponse
	w.do(0, "Encrypt", input("KeyId", id, "Plaintext", plaintext, "EncryptionAlgorithm", a.Name), &sealed)
	if *sealed.EncryptionAlgorithm != kmsapi.EncryptionAlgorithmSpec(a.Name) {
		w.t.Errorf("algorithm %s", *sealed.EncryptionAlgorithm)
	}
	var opened kmsapi.DecryptResponse
	w.do(1, "Decrypt", input("KeyId", id, "CiphertextBlob", sealed.CiphertextBlob, "EncryptionAlgorithm", a.Name), &opened)
	if !bytes.Equal(opened.Plaintext, plaintext) || *opened.EncryptionAlgorithm != kmsapi.EncryptionAlgorithmSpec(a.Name) {
		w.t.Errorf("%s: got %d bytes under %s", a.Name, len(opened.Plaintext), *opened.EncryptionAlgorithm)
	}
	if symmetric := spec.Class == keyspec.Symmetric; (opened.KeyMaterialId != nil) != symmetric {
		w.t.Errorf("KeyMaterialId is there: %t", !symmetric)
	}
	sealed.CiphertextBlob[len(sealed.CiphertextBlob)-1] ^= 1
	w.refused(kmsapi.InvalidCiphertextException, "Decrypt", input("KeyId", id, "CiphertextBlob", sealed.CiphertextBlob, "EncryptionAlgorithm", a.Name))
	if a.MaxBytes < 4096 {
		w.refused(kmsapi.ValidationException, "Encrypt", input("KeyId", id, "Plaintext", append(plaintext, 'x'), "EncryptionAlgorithm", a.Name))
		w.refused(kmsapi.ValidationException, "Encrypt", input("KeyId", id, "Plaintext", plaintext, "EncryptionAlgorithm", a.Name, "EncryptionContext", map[string]string{"a": "b"}))
	}
	w.refused(kmsapi.DryRunOperationException, "Encrypt", input("KeyId", id, "Plaintext", plaintext, "EncryptionAlgorithm", a.Name, "DryRun", true))
}

func (w *world) signs(id string, a keyspec.Algorithm) {
	for kind, size := range map[string]int{"RAW": a.MaxBytes, "DIGEST": a.DigestBytes, "EXTERNAL_MU": a.MuBytes} {
		message := bytes.Repeat([]byte("m"), max(1, size))
		request := []any{"KeyId", id, "MessageType", kind, "Message", message, "SigningAlgorithm", a.Name}
		if size == 0 { // the algorithm does not take this type
			w.refused(kmsapi.ValidationException, "Sign", input(request...))
			continue
		}
		var signed kmsapi.SignResponse
		w.do(0, "Sign", input(request...), &signed)
		request = append(request, "Signature", signed.Signature)
		var verified kmsapi.VerifyResponse
		w.do(1, "Verify", input(request...), &verified)
		if !*verified.SignatureValid || *verified.KeyId != *signed.KeyId || !strings.HasSuffix(*signed.KeyId, id) {
			w.t.Errorf("%s %s: %+v", a.Name, kind, verified)
		}
		w.refused(kmsapi.DryRunOperationException, "Verify", input(append(request, "DryRun", true)...))
		message[0] ^= 1
		w.refused(kmsapi.KMSInvalidSignatureException, "Verify", input(request...))
		w.refused(kmsapi.KMSInvalidSignatureException, "Verify", input(append(request, "DryRun", true)...))
		w.refused(kmsapi.DryRunOperationException, "Sign", input(append(request[:8:8], "DryRun", true)...))
		if kind != "RAW" {
			request[5] = message[1:]
			w.refused(kmsapi.ValidationException, "Sign", input(request[:8]...))
			w.refused(kmsapi.ValidationException, "Verify", input(request...))
		}
	}
}

func (w *world) authenticates(id string, a keyspec.Algorithm) {
	message := []byte("message")
	var made kmsapi.GenerateMacResponse
	w.do(0, "GenerateMac", input("KeyId", id, "Message", message, "MacAlgorithm", a.Name), &made)
	var verified kmsapi.VerifyMacResponse
	w.do(1, "VerifyMac", input("KeyId", id, "Message", message, "MacAlgorithm", a.Name, "Mac", made.Mac), &verified)
	if !*verified.MacValid || *verified.MacAlgorithm != kmsapi.MacAlgorithmSpec(a.Name) {
		w.t.Errorf("%+v", verified)
	}
	for _, mac := range [][]byte{made.Mac[1:], append([]byte{made.Mac[0] ^ 1}, made.Mac[1:]...)} {
		w.refused(kmsapi.KMSInvalidMacException, "VerifyMac", input("KeyId", id, "Message", message, "MacAlgorithm", a.Name, "Mac", mac))
	}
	w.refused(kmsapi.DryRunOperationException, "GenerateMac", input("KeyId", id, "Message", message, "MacAlgorithm", a.Name, "DryRun", true))
	w.refused(kmsapi.DryRunOperationException, "VerifyMac", input("KeyId", id, "Message", message, "MacAlgorithm", a.Name, "Mac", made.Mac, "DryRun", true))
}

func (w *world) agrees(id string, spec keyspec.Spec, a keyspec.Algorithm) {
	other := w.key(spec.Name, keyspec.KeyAgreement)
	w.settle()
	derive := func(id string, peer []byte) string {
		var out kmsapi.DeriveSharedSecretResponse
		w.do(1, "DeriveSharedSecret", input("KeyId", id, "KeyAgreementAlgorithm", a.Name, "PublicKey", peer), &out)
		if len(out.SharedSecret) < 32 || *out.KeyOrigin != "AWS_KMS" || *out.KeyAgreementAlgorithm != "ECDH" {
			w.t.Errorf("%+v", out)
		}
		return string(out.SharedSecret)
	}
	mine, theirs := w.publicKey(id), w.publicKey(other)
	if derive(id, theirs) != derive(other, mine) {
		w.t.Errorf("%s: the two sides differ", spec.Name)
	}
	peer, err := x509.ParsePKIXPublicKey(mine)
	if err != nil {
		w.t.Fatal(err)
	}
	point, err := peer.(*ecdsa.PublicKey).ECDH()
	if err != nil {
		w.t.Fatal(err)
	}
	outside, err := point.Curve().GenerateKey(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(outside.PublicKey())
	if err != nil {
		w.t.Fatal(err)
	}
	want, err := outside.ECDH(point)
	if err != nil || derive(id, spki) != string(want) {
		w.t.Errorf("%s: somebody outside derives another secret (%v)", spec.Name, err)
	}
	for _, bad := range [][]byte{{1}, mine[:len(mine)-1], x25519(w.t)} {
		w.refused(kmsapi.ValidationException, "DeriveSharedSecret", input("KeyId", id, "KeyAgreementAlgorithm", a.Name, "PublicKey", bad))
		w.refused(kmsapi.ValidationException, "DeriveSharedSecret", input("KeyId", id, "KeyAgreementAlgorithm", a.Name, "PublicKey", bad, "DryRun", true))
	}
	w.refused(kmsapi.DryRunOperationException, "DeriveSharedSecret", input("KeyId", id, "KeyAgreementAlgorithm", a.Name, "PublicKey", spki, "DryRun", true))
}

// x25519 is a public key of a curve that no spec has.
func x25519(t testing.TB) []byte {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(private.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return spki
}

func (w *world) publicKey(id string) []byte {
	w.t.Helper()
	var out kmsapi.GetPublicKeyResponse
	w.do(2, "GetPublicKey", input("KeyId", id), &out)
	return out.PublicKey
}

// The public half does outside what it does inside.
func TestPublicKeysWorkOutside(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	message := []byte("to be signed")
	digest256, digest512 := sha256.Sum256(message), sha512.Sum512(message)
	for _, c := range []struct {
		spec, algorithm string
		verify          func(public any, signature []byte) bool
	}{
		{"ECC_NIST_P256", "ECDSA_SHA_256", func(p any, s []byte) bool { return ecdsa.VerifyASN1(p.(*ecdsa.PublicKey), digest256[:], s) }},
		{"ECC_NIST_P521", "ECDSA_SHA_512", func(p any, s []byte) bool { return ecdsa.VerifyASN1(p.(*ecdsa.PublicKey), digest512[:], s) }},
		{"ECC_NIST_EDWARDS25519", "ED25519_SHA_512", func(p any, s []byte) bool { return ed25519.Verify(p.(ed25519.PublicKey), message, s) }},
		{"RSA_2048", "RSASSA_PSS_SHA_256", func(p any, s []byte) bool {
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return rsa.VerifyPSS(p.(*rsa.PublicKey), crypto.SHA256, digest256[:], s, options) == nil
		}},
	} {
		t.Run(c.spec, func(t *testing.T) {
			if s, _ := keyspec.Lookup(c.spec); !s.Built {
				t.Skip("not built")
			}
			id := w.key(c.spec, keyspec.SignVerify)
			var signed kmsapi.SignResponse
			w.do(0, "Sign", input("KeyId", id, "Message", message, "SigningAlgorithm", c.algorithm), &signed)
			public, err := x509.ParsePKIXPublicKey(w.publicKey(id))
			if err != nil {
				t.Fatal(err)
			}
			if !c.verify(public, signed.Signature) {
				t.Error("the signature does not verify outside")
			}
		})
	}
}

func TestDataKeyPairs(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	id := w.key(keyspec.SymmetricDefault, keyspec.EncryptDecrypt)
	for _, s := range keyspec.All() {
		spec := kmsapi.DataKeyPairSpec(s.Name)
		if s.Class != keyspec.Asymmetric || strings.HasPrefix(s.Name, "ML_DSA") {
			continue // not in the model
		}
		request := input("KeyId", id, "KeyPairSpec", spec, "EncryptionContext", map[string]string{"for": "test"})
		if !s.Built || !s.In(place.Partition) {
			w.refused(kmsapi.UnsupportedOperationException, "GenerateDataKeyPair", request)
			continue
		}
		if spec == "RSA_3072" || spec == "RSA_4096" {
			continue
		}
		var pair kmsapi.GenerateDataKeyPairResponse
		w.do(1, "GenerateDataKeyPair", request, &pair)
		var opened kmsapi.DecryptResponse
		w.do(2, "Decrypt", input("CiphertextBlob", pair.PrivateKeyCiphertextBlob, "EncryptionContext", map[string]string{"for": "test"}), &opened)
		if len(opened.Plaintext) == 0 || !bytes.Equal(opened.Plaintext, pair.PrivateKeyPlaintext) {
			t.Errorf("%s: the private half does not decrypt to itself", spec)
		}
		if public, err := builtinPublic(s.Name, pair.PrivateKeyPlaintext); err != nil || !bytes.Equal(public, pair.PublicKey) {
			t.Errorf("%s: the halves do not belong together: %v", spec, err)
		}
		var without kmsapi.GenerateDataKeyPairWithoutPlaintextResponse
		w.do(1, "GenerateDataKeyPairWithoutPlaintext", request, &without)
		w.do(2, "Decrypt", input("CiphertextBlob", without.PrivateKeyCiphertextBlob, "EncryptionContext", map[string]string{"for": "test"}), &opened)
		if public, err := builtinPublic(s.Name, opened.Plaintext); err != nil || !bytes.Equal(public, without.PublicKey) {
			t.Errorf("%s without plaintext: the halves do not belong together: %v", spec, err)
		}
		if *without.KeyMaterialId == "" || *without.KeyPairSpec != spec {
			t.Errorf("%+v", without)
		}
	}
	w.refused(kmsapi.DryRunOperationException, "GenerateDataKeyPair", input("KeyId", id, "KeyPairSpec", "RSA_4096", "DryRun", true))
	hmacKey := w.key("HMAC_256", keyspec.MAC)
	w.refused(kmsapi.InvalidKeyUsageException, "GenerateDataKeyPair", input("KeyId", hmacKey, "KeyPairSpec", "RSA_4096"))
}

func builtinPublic(spec string, pkcs8 []byte) ([]byte, error) {
	m, err := builtin.Set().Import(spec, pkcs8)
	if err != nil {
		return nil, err
	}
	return builtin.Set().PublicKey(spec, m)
}
