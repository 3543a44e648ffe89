package node_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"meridian/region/node"
	"meridian/region/node/nodetest"
	"meridian/region/throttle"
)

// TestThrottledCalls has quotas so small that time gives nothing back. Keys are made through every node and are counted
// once, at the leader; reads are counted by each node, a third of the quota each.
func TestThrottledCalls(t *testing.T) {
	c := nodetest.NewWith(t, func(config *node.Config) {
		config.Throttle = throttle.Profile{"CreateKey": 4, "CreateAlias": 1e-9, "ListKeys": 1e-9}
	}, 3, "us-east-1")
	c.Ready()
	names := []string{"us-east-1/1", "us-east-1/2", "us-east-1/3"}
	once := func(o *kms.Options) { o.Retryer = aws.NopRetryer{} }
	throttled := func(err error) bool {
		var fault smithy.APIError
		if err != nil && (!errors.As(err, &fault) || fault.ErrorCode() != "ThrottlingException") {
			t.Fatalf("another error: %v", err)
		}
		return err != nil
	}
	key, err := c.Client(names[0]).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	made, listed := 0, 0
	for i := range 9 {
		name := names[i%3]
		alias := &kms.CreateAliasInput{AliasName: aws.String("alias/" + string(rune('a'+i))), TargetKeyId: key.KeyMetadata.KeyId}
		if _, err := c.Client(name).CreateAlias(t.Context(), alias, once); !throttled(err) {
			made++
		}
		if _, err := c.Client(name).ListKeys(t.Context(), &kms.ListKeysInput{}, once); !throttled(err) {
			listed++
		}
	}
	if made != 1 || listed != 3 {
		t.Errorf("%d aliases were made, want 1 in the Region; %d lists were answered, want 1 by each node", made, listed)
	}
	// The SDK's own retries get there when the rate comes back.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 5 {
		if _, err := c.Client(names[1]).CreateKey(ctx, &kms.CreateKeyInput{}, func(o *kms.Options) { o.RetryMaxAttempts = 10 }); err != nil {
			t.Fatalf("an SDK that tries again: %v", err)
		}
	}
}
