package node_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/region/node"
	"meridian/replication"
	"meridian/replication/lagprofile"
)

// grantToAlice makes a key and a grant on it for alice.
func grantToAlice(t *testing.T, admin *kms.Client, key *string) *kms.CreateGrantOutput {
	t.Helper()
	granted, err := admin.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: key, GranteePrincipal: aws.String("arn:aws:iam::111122223333:user/alice"), Operations: []types.GrantOperation{types.GrantOperationEncrypt},
	})
	if err != nil {
		t.Fatal(err)
	}
	return granted
}

// The lag profile in force says when a grant counts without its token, until somebody says it for the cluster.
func TestLagProfileDelaysGrants(t *testing.T) {
	const here = "us-east-1/1"
	for name, test := range map[string]struct {
		explicit *int64
		profile  time.Duration
		late     bool
	}{
		"by the profile":         {profile: time.Hour, late: true},
		"the profile has none":   {},
		"said to be at once":     {profile: time.Hour, explicit: new(int64(0))},
		"said to be in an hour":  {explicit: new(time.Hour.Milliseconds()), late: true},
		"said, and by a profile": {profile: time.Millisecond, explicit: new(time.Hour.Milliseconds()), late: true},
	} {
		t.Run(name, func(t *testing.T) {
			var dial *replication.Dial
			_, as := decidedWith(t, func(config *node.Config) {
				dial, config.Cluster.GrantDelayMillis = config.Dial, test.explicit
			}, 1, "us-east-1")
			turn := func(version uint64, p lagprofile.Profile) {
				t.Helper()
				if err := dial.Set(replication.Dials{Format: replication.DialFormat, Version: version, Lag: p}); err != nil {
					t.Fatal(err)
				}
			}
			turn(1, lagprofile.Profile{Grants: lagprofile.Of(test.profile)})
			admin, alice := as("AKIAADMINEXAMPLE0001", "admins-secret", here), as("AKIAALICEEXAMPLE0001", "alices-secret", here)
			created, err := admin.CreateKey(t.Context(), &kms.CreateKeyInput{})
			if err != nil {
				t.Fatal(err)
			}
			granted := grantToAlice(t, admin, created.KeyMetadata.KeyId)
			encrypt := func(tokens ...string) error {
				_, err := alice.Encrypt(t.Context(), &kms.EncryptInput{KeyId: created.KeyMetadata.KeyId, Plaintext: []byte("x"), GrantTokens: tokens})
				return err
			}
			if err := encrypt(*granted.GrantToken); err != nil {
				t.Errorf("with the token: %v", err)
			}
			if !test.late {
				if err := encrypt(); err != nil {
					t.Errorf("without the token: %v", err)
				}
				return
			}
			denied(t, "without the token", encrypt())
			turn(2, lagprofile.Profile{})
			if err := encrypt(); (err == nil) != (test.explicit == nil) {
				t.Errorf("when no profile is in force any more: %v", err)
			}
		})
	}
}
