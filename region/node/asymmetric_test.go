package node_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/region/node/nodetest"
)

// replicated makes a key with a replica in eu-west-1.
func replicated(c *nodetest.Cluster, spec types.KeySpec, usage types.KeyUsageType) *string {
	c.T.Helper()
	ctx := c.T.Context()
	east, west := c.Client("us-east-1/1"), c.Client("eu-west-1/1")
	created, err := east.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage, MultiRegion: new(true)})
	if err != nil {
		c.T.Fatal(err)
	}
	id := created.KeyMetadata.KeyId
	if _, err := east.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: new("eu-west-1")}); err != nil {
		c.T.Fatal(err)
	}
	c.Eventually("the replica is enabled", func() bool {
		d, err := west.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		return err == nil && d.KeyMetadata.KeyState == types.KeyStateEnabled
	})
	return id
}

func TestKeysOfAllKindsWorkInEveryRegion(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1", "eu-west-1")
	c.Ready()
	ctx := t.Context()
	east, west := c.Client("us-east-1/1"), c.Client("eu-west-1/1")
	message := []byte("signed in one Region, verified in another")

	signs := replicated(c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	signed, err := east.Sign(ctx, &kms.SignInput{KeyId: signs, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	if err != nil {
		t.Fatal(err)
	}
	verify := &kms.VerifyInput{
		KeyId: signs, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, Signature: signed.Signature,
	}
	if verified, err := west.Verify(ctx, verify); err != nil || !verified.SignatureValid {
		t.Errorf("Verify in the other Region: %+v, %v", verified, err)
	}
	verify.Message = []byte("something else")
	var invalid *types.KMSInvalidSignatureException
	if _, err := west.Verify(ctx, verify); !errors.As(err, &invalid) {
		t.Errorf("Verify of another message: %v", err)
	}

	macs := replicated(c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	mac, err := west.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: macs, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	if err != nil {
		t.Fatal(err)
	}
	if verified, err := east.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: macs, Message: message, Mac: mac.Mac, MacAlgorithm: mac.MacAlgorithm}); err != nil || !verified.MacValid {
		t.Errorf("VerifyMac in the other Region: %+v, %v", verified, err)
	}

	// Whoever has the public key encrypts; any Region decrypts.
	encrypts := replicated(c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	half, err := east.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: encrypts})
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(half.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), message, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range []*kms.Client{east, west} {
		opened, err := client.Decrypt(ctx, &kms.DecryptInput{
			KeyId: encrypts, CiphertextBlob: sealed, EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256,
		})
		if err != nil || string(opened.Plaintext) != string(message) {
			t.Errorf("Decrypt of a ciphertext from outside: %v, %v", opened, err)
		}
	}
}
