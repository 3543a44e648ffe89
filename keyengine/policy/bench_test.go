package policy_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/policy"
)

func BenchmarkEvaluate(b *testing.B) {
	small := must(b)(policy.Parse(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/app"},"Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*"}]}`))
	var statements []any
	size := 0
	for i := 0; size < policy.MaxBytes-600; i++ {
		s := readStatement("key", []string{
			"allow", fmt.Sprintf("A/role/other-%d", i), "kms:Encrypt,kms:Decrypt,kms:ReEncrypt*",
			"if", "StringEquals", "kms:ViaService", "s3.us-east-1.amazonaws.com",
		})
		text, _ := json.Marshal(s)
		size += len(text) + 1
		statements = append(statements, s)
	}
	statements = append(statements, readStatement("key", []string{"allow", "A/root", "kms:*"}))
	text, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	large := must(b)(policy.Parse(string(text)))
	var fifty []any
	for i := range 49 {
		fifty = append(fifty, readStatement("iam", []string{"allow", "kms:Encrypt,kms:Decrypt", "on", fmt.Sprintf("arn:aws:kms:us-east-1:111122223333:key/%d*", 100+i)}))
	}
	fifty = append(fifty, readStatement("iam", []string{"allow", "kms:Encrypt"}))
	text, _ = json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": fifty})
	iam := []policy.Attached{{Name: "fifty", Document: must(b)(policy.ParseIdentity(string(text)))}}
	grants := byGrantee{}
	for i := range 10_000 {
		g := readGrant([]string{fmt.Sprintf("A/user/grantee-%d", i), "Encrypt"})
		grants.add(fmt.Sprint(i), g.Grantee, g)
	}
	for _, c := range []struct {
		name, who string
		policies  policy.Policies
	}{
		{"2 statements", "A/session/app/one", policy.Policies{Resource: small}},
		{"32 KB", "A/user/x", policy.Policies{Resource: large, Identity: iam[:0]}},
		{"50 IAM statements", "A/user/x", policy.Policies{Resource: small, Identity: iam}},
		{"10000 grants", "A/user/grantee-9999", policy.Policies{Resource: small, Grants: grants}},
		{"all of it", "A/user/grantee-9999", policy.Policies{Resource: large, Identity: iam, Grants: grants}},
	} {
		r := &policy.Request{Principal: caller(c.who), Action: "kms:Encrypt", Region: "us-east-1", EncryptionContext: map[string]string{"a": "b"}}
		r.Resource = policy.Resource{ARN: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", Account: accountA}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := policy.Evaluate(r, &c.policies); d.Allowed == (c.name == "32 KB") {
					b.Fatal(d)
				}
			}
		})
	}
}

var _ policy.Grant = (*keyengine.Grant)(nil)
