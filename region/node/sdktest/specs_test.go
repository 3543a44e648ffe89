package sdktest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/primitive/builtin"
)

// peer returns somebody's public key of a spec, as SPKI.
func peer(spec string) []byte {
	set := builtin.Set()
	m, err := set.Generate(spec, rand.Reader)
	if err != nil {
		panic(err)
	}
	defer m.Destroy()
	spki, err := set.PublicKey(spec, m)
	if err != nil {
		panic(err)
	}
	return spki
}

// keysOfEverySpec makes a key of every spec and usage and does with it all that it is for.
func keysOfEverySpec(t *testing.T, w *world) {
	for _, s := range keyspec.All() {
		if s.In("aws") {
			keysOfSpec(t, w.east, s, "arn:aws:kms:us-east-1:", s.MultiRegion)
		}
	}
}

// keysOfChina does so with the specs that only Regions in China have.
func keysOfChina(t *testing.T, w *world) {
	for _, s := range keyspec.All() {
		if !s.In("aws") {
			keysOfSpec(t, w.china, s, "arn:aws-cn:kms:cn-north-1:", false)
		}
	}
	pair := must[kms.GenerateDataKeyPairOutput](t)(w.china.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{
		KeyId: create(t, w.china, kms.CreateKeyInput{}).KeyId, KeyPairSpec: types.DataKeyPairSpecSm2,
	}))
	if len(pair.PublicKey) == 0 || len(pair.PrivateKeyPlaintext) == 0 {
		t.Errorf("a data key pair of spec SM2 is %+v", pair)
	}
}

func keysOfSpec(t *testing.T, client *kms.Client, s keyspec.Spec, arn string, multi bool) {
	for i, u := range s.Usages {
		t.Run(s.Name+" "+u.Name, func(t *testing.T) {
			in := kms.CreateKeyInput{
				KeySpec: types.KeySpec(s.Name), KeyUsage: types.KeyUsageType(u.Name), MultiRegion: new(multi && i == 0), Description: new(t.Name()),
			}
			if old := types.CustomerMasterKeySpec(s.Name); slices.Contains(old.Values(), old) { // the name of former days
				//lint:ignore SA1019 callers still use the name of former days
				in.KeySpec, in.CustomerMasterKeySpec = "", old
			}
			m := create(t, client, in)
			if s.Usages[0].Name == u.Name { // the new name does as well
				create(t, client, kms.CreateKeyInput{KeySpec: types.KeySpec(s.Name), KeyUsage: types.KeyUsageType(u.Name)})
			}
			checkMetadata(t, m, s, u)
			equal(t, "Arn", *m.Arn, arn+account+":key/"+*m.KeyId)
			use(t, client, m, s, u)
		})
	}
}

// checkMetadata holds a new key's metadata against the table of key specs.
func checkMetadata(t *testing.T, m *types.KeyMetadata, s keyspec.Spec, u keyspec.Usage) {
	t.Helper()
	equal(t, "KeySpec", m.KeySpec, types.KeySpec(s.Name))
	//lint:ignore SA1019 it is answered all the same
	equal(t, "CustomerMasterKeySpec", m.CustomerMasterKeySpec, types.CustomerMasterKeySpec(s.Name))
	equal(t, "KeyUsage", m.KeyUsage, types.KeyUsageType(u.Name))
	equal(t, "KeyState", m.KeyState, types.KeyStateEnabled)
	equal(t, "Enabled", m.Enabled, true)
	equal(t, "KeyManager", m.KeyManager, types.KeyManagerTypeCustomer)
	equal(t, "Origin", m.Origin, types.OriginTypeAwsKms)
	equal(t, "AWSAccountId", *m.AWSAccountId, account)
	equal(t, "Description", *m.Description, t.Name())
	equal(t, "algorithms", fmt.Sprint(algorithmsOf(m)), fmt.Sprint(u.Names()))
	equal(t, "MultiRegionConfiguration", m.MultiRegionConfiguration != nil, *m.MultiRegion)
	equal(t, "CurrentKeyMaterialId", m.CurrentKeyMaterialId != nil, s.Rotates)
	if m.CreationDate == nil || m.DeletionDate != nil || m.ValidTo != nil || m.ExpirationModel != "" || m.PendingDeletionWindowInDays != nil ||
		m.CustomKeyStoreId != nil || m.CloudHsmClusterId != nil || m.XksKeyConfiguration != nil {
		t.Errorf("metadata has too little or too much: %+v", m)
	}
}

// algorithmsOf are the algorithms of a key, of whatever usage. Only one of the lists may be there.
func algorithmsOf(m *types.KeyMetadata) (names []string) {
	for _, a := range m.EncryptionAlgorithms {
		names = append(names, string(a))
	}
	for _, a := range m.SigningAlgorithms {
		names = append(names, string(a))
	}
	for _, a := range m.MacAlgorithms {
		names = append(names, string(a))
	}
	for _, a := range m.KeyAgreementAlgorithms {
		names = append(names, string(a))
	}
	return names
}

// use does with a key what its usage is, with each of its algorithms.
func use(t *testing.T, client *kms.Client, m *types.KeyMetadata, s keyspec.Spec, u keyspec.Usage) {
	t.Helper()
	if s.Class == keyspec.Asymmetric {
		half := must[kms.GetPublicKeyOutput](t)(client.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: m.KeyId}))
		names := algorithmsOf(&types.KeyMetadata{
			EncryptionAlgorithms: half.EncryptionAlgorithms, SigningAlgorithms: half.SigningAlgorithms, KeyAgreementAlgorithms: half.KeyAgreementAlgorithms,
		})
		equal(t, "GetPublicKey's algorithms", fmt.Sprint(names), fmt.Sprint(u.Names()))
		equal(t, "GetPublicKey's KeyId", *half.KeyId, *m.Arn)
		equal(t, "GetPublicKey's KeySpec", half.KeySpec, m.KeySpec)
		//lint:ignore SA1019 it is answered all the same
		equal(t, "GetPublicKey's CustomerMasterKeySpec", string(half.CustomerMasterKeySpec), s.Name)
		equal(t, "GetPublicKey's KeyUsage", half.KeyUsage, m.KeyUsage)
		equal(t, "a public key is there", len(half.PublicKey) > 0, true)
	}
	for _, a := range u.Algorithms {
		switch u.Name {
		case keyspec.EncryptDecrypt:
			encrypts(t, client, m, a)
		case keyspec.SignVerify:
			signs(t, client, m, a)
		case keyspec.MAC:
			authenticates(t, client, m, a)
		case keyspec.KeyAgreement:
			agrees(t, client, m, s.Name)
		}
	}
}

func encrypts(t *testing.T, client *kms.Client, m *types.KeyMetadata, a keyspec.Algorithm) {
	t.Helper()
	algorithm, ctx := types.EncryptionAlgorithmSpec(a.Name), t.Context()
	longest := make([]byte, a.MaxBytes)
	sealed := must[kms.EncryptOutput](t)(client.Encrypt(ctx, &kms.EncryptInput{KeyId: m.KeyId, Plaintext: longest, EncryptionAlgorithm: algorithm}))
	equal(t, "Encrypt's KeyId", *sealed.KeyId, *m.Arn)
	equal(t, "Encrypt's algorithm", sealed.EncryptionAlgorithm, algorithm)
	opened := must[kms.DecryptOutput](t)(client.Decrypt(ctx, &kms.DecryptInput{KeyId: m.KeyId, CiphertextBlob: sealed.CiphertextBlob, EncryptionAlgorithm: algorithm}))
	equal(t, "the plaintext", string(opened.Plaintext), string(longest))
	equal(t, "Decrypt's KeyId", *opened.KeyId, *m.Arn)
	equal(t, "Decrypt's algorithm", opened.EncryptionAlgorithm, algorithm)
	equal(t, "Decrypt's KeyMaterialId", val(opened.KeyMaterialId), val(m.CurrentKeyMaterialId))
	if a.MaxBytes < 4096 {
		fails(t, client, "Encrypt", "Validation", &kms.EncryptInput{KeyId: m.KeyId, Plaintext: make([]byte, a.MaxBytes+1), EncryptionAlgorithm: algorithm})
		fails(t, client, "Encrypt", "Validation", &kms.EncryptInput{
			KeyId: m.KeyId, Plaintext: []byte("x"), EncryptionAlgorithm: algorithm, EncryptionContext: map[string]string{"a": "b"},
		})
	}
}

func signs(t *testing.T, client *kms.Client, m *types.KeyMetadata, a keyspec.Algorithm) {
	t.Helper()
	algorithm, ctx := types.SigningAlgorithmSpec(a.Name), t.Context()
	for kind, size := range map[types.MessageType]int{types.MessageTypeRaw: a.MaxBytes, types.MessageTypeDigest: a.DigestBytes, types.MessageTypeExternalMu: a.MuBytes} {
		message := make([]byte, max(size, 32))
		in := &kms.SignInput{KeyId: m.KeyId, Message: message, MessageType: kind, SigningAlgorithm: algorithm}
		if size == 0 {
			fails(t, client, "Sign", "Validation", in)
			continue
		}
		signed := must[kms.SignOutput](t)(client.Sign(ctx, in))
		equal(t, "Sign's KeyId", *signed.KeyId, *m.Arn)
		equal(t, "Sign's algorithm", signed.SigningAlgorithm, algorithm)
		verify := &kms.VerifyInput{KeyId: m.Arn, Message: message, MessageType: kind, Signature: signed.Signature, SigningAlgorithm: algorithm}
		verified := must[kms.VerifyOutput](t)(client.Verify(ctx, verify))
		equal(t, "SignatureValid", verified.SignatureValid, true)
		equal(t, "Verify's KeyId", *verified.KeyId, *m.Arn)
		equal(t, "Verify's algorithm", verified.SigningAlgorithm, algorithm)
		verify.DryRun = new(true)
		fails(t, client, "Verify", "DryRunOperation", verify)
		verify.Message = slices.Clone(message)
		verify.Message[0] ^= 1
		fails(t, client, "Verify", "KMSInvalidSignature", verify)
	}
}

func authenticates(t *testing.T, client *kms.Client, m *types.KeyMetadata, a keyspec.Algorithm) {
	t.Helper()
	algorithm, ctx, message := types.MacAlgorithmSpec(a.Name), t.Context(), make([]byte, a.MaxBytes)
	mac := must[kms.GenerateMacOutput](t)(client.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: m.KeyId, Message: message, MacAlgorithm: algorithm}))
	equal(t, "GenerateMac's KeyId", *mac.KeyId, *m.Arn)
	equal(t, "GenerateMac's algorithm", mac.MacAlgorithm, algorithm)
	verify := &kms.VerifyMacInput{KeyId: m.KeyId, Message: message, Mac: mac.Mac, MacAlgorithm: algorithm}
	verified := must[kms.VerifyMacOutput](t)(client.VerifyMac(ctx, verify))
	equal(t, "MacValid", verified.MacValid, true)
	equal(t, "VerifyMac's KeyId", *verified.KeyId, *m.Arn)
	equal(t, "VerifyMac's algorithm", verified.MacAlgorithm, algorithm)
	verify.DryRun = new(true)
	fails(t, client, "VerifyMac", "DryRunOperation", verify)
	verify.Mac = mac.Mac[1:]
	fails(t, client, "VerifyMac", "KMSInvalidMac", verify)
}

// agrees has two keys of the service derive the same secret from each other's public half.
func agrees(t *testing.T, client *kms.Client, m *types.KeyMetadata, spec string) {
	t.Helper()
	ctx, ecdh := t.Context(), types.KeyAgreementAlgorithmSpecEcdh
	other := create(t, client, kms.CreateKeyInput{KeySpec: m.KeySpec, KeyUsage: m.KeyUsage})
	secret := func(one, two *types.KeyMetadata) *kms.DeriveSharedSecretOutput {
		half := must[kms.GetPublicKeyOutput](t)(client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: two.KeyId}))
		return must[kms.DeriveSharedSecretOutput](t)(client.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{KeyId: one.KeyId, KeyAgreementAlgorithm: ecdh, PublicKey: half.PublicKey}))
	}
	here, there := secret(m, other), secret(other, m)
	equal(t, "the shared secret", string(here.SharedSecret), string(there.SharedSecret))
	equal(t, "DeriveSharedSecret's KeyId", *here.KeyId, *m.Arn)
	equal(t, "DeriveSharedSecret's KeyOrigin", here.KeyOrigin, types.OriginTypeAwsKms)
	equal(t, "DeriveSharedSecret's algorithm", here.KeyAgreementAlgorithm, ecdh)
	strange := "ECC_NIST_P256"
	if spec == strange {
		strange = "ECC_NIST_P384"
	}
	fails(t, client, "DeriveSharedSecret", "Validation", &kms.DeriveSharedSecretInput{KeyId: m.KeyId, KeyAgreementAlgorithm: ecdh, PublicKey: peer(strange)})
}
