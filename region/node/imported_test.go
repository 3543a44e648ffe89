package node_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/region/node/nodetest"
)

// bring imports material into a Region's member as a caller of AWS's SDK does.
func bring(t *testing.T, client *kms.Client, in kms.ImportKeyMaterialInput, material []byte) error {
	t.Helper()
	p, err := client.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{
		KeyId: in.KeyId, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048,
	})
	if err != nil {
		return err
	}
	public, err := x509.ParsePKIXPublicKey(p.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	in.ImportToken = p.ImportToken
	if in.EncryptedKeyMaterial, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), material, nil); err != nil {
		t.Fatal(err)
	}
	if in.ValidTo == nil {
		in.ExpirationModel = types.ExpirationModelTypeKeyMaterialDoesNotExpire
	}
	_, err = client.ImportKeyMaterial(t.Context(), &in)
	return err
}

// A multi-Region key's imported material: each Region gets it from its own callers, a rotation waits for
// all of them, and what expires in one Region is missed there alone.
func TestImportedMaterialInTwoRegions(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1", "eu-west-1")
	c.Ready()
	ctx := t.Context()
	east, west := c.Client("us-east-1/1"), c.Client("eu-west-1/1")
	created, err := east.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: new(true), Origin: types.OriginTypeExternal})
	if err != nil {
		t.Fatal(err)
	}
	id := created.KeyMetadata.KeyId
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(client *kms.Client, want types.KeyState) func() bool {
		return func() bool {
			d, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
			return err == nil && d.KeyMetadata.KeyState == want
		}
	}
	states := func(client *kms.Client) (states []types.KeyMaterialState) {
		l, err := client.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: id, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial})
		must(err)
		for _, r := range l.Rotations {
			states = append(states, r.KeyMaterialState)
		}
		return states
	}
	second := func(want types.KeyMaterialState) func() bool {
		return func() bool { s := states(east); return len(s) == 2 && s[1] == want }
	}
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)

	must(bring(t, east, kms.ImportKeyMaterialInput{KeyId: id}, one))
	_, err = east.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: new("eu-west-1")})
	must(err)
	c.Eventually("the replica waits for its import", is(west, types.KeyStatePendingImport))
	var incorrect *types.IncorrectKeyMaterialException
	if err := bring(t, west, kms.ImportKeyMaterialInput{KeyId: id}, two); !errors.As(err, &incorrect) {
		t.Errorf("other bytes at the replica: %v", err)
	}
	soon := time.Now().Add(48 * time.Hour)
	must(bring(t, west, kms.ImportKeyMaterialInput{KeyId: id, ValidTo: &soon}, one))
	sealed, err := east.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("hello")})
	must(err)
	opened, err := west.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	must(err)
	if string(opened.Plaintext) != "hello" {
		t.Errorf("the other Region opens %q", opened.Plaintext)
	}

	must(bring(t, east, kms.ImportKeyMaterialInput{KeyId: id, ImportType: types.ImportTypeNewKeyMaterial}, two))
	c.Eventually("the material waits for the replica", second(types.KeyMaterialStatePendingMultiRegionImportAndRotation))
	c.Eventually("the replica takes the second material", func() bool { return bring(t, west, kms.ImportKeyMaterialInput{KeyId: id}, two) == nil })
	c.Eventually("the material waits for its rotation", second(types.KeyMaterialStatePendingRotation))
	_, err = east.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: id})
	must(err)
	c.Eventually("the replica knows of the rotation", func() bool {
		s := states(west)
		return len(s) == 2 && s[0] == types.KeyMaterialStateNonCurrent && s[1] == types.KeyMaterialStateCurrent
	})

	advance(c, 3, "eu-west-1/1")
	if !is(west, types.KeyStatePendingImport)() || !is(east, types.KeyStateEnabled)() {
		t.Error("what expires in one Region is missed there alone")
	}
	must(bring(t, west, kms.ImportKeyMaterialInput{KeyId: id}, one))
	opened, err = west.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	must(err)
	if string(opened.Plaintext) != "hello" {
		t.Errorf("after the second import it opens %q", opened.Plaintext)
	}
}
