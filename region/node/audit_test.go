package node_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/aws/smithy-go/middleware"

	"meridian/region/audit"
	"meridian/region/node/nodetest"
)

// TestACallIsRecordedOnce calls each node: what changes state is sent on by two of the three, and recorded by the one
// that was called.
func TestACallIsRecordedOnce(t *testing.T) {
	c := nodetest.New(t, 3, "us-east-1")
	c.Ready()
	names := []string{"us-east-1/1", "us-east-1/2", "us-east-1/3"}
	want := map[string]string{} // request id: node and operation
	for _, name := range names {
		client := c.Client(name)
		key, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		want[requestID(t, key.ResultMetadata)] = name + " CreateKey " + *key.KeyMetadata.Arn
		encrypted, err := client.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("secret")})
		if err != nil {
			t.Fatal(err)
		}
		want[requestID(t, encrypted.ResultMetadata)] = name + " Encrypt " + *key.KeyMetadata.Arn
		disabled, err := client.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId})
		if err != nil {
			t.Fatal(err)
		}
		want[requestID(t, disabled.ResultMetadata)] = name + " DisableKey " + *key.KeyMetadata.Arn
		if _, err := client.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String("alias/nothing"), Plaintext: []byte("secret")}); err == nil {
			t.Fatal("an alias that is not there works")
		}
	}
	for _, name := range names {
		c.Stop(name) // writes what waits
	}
	refused := 0
	for _, name := range names {
		r := audit.NewReader(c.Dir.Node(name).Audit())
		err := r.Read(func(record *audit.Record) error {
			e := &record.Event
			if e.ErrorCode == "NotFoundException" {
				refused++
				return nil
			}
			arn := ""
			if len(e.Resources) == 1 {
				arn = e.Resources[0].ARN
			}
			if got := name + " " + e.Name + " " + arn; want[e.RequestID] != got || e.Meridian.Node != name {
				t.Errorf("recorded %s by %s, want %s: %s", got, e.Meridian.Node, want[e.RequestID], record.Line)
			}
			delete(want, e.RequestID)
			return nil
		})
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(want) > 0 || refused != len(names) {
		t.Errorf("not recorded: %v; %d refusals, want %d", want, refused, len(names))
	}
}

func requestID(t *testing.T, m middleware.Metadata) string {
	t.Helper()
	id, ok := awsmiddleware.GetRequestIDMetadata(m)
	if !ok {
		t.Fatal("an answer without a request id")
	}
	return id
}

// TestBothRegionsRecordWhatConcernsBoth replicates a key and moves its primary: the Region that was not called records
// its side, once for each of its nodes and under one id.
func TestBothRegionsRecordWhatConcernsBoth(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1", "eu-west-1")
	c.Ready()
	c.Leveled()
	east := c.Client("us-east-1/1")
	key, err := east.CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := east.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyMetadata.KeyId, ReplicaRegion: aws.String("eu-west-1")}); err != nil {
		t.Fatal(err)
	}
	c.Eventually("the replica is there", func() bool {
		out, err := c.Client("eu-west-1/1").DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyMetadata.KeyId})
		return err == nil && out.KeyMetadata.KeyState == "Enabled"
	})
	c.Settled("us-east-1/1")
	if _, err := east.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyMetadata.KeyId, PrimaryRegion: aws.String("eu-west-1")}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}     // Region, operation and who made it
	requests := map[string]int{} // operation and request id
	readers := map[string]*audit.Reader{}
	for _, r := range []string{"us-east-1", "eu-west-1"} {
		readers[r] = audit.NewReader(c.Dir.Node(r + "/1").Audit())
		defer readers[r].Close()
	}
	c.Eventually("both Regions have recorded both calls", func() bool {
		for region, r := range readers {
			if err := r.Read(func(record *audit.Record) error {
				e := &record.Event
				seen[region+" "+e.Name+" "+e.Identity.InvokedBy]++
				requests[e.Name+e.RequestID]++
				if e.Name != "SynchronizeMultiRegionKey" && !e.ReadOnly && (!record.About(*key.KeyMetadata.KeyId) && e.Name != "CreateKey" || e.Region != region) {
					t.Errorf("of no key or another Region: %s", record.Line)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		return seen["us-east-1 ReplicateKey "] == 1 && seen["eu-west-1 CreateKey kms.amazonaws.com"] == 1 &&
			seen["us-east-1 UpdatePrimaryRegion "] == 1 && seen["eu-west-1 UpdatePrimaryRegion kms.amazonaws.com"] == 1 &&
			seen["eu-west-1 SynchronizeMultiRegionKey AWS Internal"] > 0
	})
	for name, n := range requests {
		if strings.HasPrefix(name, "UpdatePrimaryRegion") && n != 2 {
			t.Errorf("%d entries of %s, want one of each Region under the caller's request id", n, name)
		}
	}
}
