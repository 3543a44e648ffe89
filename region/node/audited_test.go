package node_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"meridian/region/audit"
	"meridian/region/node"
	"meridian/region/throttle"
)

// TestWhoCalledWhat makes calls that an ordinary record forgets: of the Security Token Service, that are throttled, that take
// an alias away. Those of nobody are not recorded, and no secret is.
func TestWhoCalledWhat(t *testing.T) {
	c, as := decidedWith(t, func(config *node.Config) {
		config.Throttle = throttle.Profile{"EnableKey": 0}
	}, 1, "us-east-1")
	ctx, admin := t.Context(), as("AKIAADMINEXAMPLE0001", "admins-secret", east)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	created, err := admin.CreateKey(ctx, &kms.CreateKeyInput{})
	must(err)
	id, key, alias := created.KeyMetadata.KeyId, *created.KeyMetadata.Arn, aws.String("alias/gone")
	_, err = admin.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: alias, TargetKeyId: id})
	must(err)
	_, err = admin.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: alias, TargetKeyId: id})
	must(err)
	_, err = admin.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: alias})
	must(err)
	once := func(o *kms.Options) { o.RetryMaxAttempts = 1 }
	if _, err := admin.EnableKey(ctx, &kms.EnableKeyInput{KeyId: id}, once); err == nil {
		t.Fatal("nothing is throttled")
	}
	if _, err := as("AKIAADMINEXAMPLE0001", "wrong", east).DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}, once); err == nil {
		t.Fatal("a wrong secret is good")
	}
	n, _ := c.File.Node(east)
	tokens := func(id, secret string) *sts.Client {
		return sts.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://" + n.KMS), Credentials: static(id, secret, ""), RetryMaxAttempts: 1})
	}
	mine := tokens("AKIAADMINEXAMPLE0001", "admins-secret")
	_, err = mine.GetCallerIdentity(ctx, nil)
	must(err)
	session, err := mine.GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
	must(err)
	if _, err := mine.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::111122223333:role/none"), RoleSessionName: aws.String("s1"), Tags: []ststypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
	}); err == nil {
		t.Fatal("a role that is not there is assumed")
	}
	if _, err := tokens("AKIAADMINEXAMPLE0001", "wrong").GetCallerIdentity(ctx, nil); err == nil {
		t.Fatal("a wrong secret is good")
	}
	c.Stop(east) // writes what waits

	about := func(r *audit.Record) string {
		var list []string
		for _, one := range r.Event.Resources {
			list = append(list, strings.TrimPrefix(one.ARN, "arn:aws:kms:us-east-1:111122223333:"))
		}
		return strings.Join(list, " ")
	}
	keyName := strings.TrimPrefix(key, "arn:aws:kms:us-east-1:111122223333:")
	var got []string
	r := audit.NewReader(c.Dir.Node(east).Audit())
	defer r.Close()
	must(r.Read(func(record *audit.Record) error {
		e := &record.Event
		got = append(got, strings.TrimRight(e.Name+" "+e.ErrorCode+" "+about(record), " "))
		for _, secret := range []string{*session.Credentials.SecretAccessKey, *session.Credentials.SessionToken, "admins-secret"} {
			if strings.Contains(record.Line, secret) {
				t.Errorf("%s records a secret", e.Name)
			}
		}
		if e.Identity.ARN != "arn:aws:iam::111122223333:user/admin" || e.RequestID == "" || e.Source != "127.0.0.1" {
			t.Errorf("%s is recorded as %s", e.Name, record.Line)
		}
		if e.Name == "GetSessionToken" && !strings.Contains(record.Line, *session.Credentials.AccessKeyId) {
			t.Errorf("the session's access key is not recorded: %s", record.Line)
		}
		return nil
	}))
	want := []string{
		"CreateKey  " + keyName, "CreateAlias  " + keyName + " alias/gone", "UpdateAlias  " + keyName + " alias/gone", "DeleteAlias  " + keyName + " alias/gone",
		"EnableKey ThrottlingException " + keyName, "GetCallerIdentity", "GetSessionToken", "AssumeRole AccessDenied arn:aws:iam::111122223333:role/none",
	}
	if !slices.Equal(got, want) {
		t.Errorf("recorded:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
