package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"meridian/keyengine/policy"
)

// An explanation names each statement that failed in one part, with its place and the part.
func TestExplain(t *testing.T) {
	d := &tables{t: t}
	key := must(t)(policy.Parse(`{ "Version": "2012-10-17", "Statement": [
  { "Sid": "via S3", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:user/alice" }, "Action": "kms:Decrypt", "Resource": "*",
    "Condition": { "StringEquals": { "kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:EncryptionContext:dept": [ "it", "hr" ] } } },
  { "Sid": "others", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:user/bob" }, "Action": "kms:Decrypt", "Resource": "*" },
  { "Sid": "other call", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:user/alice" }, "Action": "kms:Encrypt", "Resource": "*" },
  { "Sid": "far off", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:user/bob" }, "Action": "kms:Encrypt", "Resource": "*" } ] }`))
	iam := must(t)(policy.ParseIdentity(iamDocument(`{"Sid":"elsewhere","Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:eu-west-1:*:key/*"}`)))
	r, p := d.call("", "A/user/alice", "kms:Decrypt", []string{"kms:ViaService=rds.us-east-1.amazonaws.com"})
	p.Resource, p.Identity = key, []policy.Attached{{Name: "mine", Document: iam}}
	grants := byGrantee{}
	grants.add("g1", caller("A/user/alice").ARN, readGrant([]string{"A/user/alice", "Decrypt", "subset", "dept=it"}))
	p.Grants = grants
	got := policy.Explain(r, p)
	var lines []string
	for _, n := range got.Near {
		lines = append(lines, fmt.Sprintf("%v: %s", n.Where, strings.Join(n.Failed, "; ")))
	}
	want := `resource-based policy, statement 1 (via S3), line 2: condition StringEquals kms:ViaService "s3.us-east-1.amazonaws.com": it is "rds.us-east-1.amazonaws.com"; condition StringEquals kms:EncryptionContext:dept "it", "hr": it is absent
resource-based policy, statement 2 (others), line 4: the principal arn:aws:iam::111122223333:user/alice is not among "arn:aws:iam::111122223333:user/bob"
resource-based policy, statement 3 (other call), line 5: the action kms:Decrypt is not among "kms:Encrypt"
identity-based policy mine, statement 1 (elsewhere), line 2: the resource arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab is not among "arn:aws:kms:eu-west-1:*:key/*"
grant g1: the encryption context does not meet the grant's constraints`
	if all := strings.Join(lines, "\n"); got.Allowed || got.Reason != policy.NoResource || all != want {
		t.Errorf("%v\n%s\nwant\n%s", got.Reason, all, want)
	}
}

// The words are AWS's: IAM User Guide, "Troubleshoot access denied error messages".
func TestMessages(t *testing.T) {
	r := &policy.Request{Principal: caller("A/user/alice"), Action: "kms:Decrypt", Resource: policy.Resource{ARN: "arn:aws:kms:us-east-1:111122223333:key/x"}}
	for want, d := range map[string]policy.Decision{
		" because no resource-based policy allows the kms:Decrypt action":  {Reason: policy.NoResource},
		" because no identity-based policy allows the kms:Decrypt action":  {Reason: policy.NoIdentity},
		" because no permissions boundary allows the kms:Decrypt action":   {Reason: policy.NoBoundary},
		" because no session policy allows the kms:Decrypt action":         {Reason: policy.NoSession},
		" because no service control policy allows the kms:Decrypt action": {Reason: policy.NoService},
		" with an explicit deny in an identity-based policy":               {Reason: policy.ExplicitDeny, By: policy.Where{Layer: policy.LayerIdentity}},
		" with an explicit deny in a resource-based policy":                {Reason: policy.ExplicitDeny, By: policy.Where{Layer: policy.LayerResource}},
		" with an explicit deny in a service control policy":               {Reason: policy.ExplicitDeny, By: policy.Where{Layer: policy.LayerService}},
		" with an explicit deny in a permissions boundary":                 {Reason: policy.ExplicitDeny, By: policy.Where{Layer: policy.LayerBoundary}},
		" with an explicit deny in a session policy":                       {Reason: policy.ExplicitDeny, By: policy.Where{Layer: policy.LayerSession}},
	} {
		const start = "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:111122223333:key/x"
		if got := d.Message(r); got != start+want {
			t.Errorf("%s, want %s", got, start+want)
		}
	}
}

// Every condition key has one entry, and what Evaluate answers itself is never asked of the Context.
func TestKeys(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range policy.Keys() {
		name := strings.ToLower(k.Name)
		if seen[name] || k.Type == "" {
			t.Errorf("%s: twice, or without a type", k.Name)
		}
		seen[name] = true
		if strings.HasSuffix(name, ":") || strings.HasSuffix(name, "/") {
			name += "x"
		}
		asked := false
		r := &policy.Request{Principal: caller("A/user/alice"), Action: "kms:Decrypt", Resource: policy.Resource{ARN: "*"}, Context: lookup(func(key string) []string {
			asked = asked || key == name
			return nil
		})}
		doc := must(t)(policy.ParseIdentity(iamDocument(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"` + name + `":"false"}}}`)))
		policy.Evaluate(r, &policy.Policies{Alone: true, Identity: []policy.Attached{{Document: doc}}})
		if asked == k.Own {
			t.Errorf("%s: the context was asked: %t, and the table says %t", k.Name, asked, !k.Own)
		}
	}
}

type lookup func(key string) []string

func (l lookup) Lookup(key string) []string { return l(key) }
