package sdktest

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// symmetricCryptography encrypts under every name that a key has, and re-encrypts.
func symmetricCryptography(t *testing.T, w *world) {
	ctx, c := t.Context(), w.east
	one, two := create(t, c, kms.CreateKeyInput{}), create(t, c, kms.CreateKeyInput{})
	alias := new("alias/symmetric")
	must[kms.CreateAliasOutput](t)(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: alias, TargetKeyId: one.Arn}))
	grant := must[kms.CreateGrantOutput](t)(c.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: one.KeyId, GranteePrincipal: new(alice), Operations: []types.GrantOperation{types.GrantOperationDecrypt},
	}))
	tokens := []string{*grant.GrantToken}
	context := map[string]string{"Purpose": "tests", "leer": ""}
	def := types.EncryptionAlgorithmSpecSymmetricDefault
	for _, name := range []*string{one.KeyId, one.Arn, alias, new("arn:aws:kms:us-east-1:" + account + ":alias/symmetric")} {
		sealed := must[kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{
			KeyId: name, Plaintext: []byte("hello"), EncryptionContext: context, EncryptionAlgorithm: def, GrantTokens: tokens,
		}))
		equal(t, "Encrypt's KeyId", *sealed.KeyId, *one.Arn)
		for _, by := range []*string{nil, name} {
			opened := must[kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{
				KeyId: by, CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context, GrantTokens: tokens,
			}))
			equal(t, "the plaintext", string(opened.Plaintext), "hello")
			equal(t, "Decrypt's KeyMaterialId", *opened.KeyMaterialId, *one.CurrentKeyMaterialId)
		}
		in := kms.ReEncryptInput{
			CiphertextBlob: sealed.CiphertextBlob, SourceKeyId: name, SourceEncryptionContext: context, SourceEncryptionAlgorithm: def,
			DestinationKeyId: two.KeyId, DestinationEncryptionContext: map[string]string{"now": "another"}, DestinationEncryptionAlgorithm: def, GrantTokens: tokens,
		}
		again := must[kms.ReEncryptOutput](t)(c.ReEncrypt(ctx, &in))
		equal(t, "SourceKeyId", *again.SourceKeyId, *one.Arn)
		equal(t, "KeyId", *again.KeyId, *two.Arn)
		equal(t, "SourceEncryptionAlgorithm", again.SourceEncryptionAlgorithm, def)
		equal(t, "DestinationEncryptionAlgorithm", again.DestinationEncryptionAlgorithm, def)
		equal(t, "SourceKeyMaterialId", *again.SourceKeyMaterialId, *one.CurrentKeyMaterialId)
		equal(t, "DestinationKeyMaterialId", *again.DestinationKeyMaterialId, *two.CurrentKeyMaterialId)
		opened := must[kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: again.CiphertextBlob, EncryptionContext: in.DestinationEncryptionContext}))
		equal(t, "the plaintext of the other", string(opened.Plaintext), "hello")
	}
	// Only the permission is asked for: no ciphertext is needed.
	ignore := []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}
	fails(t, c, "Decrypt", "DryRunOperation", &kms.DecryptInput{KeyId: one.KeyId, DryRun: new(true), DryRunModifiers: ignore})
	fails(t, c, "ReEncrypt", "DryRunOperation", &kms.ReEncryptInput{SourceKeyId: one.KeyId, DestinationKeyId: two.KeyId, DryRun: new(true), DryRunModifiers: ignore})
	fails(t, c, "Decrypt", "Validation", &kms.DecryptInput{DryRun: new(true), DryRunModifiers: ignore})

	managed := describe(t, c, new("alias/aws/s3"))
	equal(t, "an AWS managed key's KeyManager", managed.KeyManager, types.KeyManagerTypeAws)
	must[kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: new("alias/aws/s3"), Plaintext: []byte("x")}))
	w.cluster.Eventually("the last use is known", func() bool {
		u, err := c.GetKeyLastUsage(ctx, &kms.GetKeyLastUsageInput{KeyId: two.KeyId})
		return err == nil && u.KeyLastUsage.Operation == types.KeyLastUsageTrackingOperationDecrypt && u.KeyLastUsage.Timestamp != nil &&
			u.KeyCreationDate.Equal(*two.CreationDate) && u.TrackingStartDate != nil && *u.KeyId == *two.KeyId
	})
}

// dataKeys makes data keys of every size and data key pairs of every spec, and opens them again.
func dataKeys(t *testing.T, w *world) {
	ctx, c := t.Context(), w.east
	key := create(t, c, kms.CreateKeyInput{})
	context := map[string]string{"a": "b"}
	token := []string{*must[kms.CreateGrantOutput](t)(c.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: key.KeyId, GranteePrincipal: new(alice), Operations: []types.GrantOperation{types.GrantOperationGenerateDataKey},
	})).GrantToken}
	opens := func(blob []byte) []byte {
		t.Helper()
		out := must[kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context}))
		equal(t, "Decrypt's KeyMaterialId", *out.KeyMaterialId, *key.CurrentKeyMaterialId)
		return out.Plaintext
	}
	for _, size := range []struct {
		spec  types.DataKeySpec
		bytes *int32
		want  int
	}{{spec: types.DataKeySpecAes128, want: 16}, {spec: types.DataKeySpecAes256, want: 32}, {bytes: new(int32(1)), want: 1}, {bytes: new(int32(1024)), want: 1024}} {
		made := must[kms.GenerateDataKeyOutput](t)(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
			KeyId: key.KeyId, KeySpec: size.spec, NumberOfBytes: size.bytes, EncryptionContext: context, GrantTokens: token,
		}))
		equal(t, "length of the data key", len(made.Plaintext), size.want)
		equal(t, "the data key", string(opens(made.CiphertextBlob)), string(made.Plaintext))
		equal(t, "GenerateDataKey's KeyId", *made.KeyId, *key.Arn)
		equal(t, "GenerateDataKey's KeyMaterialId", *made.KeyMaterialId, *key.CurrentKeyMaterialId)
		bare := must[kms.GenerateDataKeyWithoutPlaintextOutput](t)(c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{
			KeyId: key.KeyId, KeySpec: size.spec, NumberOfBytes: size.bytes, EncryptionContext: context, GrantTokens: token,
		}))
		equal(t, "length of the other data key", len(opens(bare.CiphertextBlob)), size.want)
		equal(t, "KeyId", *bare.KeyId, *key.Arn)
		equal(t, "KeyMaterialId", *bare.KeyMaterialId, *key.CurrentKeyMaterialId)
	}
	for _, spec := range types.DataKeyPairSpec("").Values() {
		if spec == types.DataKeyPairSpecSm2 || strings.HasPrefix(string(spec), "ML_KEM_") {
			continue // keysOfChina has the one, the service model has not the others
		}
		pair := must[kms.GenerateDataKeyPairOutput](t)(c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{
			KeyId: key.KeyId, KeyPairSpec: spec, EncryptionContext: context, GrantTokens: token,
		}))
		equal(t, "the private key", string(opens(pair.PrivateKeyCiphertextBlob)), string(pair.PrivateKeyPlaintext))
		equal(t, "GenerateDataKeyPair's KeyId", *pair.KeyId, *key.Arn)
		equal(t, "GenerateDataKeyPair's KeyMaterialId", *pair.KeyMaterialId, *key.CurrentKeyMaterialId)
		equal(t, "KeyPairSpec", pair.KeyPairSpec, spec)
		if spec != types.DataKeyPairSpecEccSecgP256k1 { // which x509 does not know
			_, err := x509.ParsePKCS8PrivateKey(pair.PrivateKeyPlaintext)
			ok(t, err)
			_, err = x509.ParsePKIXPublicKey(pair.PublicKey)
			ok(t, err)
		}
		bare := must[kms.GenerateDataKeyPairWithoutPlaintextOutput](t)(c.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{
			KeyId: key.KeyId, KeyPairSpec: spec, EncryptionContext: context, GrantTokens: token,
		}))
		equal(t, "there is a private key", len(opens(bare.PrivateKeyCiphertextBlob)) > 0, true)
		equal(t, "KeyPairSpec", bare.KeyPairSpec, spec)
		equal(t, "KeyId", *bare.KeyId, *key.Arn)
		equal(t, "KeyMaterialId", *bare.KeyMaterialId, *key.CurrentKeyMaterialId)
		equal(t, "there is a public key", len(bare.PublicKey) > 0, true)
	}
}

// recipients has every operation that can answer an attested enclave do so: the answer has no plaintext, and the
// enclave reads what the caller cannot.
func recipients(t *testing.T, w *world) {
	ctx, c := t.Context(), w.east
	key, agreement := create(t, c, kms.CreateKeyInput{}), create(t, c, inputOf(agreement))
	read := func(sealed, plain []byte) string {
		t.Helper()
		if len(plain) > 0 {
			t.Error("the answer to a recipient has a plaintext")
		}
		opened, err := w.enclave.Open(sealed)
		ok(t, err)
		return string(opened)
	}
	blob := must[kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("for the enclave")})).CiphertextBlob
	opened := must[kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, Recipient: w.recipient()}))
	equal(t, "Decrypt's plaintext", read(opened.CiphertextForRecipient, opened.Plaintext), "for the enclave")
	equal(t, "Decrypt shows a material", opened.KeyMaterialId != nil, false)

	made := must[kms.GenerateDataKeyOutput](t)(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: types.DataKeySpecAes128, Recipient: w.recipient()}))
	equal(t, "length of the data key", len(read(made.CiphertextForRecipient, made.Plaintext)), 16)
	equal(t, "GenerateDataKey shows a material", made.KeyMaterialId != nil, false)

	pair := must[kms.GenerateDataKeyPairOutput](t)(c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{
		KeyId: key.KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256, Recipient: w.recipient(),
	}))
	_, err := x509.ParsePKCS8PrivateKey([]byte(read(pair.CiphertextForRecipient, pair.PrivateKeyPlaintext)))
	ok(t, err)

	derived := must[kms.DeriveSharedSecretOutput](t)(c.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{
		KeyId: agreement.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: peer("ECC_NIST_P256"), Recipient: w.recipient(),
	}))
	equal(t, "length of the shared secret", len(read(derived.CiphertextForRecipient, derived.SharedSecret)), 32)

	random := must[kms.GenerateRandomOutput](t)(c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: new(int32(100)), Recipient: w.recipient()}))
	equal(t, "length of the random bytes", len(read(random.CiphertextForRecipient, random.Plaintext)), 100)
	plain := must[kms.GenerateRandomOutput](t)(c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: new(int32(1024))}))
	equal(t, "length of the random bytes", len(plain.Plaintext), 1024)

	forged := w.recipient()
	forged.AttestationDocument = forged.AttestationDocument[:len(forged.AttestationDocument)-1]
	fails(t, c, "GenerateRandom", "Validation", &kms.GenerateRandomInput{NumberOfBytes: new(int32(1)), Recipient: forged})
}
