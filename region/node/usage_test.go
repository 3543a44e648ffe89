package node_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/region/node/nodetest"
)

// What one node has seen of a key's use, every node soon knows.
func TestUsesAreKnownOnEveryNode(t *testing.T) {
	c := nodetest.New(t, 3, "us-east-1")
	c.Ready()
	ctx := t.Context()
	names := []string{"us-east-1/1", "us-east-1/2", "us-east-1/3"}
	created, err := c.Client(names[0]).CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := created.KeyMetadata.KeyId
	last := func(name string) *kms.GetKeyLastUsageOutput {
		out, err := c.Client(name).GetKeyLastUsage(ctx, &kms.GetKeyLastUsageInput{KeyId: id})
		if err != nil {
			t.Fatalf("GetKeyLastUsage at %s: %v", name, err)
		}
		return out
	}
	if u := last(names[0]).KeyLastUsage; u == nil || u.Operation != "" || u.Timestamp != nil {
		t.Errorf("of a key that was never used: %+v", u)
	}
	operations := []types.KeyLastUsageTrackingOperation{
		types.KeyLastUsageTrackingOperationEncrypt, types.KeyLastUsageTrackingOperationDecrypt, types.KeyLastUsageTrackingOperationGenerateDataKey,
	}
	var blob []byte
	for i, name := range names { // one of them leads, the others report to it
		switch client := c.Client(name); i {
		case 0:
			var out *kms.EncryptOutput
			if out, err = client.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")}); err == nil {
				blob = out.CiphertextBlob
			}
		case 1:
			_, err = client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
		case 2:
			_, err = client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256})
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.Eventually("every node knows of the use at "+name, func() bool {
			for _, other := range names {
				if u := last(other).KeyLastUsage; u.Operation != operations[i] || u.KmsRequestId == nil || u.CloudTrailEventId == nil {
					return false
				}
			}
			return true
		})
	}
}
