package region_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"hash"
	"sync"
	"sync/atomic"
	"testing"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// What somebody encrypts outside with the public key decrypts inside, and moves under another key.
func TestCiphertextsFromOutside(t *testing.T) {
	if s, _ := keyspec.Lookup("RSA_2048"); !s.Built {
		t.Skip("RSA is not built")
	}
	w := newWorld(t)
	w.lead(0)
	bare, blob := w.key("RSA_2048", keyspec.EncryptDecrypt), w.key(keyspec.SymmetricDefault, keyspec.EncryptDecrypt)
	w.settle()
	public, err := x509.ParsePKIXPublicKey(w.publicKey(bare))
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, h := range map[string]hash.Hash{"RSAES_OAEP_SHA_1": sha1.New(), "RSAES_OAEP_SHA_256": sha256.New()} {
		sealed, err := rsa.EncryptOAEP(h, rand.Reader, public.(*rsa.PublicKey), []byte("from outside"), nil)
		if err != nil {
			t.Fatal(err)
		}
		var opened kmsapi.DecryptResponse
		w.do(1, "Decrypt", input("KeyId", bare, "CiphertextBlob", sealed, "EncryptionAlgorithm", algorithm), &opened)
		if string(opened.Plaintext) != "from outside" {
			t.Errorf("%s: %q", algorithm, opened.Plaintext)
		}
		var moved kmsapi.ReEncryptResponse
		w.do(1, "ReEncrypt", input("SourceKeyId", bare, "SourceEncryptionAlgorithm", algorithm, "CiphertextBlob", sealed,
			"DestinationKeyId", blob, "DestinationEncryptionContext", map[string]string{"a": "b"}), &moved)
		if moved.SourceKeyMaterialId != nil || moved.DestinationKeyMaterialId == nil || *moved.SourceEncryptionAlgorithm != kmsapi.EncryptionAlgorithmSpec(algorithm) {
			t.Errorf("%s: %+v", algorithm, moved)
		}
		w.do(2, "Decrypt", input("CiphertextBlob", moved.CiphertextBlob, "EncryptionContext", map[string]string{"a": "b"}), &opened)
		if string(opened.Plaintext) != "from outside" {
			t.Errorf("%s, moved: %q", algorithm, opened.Plaintext)
		}
		w.do(0, "ReEncrypt", input("CiphertextBlob", moved.CiphertextBlob, "SourceEncryptionContext", map[string]string{"a": "b"},
			"DestinationKeyId", bare, "DestinationEncryptionAlgorithm", algorithm), &moved)
		w.do(1, "Decrypt", input("KeyId", bare, "CiphertextBlob", moved.CiphertextBlob, "EncryptionAlgorithm", algorithm), &opened)
		if string(opened.Plaintext) != "from outside" {
			t.Errorf("%s, moved back: %q", algorithm, opened.Plaintext)
		}

		// The caller has to say key and algorithm: the ciphertext does not.
		w.refused(kmsapi.InvalidCiphertextException, "Decrypt", input("CiphertextBlob", sealed, "EncryptionAlgorithm", algorithm))
		w.refused(kmsapi.InvalidKeyUsageException, "Decrypt", input("KeyId", bare, "CiphertextBlob", sealed))
		w.refused(kmsapi.InvalidKeyUsageException, "Decrypt", input("KeyId", blob, "CiphertextBlob", sealed, "EncryptionAlgorithm", algorithm))
		w.refused(kmsapi.InvalidCiphertextException, "Decrypt", input("KeyId", blob, "CiphertextBlob", sealed))
		w.refused(kmsapi.ValidationException, "Decrypt", input("KeyId", bare, "CiphertextBlob", sealed, "EncryptionAlgorithm", algorithm, "EncryptionContext", map[string]string{"a": "b"}))
		w.refused(kmsapi.DryRunOperationException, "Decrypt", input("KeyId", bare, "CiphertextBlob", sealed, "EncryptionAlgorithm", algorithm, "DryRun", true))
		w.refused(kmsapi.DryRunOperationException, "Decrypt", input("KeyId", bare, "EncryptionAlgorithm", algorithm, "DryRun", true, "DryRunModifiers", []string{"IGNORE_CIPHERTEXT"}))
	}
	var sealed kmsapi.EncryptResponse
	w.do(0, "Encrypt", input("KeyId", blob, "Plaintext", make([]byte, 300)), &sealed)
	w.refused(kmsapi.ValidationException, "ReEncrypt", input("CiphertextBlob", sealed.CiphertextBlob, "DestinationKeyId", bare, "DestinationEncryptionAlgorithm", "RSAES_OAEP_SHA_1"))
	// A blob that names a symmetric key is not the asymmetric key's.
	w.refused(kmsapi.InvalidCiphertextException, "Decrypt", input("KeyId", bare, "CiphertextBlob", sealed.CiphertextBlob, "EncryptionAlgorithm", "RSAES_OAEP_SHA_1"))
}

// What is kept ready of a key goes with every change of the key, and calls that run meanwhile get on.
func TestUseWhileTheKeyChanges(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	id := w.key("HMAC_256", keyspec.MAC)
	w.settle()
	var users sync.WaitGroup
	stop := make(chan struct{})
	var done atomic.Int64
	for i := range 3 {
		users.Go(func() {
			var first string
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				out, _, err := w.call(i, "GenerateMac", "", input("KeyId", id, "Message", []byte("m"), "MacAlgorithm", "HMAC_SHA_256"))
				switch {
				case code(err) == kmsapi.DisabledException, code(err) == kmsapi.KMSInternalException: // or nobody confirms it in time
				case err != nil:
					t.Errorf("node %d: %v", i+1, err)
					return
				default:
					mac := string(out.(*kmsapi.GenerateMacResponse).Mac)
					if first == "" {
						first = mac
					}
					if mac != first {
						t.Errorf("node %d: another code for the same message", i+1)
						return
					}
					done.Add(1)
				}
			}
		})
	}
	for range 25 {
		w.do(0, "DisableKey", input("KeyId", id), nil)
		w.do(0, "EnableKey", input("KeyId", id), nil)
	}
	close(stop)
	users.Wait()
	if done.Load() < 25 {
		t.Errorf("only %d codes were made: the test shows little", done.Load())
	}
}
