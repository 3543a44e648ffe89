package sdktest

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/control"
	"meridian/cluster/fault"
)

const (
	east, west = "us-east-1", "eu-west-1"
	day        = 24 * time.Hour
)

// replicate makes a replica in the other Region and waits until it has a state.
func (w *world) replicate(t *testing.T, in kms.ReplicateKeyInput, state types.KeyState) *kms.ReplicateKeyOutput {
	t.Helper()
	in.ReplicaRegion = new(west)
	out := must[kms.ReplicateKeyOutput](t)(w.east.ReplicateKey(t.Context(), &in))
	w.cluster.Eventually("the replica is "+string(state), func() bool { return w.stateOf(t, w.west, in.KeyId) == state })
	return out
}

// stateOf is a key's state, "" while there is no such key.
func (w *world) stateOf(t *testing.T, client *kms.Client, id *string) types.KeyState {
	d, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id})
	var gone *types.NotFoundException
	if errors.As(err, &gone) {
		return ""
	}
	ok(t, err)
	return d.KeyMetadata.KeyState
}

// severalRegions leads a multi-Region key through replication, hand-off and deletion.
func severalRegions(t *testing.T, w *world) {
	ctx := t.Context()
	key := create(t, w.east, kms.CreateKeyInput{MultiRegion: new(true), Description: new("primary")})
	policy := policyOf(root)
	out := w.replicate(t, kms.ReplicateKeyInput{
		KeyId: key.KeyId, Description: new("replica"), Policy: &policy, Tags: tags(1), BypassPolicyLockoutSafetyCheck: true,
	}, types.KeyStateEnabled)
	equal(t, "ReplicaPolicy", *out.ReplicaPolicy, policy)
	equal(t, "ReplicaTags", *out.ReplicaTags[0].TagKey, "key-00")
	equal(t, "ReplicaTags", *out.ReplicaTags[0].TagValue, "value")
	m := out.ReplicaKeyMetadata
	equal(t, "the replica's state", m.KeyState, types.KeyStateCreating)
	equal(t, "the replica's ARN", *m.Arn, "arn:aws:kms:eu-west-1:"+account+":key/"+*key.KeyId)
	equal(t, "the replica's description", *m.Description, "replica")
	equal(t, "MultiRegionKeyType", m.MultiRegionConfiguration.MultiRegionKeyType, types.MultiRegionKeyTypeReplica)
	there := describe(t, w.west, key.KeyId)
	equal(t, "CurrentKeyMaterialId", *there.CurrentKeyMaterialId, *key.CurrentKeyMaterialId)
	equal(t, "the primary", *there.MultiRegionConfiguration.PrimaryKey.Arn, *key.Arn)
	equal(t, "the primary's Region", *there.MultiRegionConfiguration.PrimaryKey.Region, east)
	equal(t, "the replica", *there.MultiRegionConfiguration.ReplicaKeys[0].Arn, *m.Arn)
	equal(t, "the replica's Region", *there.MultiRegionConfiguration.ReplicaKeys[0].Region, west)

	replica := key.KeyId
	fails(t, w.west, "ReplicateKey", "UnsupportedOperation", &kms.ReplicateKeyInput{KeyId: replica, ReplicaRegion: new(east)})
	fails(t, w.west, "RotateKeyOnDemand", "UnsupportedOperation", &kms.RotateKeyOnDemandInput{KeyId: replica})
	fails(t, w.east, "ReplicateKey", "AlreadyExists", &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: new(west)})
	sealed := must[kms.EncryptOutput](t)(w.west.Encrypt(ctx, &kms.EncryptInput{KeyId: replica, Plaintext: []byte("over the sea")}))
	opened := must[kms.DecryptOutput](t)(w.east.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, KeyId: key.KeyId}))
	equal(t, "Decrypt's KeyId in the other Region", *opened.KeyId, *key.Arn)

	must[kms.UpdatePrimaryRegionOutput](t)(w.east.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: new(west)}))
	w.cluster.Eventually("the primary has moved", func() bool {
		here, there := describe(t, w.east, key.KeyId), describe(t, w.west, key.KeyId)
		return here.KeyState == types.KeyStateEnabled && here.MultiRegionConfiguration.MultiRegionKeyType == types.MultiRegionKeyTypeReplica &&
			there.KeyState == types.KeyStateEnabled && there.MultiRegionConfiguration.MultiRegionKeyType == types.MultiRegionKeyTypePrimary
	})
	scheduled := must[kms.ScheduleKeyDeletionOutput](t)(w.west.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: new(int32(9))}))
	equal(t, "the primary's state", scheduled.KeyState, types.KeyStatePendingReplicaDeletion)
	equal(t, "there is a date", scheduled.DeletionDate != nil, false)
	equal(t, "the window", *scheduled.PendingWindowInDays, 9)
	equal(t, "PendingDeletionWindowInDays", val(describe(t, w.west, key.KeyId).PendingDeletionWindowInDays), 9)
	says := fails(t, w.west, "Encrypt", "KMSInvalidState", &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	equal(t, "what is said", says, *m.Arn+" is pending replica deletion.")
}

// cut parts the two Regions until heal.
func (w *world) cut(t *testing.T, version uint64, rules ...fault.Rule) {
	t.Helper()
	for _, name := range []string{east + "/1", west + "/1"} {
		admin, err := control.Connect(w.cluster.Dir.Node(name))
		ok(t, err)
		_, err = admin.SetFaults(t.Context(), fault.Table{Format: fault.Format, Version: version, Rules: rules})
		ok(t, err)
	}
}

// cutApart has what only happens while the Regions do not hear each other: rotations and hand-offs that last.
func cutApart(t *testing.T, w *world) {
	ctx := t.Context()
	rotates := create(t, w.east, kms.CreateKeyInput{MultiRegion: new(true)})
	w.replicate(t, kms.ReplicateKeyInput{KeyId: rotates.KeyId}, types.KeyStateEnabled)
	imported := create(t, w.east, kms.CreateKeyInput{MultiRegion: new(true), Origin: types.OriginTypeExternal})
	must[kms.ImportKeyMaterialOutput](t)(w.east.ImportKeyMaterial(ctx, direct(t, w.east, kms.ImportKeyMaterialInput{KeyId: imported.KeyId}, bytes.Repeat([]byte{7}, 32))))
	w.replicate(t, kms.ReplicateKeyInput{KeyId: imported.KeyId}, types.KeyStatePendingImport)
	must[kms.ImportKeyMaterialOutput](t)(w.west.ImportKeyMaterial(ctx, direct(t, w.west, kms.ImportKeyMaterialInput{KeyId: imported.KeyId}, bytes.Repeat([]byte{7}, 32))))

	w.cluster.Eventually("both Regions know all of each other", func() bool {
		for _, name := range []string{east + "/1", west + "/1"} {
			admin, err := control.Connect(w.cluster.Dir.Node(name))
			ok(t, err)
			lags, err := admin.Lag(ctx)
			if err != nil || slices.ContainsFunc(lags, func(l control.Lag) bool { return l.PendingKeys > 0 }) {
				return false
			}
		}
		return true
	})
	w.cut(t, 1, fault.Rule{Kind: fault.Partition, A: east, B: west})
	must[kms.RotateKeyOnDemandOutput](t)(w.east.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: rotates.KeyId}))
	status := must[kms.GetKeyRotationStatusOutput](t)(w.east.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: rotates.KeyId}))
	equal(t, "the rotation goes on", status.OnDemandRotationStartDate != nil, true)
	fails(t, w.east, "RotateKeyOnDemand", "Conflict", &kms.RotateKeyOnDemandInput{KeyId: rotates.KeyId})
	equal(t, "the material is used already", *describe(t, w.east, rotates.KeyId).CurrentKeyMaterialId != *rotates.CurrentKeyMaterialId, false)

	must[kms.UpdatePrimaryRegionOutput](t)(w.east.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: imported.KeyId, PrimaryRegion: new(west)}))
	m := describe(t, w.east, imported.KeyId)
	equal(t, "the state during a hand-off", m.KeyState, types.KeyStateUpdating)
	equal(t, "Enabled", m.Enabled, false)
	must[kms.EncryptOutput](t)(w.east.Encrypt(ctx, &kms.EncryptInput{KeyId: imported.KeyId, Plaintext: []byte("x")}))
	for operation, in := range map[string]any{
		"DeleteImportedKeyMaterial": &kms.DeleteImportedKeyMaterialInput{KeyId: imported.KeyId},
		"DisableKey":                &kms.DisableKeyInput{KeyId: imported.KeyId},
		"ScheduleKeyDeletion":       &kms.ScheduleKeyDeletionInput{KeyId: imported.KeyId},
	} {
		equal(t, "what "+operation+" says", fails(t, w.east, operation, "KMSInvalidState", in), *m.Arn+" is updating.")
	}

	w.cut(t, 2)
	w.cluster.Eventually("the rotation and the hand-off are over", func() bool {
		return *describe(t, w.west, rotates.KeyId).CurrentKeyMaterialId != *rotates.CurrentKeyMaterialId &&
			describe(t, w.west, imported.KeyId).MultiRegionConfiguration.MultiRegionKeyType == types.MultiRegionKeyTypePrimary
	})
}

// timePasses has what takes days: a token that expires, a rotation that begins, a key that is deleted.
func timePasses(t *testing.T, w *world) {
	ctx, c := t.Context(), w.east
	external := create(t, c, kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	late := direct(t, c, kms.ImportKeyMaterialInput{KeyId: external.KeyId}, bytes.Repeat([]byte{1}, 32))
	deleted, rotates := create(t, c, kms.CreateKeyInput{}), create(t, c, kms.CreateKeyInput{})
	must[kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: deleted.KeyId}))
	must[kms.EnableKeyRotationOutput](t)(c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: rotates.KeyId, RotationPeriodInDays: new(int32(90))}))

	w.advance(t, 90*day-10*time.Minute)
	says := fails(t, c, "ImportKeyMaterial", "ExpiredImportToken", late)
	equal(t, "something is said of the token", says != "", true)
	fails(t, c, "DescribeKey", "NotFound", &kms.DescribeKeyInput{KeyId: deleted.KeyId})
	fails(t, c, "RotateKeyOnDemand", "Conflict", &kms.RotateKeyOnDemandInput{KeyId: rotates.KeyId})
	w.advance(t, 91*day)
	list := must[kms.ListKeyRotationsOutput](t)(c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: rotates.KeyId})).Rotations
	if len(list) != 1 || list[0].RotationType != types.RotationTypeAutomatic {
		t.Errorf("the rotations are %+v", list)
	}
}

// advance sets how far the time of us-east-1 is ahead, and waits until what fell due is done.
func (w *world) advance(t *testing.T, offset time.Duration) {
	t.Helper()
	admin, err := control.Connect(w.cluster.Dir.Node(east + "/1"))
	ok(t, err)
	_, err = admin.AdvanceClock(t.Context(), offset.Milliseconds())
	ok(t, err)
	w.cluster.Eventually("what fell due is done", func() bool {
		k, err := admin.Clock(t.Context())
		return err == nil && !k.Overdue
	})
}
