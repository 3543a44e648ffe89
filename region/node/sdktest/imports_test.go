package sdktest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/primitive/builtin"
	"meridian/keyengine/primitive/keywrap"
)

// wrap encrypts material as GetParametersForImport asks for.
func wrap(t *testing.T, spki []byte, algorithm types.AlgorithmSpec, material []byte) []byte {
	t.Helper()
	if algorithm == types.AlgorithmSpecSm2pke {
		public, err := smx509.ParsePKIXPublicKey(spki)
		ok(t, err)
		sealed, err := sm2.EncryptASN1(rand.Reader, public.(*ecdsa.PublicKey), material)
		ok(t, err)
		return sealed
	}
	public, err := x509.ParsePKIXPublicKey(spki)
	ok(t, err)
	var h hash.Hash = sha256.New()
	if strings.HasSuffix(string(algorithm), "SHA_1") {
		h = sha1.New()
	}
	var rest []byte
	if strings.HasPrefix(string(algorithm), "RSA_AES") {
		kek := make([]byte, 32)
		rand.Read(kek)
		rest, err = keywrap.Wrap(kek, material)
		ok(t, err)
		material = kek
	}
	sealed, err := rsa.EncryptOAEP(h, rand.Reader, public.(*rsa.PublicKey), material, nil)
	ok(t, err)
	return append(sealed, rest...)
}

// bring fills in what an import needs to bring material in a wrapping.
func bring(t *testing.T, c *kms.Client, in kms.ImportKeyMaterialInput, algorithm types.AlgorithmSpec, wrapper types.WrappingKeySpec, material []byte) *kms.ImportKeyMaterialInput {
	t.Helper()
	p := must[kms.GetParametersForImportOutput](t)(c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{KeyId: in.KeyId, WrappingAlgorithm: algorithm, WrappingKeySpec: wrapper}))
	equal(t, "hours that the parameters are valid", int(time.Until(*p.ParametersValidTo).Round(time.Hour).Hours()), 24)
	equal(t, "GetParametersForImport's KeyId", strings.HasSuffix(*p.KeyId, *in.KeyId), true)
	in.ImportToken, in.EncryptedKeyMaterial = p.ImportToken, wrap(t, p.PublicKey, algorithm, material)
	if in.ValidTo == nil {
		in.ExpirationModel = types.ExpirationModelTypeKeyMaterialDoesNotExpire
	}
	return &in
}

// direct is bring in the plainest wrapping.
func direct(t *testing.T, c *kms.Client, in kms.ImportKeyMaterialInput, material []byte) *kms.ImportKeyMaterialInput {
	t.Helper()
	return bring(t, c, in, types.AlgorithmSpecRsaesOaepSha256, types.WrappingKeySpecRsa2048, material)
}

// imports brings material in every wrapping, and leads one key through the life of its materials.
func imports(t *testing.T, w *world) {
	ctx, c := t.Context(), w.east
	for _, wrapper := range types.WrappingKeySpec("").Values() {
		for _, algorithm := range types.AlgorithmSpec("").Values() {
			client, works := c, wrapper != types.WrappingKeySpecSm2 && algorithm != types.AlgorithmSpecSm2pke
			if wrapper == types.WrappingKeySpecSm2 && algorithm == types.AlgorithmSpecSm2pke {
				client, works = w.china, true
			}
			key := create(t, client, kms.CreateKeyInput{Origin: types.OriginTypeExternal})
			if !works || algorithm == types.AlgorithmSpecRsaesPkcs1V15 {
				fails(t, client, "GetParametersForImport", "UnsupportedOperation", &kms.GetParametersForImportInput{KeyId: key.KeyId, WrappingAlgorithm: algorithm, WrappingKeySpec: wrapper})
				continue
			}
			must[kms.ImportKeyMaterialOutput](t)(client.ImportKeyMaterial(ctx, bring(t, client, kms.ImportKeyMaterialInput{KeyId: key.KeyId}, algorithm, wrapper, make([]byte, 32))))
			equal(t, "the state", describe(t, client, key.KeyId).KeyState, types.KeyStateEnabled)
		}
	}

	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	key := create(t, c, kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	equal(t, "the state", key.KeyState, types.KeyStatePendingImport)
	equal(t, "a material is shown", key.CurrentKeyMaterialId != nil || key.ExpirationModel != "", false)
	until := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	in := direct(t, c, kms.ImportKeyMaterialInput{KeyId: key.KeyId, ValidTo: &until, ExpirationModel: types.ExpirationModelTypeKeyMaterialExpires, KeyMaterialDescription: new("the first")}, one)
	brought := must[kms.ImportKeyMaterialOutput](t)(c.ImportKeyMaterial(ctx, in))
	equal(t, "ImportKeyMaterial's KeyId", *brought.KeyId, *key.Arn)
	m := describe(t, c, key.KeyId)
	equal(t, "CurrentKeyMaterialId", *m.CurrentKeyMaterialId, *brought.KeyMaterialId)
	equal(t, "ExpirationModel", m.ExpirationModel, types.ExpirationModelTypeKeyMaterialExpires)
	equal(t, "ValidTo", m.ValidTo.Equal(until), true)

	fails(t, c, "ImportKeyMaterial", "IncorrectKeyMaterial", direct(t, c, kms.ImportKeyMaterialInput{KeyId: key.KeyId}, two))
	broken := direct(t, c, kms.ImportKeyMaterialInput{KeyId: key.KeyId}, one)
	broken.EncryptedKeyMaterial[0] ^= 1
	fails(t, c, "ImportKeyMaterial", "InvalidCiphertext", broken)
	other := create(t, c, kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	foreign := direct(t, c, kms.ImportKeyMaterialInput{KeyId: other.KeyId}, one)
	foreign.KeyId = key.KeyId
	fails(t, c, "ImportKeyMaterial", "InvalidImportToken", foreign)

	again := must[kms.ImportKeyMaterialOutput](t)(c.ImportKeyMaterial(ctx, direct(t, c, kms.ImportKeyMaterialInput{KeyId: key.KeyId, ImportType: types.ImportTypeExistingKeyMaterial, KeyMaterialId: brought.KeyMaterialId}, one)))
	equal(t, "the same material's id", *again.KeyMaterialId, *brought.KeyMaterialId)
	equal(t, "ExpirationModel", describe(t, c, key.KeyId).ExpirationModel, types.ExpirationModelTypeKeyMaterialDoesNotExpire)
	second := must[kms.ImportKeyMaterialOutput](t)(c.ImportKeyMaterial(ctx, direct(t, c, kms.ImportKeyMaterialInput{
		KeyId: key.KeyId, ImportType: types.ImportTypeNewKeyMaterial, ValidTo: &until, ExpirationModel: types.ExpirationModelTypeKeyMaterialExpires,
	}, two)))
	list := must[kms.ListKeyRotationsOutput](t)(c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: key.KeyId, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial})).Rotations
	equal(t, "materials", len(list), 2)
	equal(t, "the description of the first", val(list[0].KeyMaterialDescription), "the first")
	equal(t, "ExpirationModel of the first", list[0].ExpirationModel, types.ExpirationModelTypeKeyMaterialDoesNotExpire)
	equal(t, "state of the second", list[1].KeyMaterialState, types.KeyMaterialStatePendingRotation)
	equal(t, "ImportState of the second", list[1].ImportState, types.ImportStateImported)
	equal(t, "ValidTo of the second", list[1].ValidTo.Equal(until), true)
	must[kms.RotateKeyOnDemandOutput](t)(c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: key.KeyId}))
	equal(t, "the material after the rotation", *describe(t, c, key.KeyId).CurrentKeyMaterialId, *second.KeyMaterialId)
	deleted := must[kms.DeleteImportedKeyMaterialOutput](t)(c.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId, KeyMaterialId: brought.KeyMaterialId}))
	equal(t, "DeleteImportedKeyMaterial's KeyId", *deleted.KeyId, *key.Arn)
	equal(t, "DeleteImportedKeyMaterial's KeyMaterialId", *deleted.KeyMaterialId, *brought.KeyMaterialId)
	equal(t, "the state", describe(t, c, key.KeyId).KeyState, types.KeyStatePendingImport)
	fails(t, c, "DeleteImportedKeyMaterial", "NotFound", &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId, KeyMaterialId: new(strings.Repeat("0", 64))})
}

// importOfEverySpec brings material of every spec that takes some, and uses it.
func importOfEverySpec(t *testing.T, w *world) {
	set := builtin.Set()
	for _, s := range keyspec.All() {
		if !s.Importable {
			continue
		}
		client := w.east
		if !s.In("aws") {
			client = w.china
		}
		made, err := w.keys.Generate(t.Context(), s.Name)
		ok(t, err)
		material := made.Bytes()
		u := s.Usages[0]
		key := create(t, client, kms.CreateKeyInput{KeySpec: types.KeySpec(s.Name), KeyUsage: types.KeyUsageType(u.Name), Origin: types.OriginTypeExternal})
		in := bring(t, client, kms.ImportKeyMaterialInput{KeyId: key.KeyId}, types.AlgorithmSpecRsaAesKeyWrapSha256, types.WrappingKeySpecRsa2048, material)
		brought := must[kms.ImportKeyMaterialOutput](t)(client.ImportKeyMaterial(t.Context(), in))
		equal(t, "a KeyMaterialId of "+s.Name, brought.KeyMaterialId != nil, s.Rotates)
		m := describe(t, client, key.KeyId)
		equal(t, "the state of "+s.Name, m.KeyState, types.KeyStateEnabled)
		equal(t, "the Origin of "+s.Name, m.Origin, types.OriginTypeExternal)
		if s.Class == keyspec.Asymmetric {
			m, err := set.Import(s.Name, material)
			ok(t, err)
			want, err := set.PublicKey(s.Name, m)
			ok(t, err)
			half := must[kms.GetPublicKeyOutput](t)(client.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId}))
			equal(t, "the public key of "+s.Name, string(half.PublicKey), string(want))
		}
	}
}
