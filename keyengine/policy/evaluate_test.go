package policy_test

import (
	"testing"

	"meridian/keyengine/policy"
)

func must(t testing.TB) func(*policy.Document, error) *policy.Document {
	return func(d *policy.Document, err error) *policy.Document {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

func TestDefaultPolicyDelegates(t *testing.T) {
	key := must(t)(policy.Parse(policy.Default("aws", "111122223333")))
	iam := must(t)(policy.ParseIdentity(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}}`))
	r := &policy.Request{
		Principal: &policy.Principal{Kind: policy.User, ARN: "arn:aws:iam::111122223333:user/alice", Account: "111122223333"},
		Action:    "kms:Decrypt",
		Resource:  policy.Resource{ARN: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", Account: "111122223333"},
	}
	d := policy.Evaluate(r, &policy.Policies{Resource: key})
	if d.Allowed || d.Reason != policy.NoIdentity {
		t.Errorf("without an IAM policy: %+v", d)
	}
	if got, want := d.Message(r), "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: kms:Decrypt on resource: "+
		r.Resource.ARN+" because no identity-based policy allows the kms:Decrypt action"; got != want {
		t.Errorf("%s", got)
	}
	d = policy.Evaluate(r, &policy.Policies{Resource: key, Identity: []policy.Attached{{Name: "mine", Document: iam}}})
	if !d.Allowed || d.Reason != policy.ByIdentity || d.By.Policy != "mine" || d.Via.Statement != 1 {
		t.Errorf("with one: %+v", d)
	}
}
