package node_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/control"
	"meridian/region/node/nodetest"
)

const dayMillis = 24 * 60 * 60 * 1000

// advance sets the clock offset of Regions of one node each, as the command does, and waits until what fell
// due by it is done.
func advance(c *nodetest.Cluster, days int64, names ...string) {
	c.T.Helper()
	for _, name := range names {
		client, err := control.Connect(c.Dir.Node(name))
		if err != nil {
			c.T.Fatal(err)
		}
		k, err := client.AdvanceClock(c.T.Context(), days*dayMillis)
		if err != nil || k.OffsetMillis != days*dayMillis {
			c.T.Fatalf("%s: %+v, %v", name, k, err)
		}
		c.Eventually(name+" did what fell due", func() bool {
			k, err := client.Clock(c.T.Context())
			return err == nil && !k.Overdue
		})
	}
}

// A primary's waiting period begins when its last replica is gone: two Regions, twice seven days.
func TestDeletionOfAPrimaryTakesTwiceItsTime(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1", "eu-west-1")
	c.Ready()
	ctx := t.Context()
	east, west := c.Client("us-east-1/1"), c.Client("eu-west-1/1")
	state := func(client *kms.Client, id string) types.KeyState {
		d, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
		var gone *types.NotFoundException
		switch {
		case errors.As(err, &gone):
			return "gone"
		case err != nil:
			t.Fatal(err)
		}
		return d.KeyMetadata.KeyState
	}
	created, err := east.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	id := *created.KeyMetadata.KeyId
	if _, err := east.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: &id, ReplicaRegion: new("eu-west-1")}); err != nil {
		t.Fatal(err)
	}
	c.Eventually("the replica is enabled", func() bool { return state(west, id) == types.KeyStateEnabled })
	for _, client := range []*kms.Client{west, east} {
		if _, err := client.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: new(int32(7))}); err != nil {
			t.Fatal(err)
		}
	}

	advance(c, 6, "us-east-1/1", "eu-west-1/1")
	if e, w := state(east, id), state(west, id); e != types.KeyStatePendingReplicaDeletion || w != types.KeyStatePendingDeletion {
		t.Fatalf("after 6 days the primary is %s, the replica %s", e, w)
	}
	advance(c, 7, "us-east-1/1", "eu-west-1/1")
	c.Eventually("the replica is gone", func() bool { return state(west, id) == "gone" })
	c.Eventually("the primary's waiting period begins", func() bool { return state(east, id) == types.KeyStatePendingDeletion })
	advance(c, 13, "us-east-1/1", "eu-west-1/1")
	if got := state(east, id); got != types.KeyStatePendingDeletion {
		t.Fatalf("after 13 days the primary is %s", got)
	}
	advance(c, 14, "us-east-1/1", "eu-west-1/1")
	c.Eventually("the primary is gone", func() bool { return state(east, id) == "gone" })
}

func TestClockOfANode(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1")
	c.Ready()
	client, err := control.Connect(c.Dir.Node("us-east-1/1"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := c.Client("us-east-1/1").CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if k, err := client.Clock(t.Context()); err != nil || k.OffsetMillis != 0 || k.Next != nil || k.Region != "us-east-1" {
		t.Errorf("the clock of a new node: %+v, %v", k, err)
	}
	id := *key.KeyMetadata.KeyId
	if _, err := c.Client("us-east-1/1").EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: &id, RotationPeriodInDays: new(int32(90))}); err != nil {
		t.Fatal(err)
	}
	if k, err := client.Clock(t.Context()); err != nil || k.Next == nil || k.Next.Key != id || k.Next.What != "automatic rotation" {
		t.Errorf("with a rotation ahead: %+v, %v", k, err)
	}
	for _, offset := range []int64{-1, 1 << 60} {
		if _, err := client.AdvanceClock(t.Context(), offset); err == nil || !strings.Contains(err.Error(), "is not between") {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
	advance(c, 91, "us-east-1/1")
	c.Stop("us-east-1/1") // the offset is in the log
	c.Start("us-east-1/1")
	c.Ready()
	rotated, err := c.Client("us-east-1/1").DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
	if err != nil || *rotated.KeyMetadata.CurrentKeyMaterialId == *key.KeyMetadata.CurrentKeyMaterialId {
		t.Errorf("90 days and one later the key has its first material: %v", err)
	}
	client, err = control.Connect(c.Dir.Node("us-east-1/1"))
	if err != nil {
		t.Fatal(err)
	}
	if k, err := client.Clock(t.Context()); err != nil || k.OffsetMillis != 91*dayMillis {
		t.Errorf("after a restart: %+v, %v", k, err)
	}
}
