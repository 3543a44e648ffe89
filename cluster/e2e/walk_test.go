package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// TestWalk takes one multi-Region key through its life.
func TestWalk(t *testing.T) {
	c := breakable(t) // it slows a link for a while
	us, eu := c.client(east), c.client(west)
	key := createKey(t, us, true)
	about := map[string]string{"invoice": "4711", "tenant": "blue"}

	m, err := describe(t, us, key)
	ok(t, err)
	if m.KeyState != types.KeyStateEnabled || !*m.MultiRegion || m.MultiRegionConfiguration.MultiRegionKeyType != types.MultiRegionKeyTypePrimary {
		t.Fatalf("a new multi-Region key is %+v", m)
	}
	_, err = describe(t, eu, key)
	refused(t, err, "NotFoundException")

	c.replicate(t, key, east, west)
	_, err = us.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: &key, ReplicaRegion: aws.String(west)})
	refused(t, err, "AlreadyExistsException")

	// What one Region encrypted the other decrypts, without being told the key.
	old := encrypt(t, us, key, "for two Regions", about)
	before := decrypt(t, eu, old, about)
	if string(before.Plaintext) != "for two Regions" || *before.KeyId != arnOf(west, key) {
		t.Errorf("eu decrypts %q with %s", before.Plaintext, *before.KeyId)
	}
	_, err = eu.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: old, EncryptionContext: map[string]string{"invoice": "4711"}})
	refused(t, err, "InvalidCiphertextException")
	_, err = eu.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: slices.Concat(old, []byte{0}), EncryptionContext: about})
	refused(t, err, "InvalidCiphertextException")

	aliasAndTags(t, c, key)
	rotate(t, c, key, old, before.KeyMaterialId)
	handOver(t, c, key)
	scheduleAndCancel(t, c, key)
}

func arnOf(region, key string) string { return "arn:aws:kms:" + region + ":000000000000:key/" + key }

// aliasAndTags checks that both belong to one Region.
func aliasAndTags(t *testing.T, c *cluster, key string) {
	t.Helper()
	us, eu := c.client(east), c.client(west)
	alias := "alias/walk-" + key[4:12]
	_, err := us.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: &key})
	ok(t, err)
	m, err := describe(t, us, alias)
	ok(t, err)
	if *m.KeyId != key {
		t.Errorf("%s leads to %s, want %s", alias, *m.KeyId, key)
	}
	_, err = describe(t, eu, alias)
	refused(t, err, "NotFoundException")

	_, err = us.TagResource(t.Context(), &kms.TagResourceInput{KeyId: &key, Tags: []types.Tag{{TagKey: aws.String("owner"), TagValue: aws.String("billing")}}})
	ok(t, err)
	for client, want := range map[*kms.Client]int{us: 1, eu: 0} {
		tags, err := client.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: &key})
		ok(t, err)
		if len(tags.Tags) != want {
			t.Errorf("%d tags in %s, want %d", len(tags.Tags), client.Options().Region, want)
		}
	}
}

// rotate makes new material: all Regions encrypt with it, and decrypt what the old one encrypted.
func rotate(t *testing.T, c *cluster, key string, old []byte, oldMaterial *string) {
	t.Helper()
	us, eu := c.client(east), c.client(west)
	about := map[string]string{"invoice": "4711", "tenant": "blue"}
	_, err := eu.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: &key})
	refused(t, err, "UnsupportedOperationException")
	_, err = us.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: &key})
	ok(t, err)
	for _, client := range []*kms.Client{us, eu} {
		eventually(t, 30*time.Second, "the rotation is complete in "+client.Options().Region, func() error {
			out, err := client.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: &key})
			if err == nil && (len(out.Rotations) != 1 || out.Rotations[0].RotationType != types.RotationTypeOnDemand) {
				err = fmt.Errorf("rotations: %+v", out.Rotations)
			}
			return err
		})
	}
	for _, from := range []*kms.Client{us, eu} {
		fresh := encrypt(t, from, key, "after the rotation", about)
		for _, to := range []*kms.Client{us, eu} {
			now := decrypt(t, to, fresh, about)
			if string(now.Plaintext) != "after the rotation" || aws.ToString(now.KeyMaterialId) == aws.ToString(oldMaterial) {
				t.Errorf("decrypted %q with material %s, the old was %s", now.Plaintext, aws.ToString(now.KeyMaterialId), aws.ToString(oldMaterial))
			}
			then := decrypt(t, to, old, about)
			if string(then.Plaintext) != "for two Regions" || aws.ToString(then.KeyMaterialId) != aws.ToString(oldMaterial) {
				t.Errorf("the old ciphertext decrypts to %q with material %s", then.Plaintext, aws.ToString(then.KeyMaterialId))
			}
		}
	}
}

// handOver moves the primary to the other Region, over a slow link so that the time in between can be seen.
func handOver(t *testing.T, c *cluster, key string) {
	t.Helper()
	us := c.client(east)
	c.do(t, "delay", east, west, "--latency", "400ms")
	_, err := us.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: &key, PrimaryRegion: aws.String(west)})
	ok(t, err)
	m, err := describe(t, us, key)
	ok(t, err)
	if m.KeyState != types.KeyStateUpdating {
		t.Errorf("just after UpdatePrimaryRegion the old primary is %s, want Updating", m.KeyState)
	}
	_, err = us.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key})
	refused(t, err, "KMSInvalidStateException")
	if got := decrypt(t, us, encrypt(t, us, key, "goes on", nil), nil); !bytes.Equal(got.Plaintext, []byte("goes on")) {
		t.Errorf("decrypted %q while the primary moves", got.Plaintext)
	}
	c.do(t, "heal")
	awaitPrimary(t, c, key, west, east, west)
	_, err = us.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: &key, ReplicaRegion: aws.String(south)})
	refused(t, err, "UnsupportedOperationException")
}

// awaitPrimary waits until every Region says the same of a key: that the primary is in that Region. While it
// waits, no two Regions may claim to be primary: the new one is asked first, so its claim is the older answer.
func awaitPrimary(t *testing.T, c *cluster, key, primary string, members ...string) {
	t.Helper()
	slices.SortStableFunc(members, func(a, b string) int {
		return boolToInt(b == primary) - boolToInt(a == primary)
	})
	eventually(t, 60*time.Second, "the primary of "+key+" is in "+primary, func() error {
		claims, agree := []string{}, []string{}
		for _, region := range members {
			m, err := describe(t, c.client(region), key)
			if err != nil {
				return err
			}
			if m.MultiRegionConfiguration.MultiRegionKeyType == types.MultiRegionKeyTypePrimary {
				claims = append(claims, region)
			}
			if *m.MultiRegionConfiguration.PrimaryKey.Region == primary && m.KeyState == types.KeyStateEnabled {
				agree = append(agree, region)
			}
		}
		if len(claims) > 1 {
			t.Fatalf("two primaries of %s: %v", key, claims)
		}
		if len(agree) != len(members) || !slices.Equal(claims, []string{primary}) {
			return fmt.Errorf("primary says %v to be; %v of %v agree", claims, agree, members)
		}
		return nil
	})
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// scheduleAndCancel schedules the deletion of a primary that still has a replica, which must wait for it.
func scheduleAndCancel(t *testing.T, c *cluster, key string) {
	t.Helper()
	us, eu := c.client(east), c.client(west)
	out, err := eu.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
	ok(t, err)
	if out.KeyState != types.KeyStatePendingReplicaDeletion || out.DeletionDate != nil || aws.ToInt32(out.PendingWindowInDays) != 7 {
		t.Errorf("ScheduleKeyDeletion answers %s, date %v, %d days", out.KeyState, out.DeletionDate, aws.ToInt32(out.PendingWindowInDays))
	}
	// A node that has not heard of it yet may still say yes, for a moment.
	eventually(t, 5*time.Second, "no node encrypts any more", func() error {
		for n := 1; n <= nodes; n++ {
			_, err := c.clientAt(west, c.node(west, n), 1).Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
			if codeOf(err) != "KMSInvalidStateException" {
				return fmt.Errorf("node %d answers: %v", n, err)
			}
		}
		return nil
	})
	if got := decrypt(t, us, encrypt(t, us, key, "replicas stay", nil), nil); string(got.Plaintext) != "replicas stay" {
		t.Errorf("decrypted %q", got.Plaintext)
	}
	_, err = eu.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: &key})
	ok(t, err)
	awaitState(t, eu, key, types.KeyStateDisabled)
	_, err = eu.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key})
	ok(t, err)
	awaitState(t, eu, key, types.KeyStateEnabled)
}
