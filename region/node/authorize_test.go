package node_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"meridian/region"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

const deciding = `
accounts:
- id: "111122223333"
  users:
  - name: admin
    inlinePolicies: [{name: all, document: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "kms:*", Resource: "*"}]}}]
    accessKeys: [{id: AKIAADMINEXAMPLE0001, secret: admins-secret}]
  - name: alice
    accessKeys: [{id: AKIAALICEEXAMPLE0001, secret: alices-secret}]
  - name: east
    inlinePolicies: [{name: here, document: {Version: "2012-10-17", Statement: [{Sid: East, Effect: Allow, Action: "kms:*", Resource: "*", Condition: {StringEquals: {"aws:RequestedRegion": us-east-1}}}]}}]
    accessKeys: [{id: AKIAEASTEREXAMPLE001, secret: easts-secret}]
`

// decided is a cluster whose callers are those of a file, and where a grant needs five minutes to count.
func decided(t *testing.T, nodes int, regions ...string) (c *nodetest.Cluster, as func(id, secret, node string) *kms.Client) {
	t.Helper()
	return decidedWith(t, func(config *node.Config) {
		config.Cluster.GrantDelayMillis, config.Cluster.Explain = new(int64(300_000)), true
	}, nodes, regions...)
}

// decidedWith is a cluster whose callers are those of a file.
func decidedWith(t *testing.T, change func(*node.Config), nodes int, regions ...string) (c *nodetest.Cluster, as func(id, secret, node string) *kms.Client) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "identity.yaml")
	if err := os.WriteFile(file, []byte(deciding), 0o600); err != nil {
		t.Fatal(err)
	}
	c = nodetest.NewWith(t, func(config *node.Config) {
		config.Identity = file
		change(config)
	}, nodes, regions...)
	c.Ready()
	return c, func(id, secret, name string) *kms.Client {
		o := c.Client(name).Options()
		o.Credentials = credentials.NewStaticCredentialsProvider(id, secret, "")
		return kms.New(o)
	}
}

func denied(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "AccessDeniedException" {
		t.Errorf("%s: %v, want AccessDeniedException", what, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(api.ErrorMessage(), w) {
			t.Errorf("%s: %q lacks %q", what, api.ErrorMessage(), w)
		}
	}
}

// A grant counts at once on every node for who brings its token, late for who does not, and no more once its
// revocation is applied, token or not.
func TestGrantTokens(t *testing.T) {
	_, as := decided(t, 3, "us-east-1")
	ctx := t.Context()
	names := []string{"us-east-1/1", "us-east-1/2", "us-east-1/3"}
	admin := as("AKIAADMINEXAMPLE0001", "admins-secret", names[0])
	created, err := admin.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := created.KeyMetadata.KeyId
	granted, err := admin.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: id, GranteePrincipal: aws.String("arn:aws:iam::111122223333:user/alice"), Operations: []types.GrantOperation{types.GrantOperationEncrypt},
	})
	if err != nil {
		t.Fatal(err)
	}
	encrypt := func(name string, tokens ...string) error {
		_, err := as("AKIAALICEEXAMPLE0001", "alices-secret", name).Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x"), GrantTokens: tokens})
		return err
	}
	for _, name := range names {
		denied(t, name+" without the token", encrypt(name), "because no identity-based policy allows the kms:Encrypt action", *created.KeyMetadata.Arn)
		if err := encrypt(name, *granted.GrantToken); err != nil {
			t.Errorf("%s with the token: %v", name, err)
		}
	}
	if _, err := admin.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: id, GrantId: granted.GrantId}); err != nil {
		t.Fatal(err)
	}
	for i, name := range names { // the first passed the revocation on if it does not lead: it applies it like any other
		var err error
		admin := as("AKIAADMINEXAMPLE0001", "admins-secret", name)
		if _, listed := admin.ListGrants(ctx, &kms.ListGrantsInput{KeyId: id}); listed != nil { // the node has caught up
			t.Fatal(i, listed)
		}
		if err = encrypt(name, *granted.GrantToken); err == nil {
			t.Errorf("%s: a revoked grant still counts", name)
		}
		denied(t, name+" after the revocation", err)
	}
}

// What reaches into another Region is decided there, too, by that Region's policies, and its no is the caller's.
func TestBothRegionsDecide(t *testing.T) {
	c, as := decided(t, 1, "us-east-1", "eu-west-1")
	ctx := t.Context()
	const here = "us-east-1/1"
	east, admin := as("AKIAEASTEREXAMPLE001", "easts-secret", here), as("AKIAADMINEXAMPLE0001", "admins-secret", here)
	created, err := east.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	id := created.KeyMetadata.KeyId
	_, err = east.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: aws.String("eu-west-1")})
	denied(t, "ReplicateKey", err, "kms:CreateKey on resource: *")
	if _, err := admin.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: aws.String("eu-west-1")}); err != nil {
		t.Fatal(err)
	}
	there := as("AKIAADMINEXAMPLE0001", "admins-secret", "eu-west-1/1")
	c.Eventually("the replica is Enabled", func() bool {
		out, err := there.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		return err == nil && out.KeyMetadata.KeyState == types.KeyStateEnabled
	})
	c.Settled(here)
	_, err = east.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: id, PrimaryRegion: aws.String("eu-west-1")})
	denied(t, "UpdatePrimaryRegion", err, "kms:UpdatePrimaryRegion on resource: arn:aws:kms:eu-west-1:111122223333:key/"+*id)
	if _, err := admin.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: id, PrimaryRegion: aws.String("eu-west-1")}); err != nil {
		t.Errorf("UpdatePrimaryRegion of who may: %v", err)
	}

	var list []region.Explanation
	out, err := east.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id}, kms.WithAPIOptions(smithyhttp.AddHeaderValue("X-Meridian-Explain", "1")))
	if err != nil {
		t.Fatal(err)
	}
	raw := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response)
	if err := json.Unmarshal([]byte(raw.Header.Get("X-Meridian-Explain")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || !list[0].Allowed || list[0].Reason != "identity" || !strings.Contains(list[0].By, "East") || !strings.Contains(list[0].Via, "Enable IAM User Permissions") {
		t.Errorf("explained: %+v", list)
	}
}
