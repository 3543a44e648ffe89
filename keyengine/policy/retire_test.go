package policy_test

import (
	"testing"

	"meridian/keyengine/policy"
)

// Who may retire a grant: KMS Developer Guide, "Retiring and revoking grants".
func TestRetire(t *testing.T) {
	iam := must(t)(policy.ParseIdentity(`{"Statement":{"Effect":"Allow","Action":"kms:RetireGrant","Resource":"*"}}`))
	denies := must(t)(policy.ParseIdentity(`{"Statement":{"Effect":"Deny","Action":"kms:RetireGrant","Resource":"*"}}`))
	reads := must(t)(policy.ParseIdentity(`{"Statement":{"Effect":"Allow","Action":"kms:Describe*","Resource":"*"}}`))
	everyone := must(t)(policy.Parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`))
	const rootA, rootB = "arn:aws:iam::" + accountA + ":root", "arn:aws:iam::" + accountB + ":root"
	alice, app := caller("A/user/alice").ARN, caller("A/role/app").ARN
	for _, c := range []struct {
		name, who string
		grant     policy.Retirement
		policies  policy.Policies
		want      policy.Reason
	}{
		{"its retiring principal", "A/user/alice", policy.Retirement{Retiring: alice}, policy.Policies{}, policy.ByGrant},
		{"a session of the retiring role", "A/session/app/one", policy.Retirement{Retiring: app}, policy.Policies{}, policy.ByGrant},
		{"the same, held back by its session policy", "A/session/app/one", policy.Retirement{Retiring: app}, policy.Policies{Session: []policy.Attached{{Document: reads}}}, policy.NoSession},
		{"its grantee, if it holds RetireGrant", "A/user/alice", policy.Retirement{Grantee: alice, ByGrantee: true}, policy.Policies{}, policy.ByGrant},
		{"its grantee, if not", "A/user/alice", policy.Retirement{Grantee: alice}, policy.Policies{}, policy.NoResource},
		{"the account that made it", "A/root", policy.Retirement{Issuer: rootA}, policy.Policies{}, policy.ByGrant},
		{"another account", "B/root", policy.Retirement{Issuer: rootA}, policy.Policies{}, policy.NoResource},
		{"whom the account allows", "A/user/carol", policy.Retirement{Issuer: rootA}, policy.Policies{Identity: []policy.Attached{{Document: iam}}}, policy.ByGrant},
		{"whom the account does not", "A/user/carol", policy.Retirement{Issuer: rootA}, policy.Policies{}, policy.NoIdentity},
		{"whom the retiring account allows", "B/user/eve", policy.Retirement{Retiring: rootB, Issuer: rootA}, policy.Policies{Identity: []policy.Attached{{Document: iam}}}, policy.ByGrant},
		{"whom an account allows that has no part in it", "B/user/eve", policy.Retirement{Issuer: rootA}, policy.Policies{Identity: []policy.Attached{{Document: iam}}}, policy.NoResource},
		{"whom the key policy allows", "A/user/carol", policy.Retirement{Retiring: alice}, policy.Policies{Resource: everyone}, policy.NoResource},
		{"a retiring principal whom a policy denies", "A/user/alice", policy.Retirement{Retiring: alice}, policy.Policies{Identity: []policy.Attached{{Document: denies}}}, policy.ExplicitDeny},
	} {
		r := &policy.Request{Principal: caller(c.who), Action: "kms:RetireGrant", Resource: policy.Resource{ARN: "arn:aws:kms:us-east-1:111122223333:key/x", Account: accountA}}
		if got := policy.EvaluateRetire(r, &c.policies, &c.grant); got.Reason != c.want || got.Allowed != (c.want == policy.ByGrant) {
			t.Errorf("%s: %v, want %v", c.name, got.Reason, c.want)
		}
	}
}
