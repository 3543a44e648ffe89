package policy_test

import (
	"strings"
	"testing"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

const goodIAM = `{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}`

func iamDocument(statements ...string) string {
	return `{"Version":"2012-10-17",` + "\n" + `"Statement":[` + strings.Join(statements, ",\n") + "]}"
}

// What IAM would refuse is refused with its words, and the place.
func TestMalformedIAMPolicies(t *testing.T) {
	element := func(name, value string) string {
		return iamDocument(goodIAM, `{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","`+name+`":`+value+`}`)
	}
	condition := func(operator, value string) string {
		return element("Condition", `{"`+operator+`":{"kms:ViaService":`+value+`}}`)
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "not valid JSON: line 1: unexpected EOF"},
		{"cut off", iamDocument(goodIAM)[:60], "not valid JSON: line 2: "},
		{"a bomb of lists", strings.Repeat("[", 10000), "nested too deeply"},
		{"a bomb of objects", strings.Repeat(`{"a":`, 2000), "nested too deeply"},
		{"a bomb of white space", strings.Repeat(" ", policy.MaxIAMBytes+1), "exceeds the limit of 131072 bytes"},
		{"too long", iamDocument(`{"Effect":"Allow","Action":"kms:Decrypt","Resource":"` + strings.Repeat("x", policy.MaxIAMChars) + `"}`), "exceeds the limit of 10240 characters"},
		{"a name twice", iamDocument(`{"Effect":"Allow","Effect":"Deny","Action":"kms:*","Resource":"*"}`), `"Effect" occurs twice`},
		{"an operator twice", element("Condition", `{"Bool":{"a:b":"true"},"Bool":{"a:c":"true"}}`), `line 3: "Bool" occurs twice`},
		{"a version to come", `{"Version":"2030-01-01","Statement":[` + goodIAM + "]}", "Version"},
		{"no statement", iamDocument(), "no statement"},
		{"an empty statement", iamDocument("{}"), "statement 1: not an object with elements"},
		{"a principal", element("Principal", `"*"`), "line 3: statement 2: Policy document should not specify a principal"},
		{"no action", iamDocument(`{"Effect":"Allow","Resource":"*"}`), "line 2: statement 1: Policy statement must contain actions"},
		{"both actions", element("NotAction", `"kms:*"`), "exactly one of Action and NotAction"},
		{"no resource", iamDocument(`{"Effect":"Allow","Action":"kms:*"}`), "Policy statement must contain resources"},
		{"both resources", element("NotResource", `"*"`), "exactly one of Resource and NotResource"},
		{"a resource that is none", iamDocument(`{"Effect":"Allow","Action":"kms:*","Resource":"alias/a"}`), `Resource alias/a must be in ARN format or "*".`},
		{"an id twice", iamDocument(`{"Sid":"a","Effect":"Allow","Action":"kms:*","Resource":"*"}`, `{"Sid":"a","Effect":"Allow","Action":"kms:*","Resource":"*"}`), "statement 2: Statement IDs (SID) in a single policy must be unique"},
		{"an id with spaces", element("Sid", `"a b"`), "statement 2: Statement IDs (SID) must be alpha-numeric"},
		{"an unknown operator", condition("StringEqualz", `"a"`), "statement 2: element Condition: Invalid Condition type : StringEqualz"},
		{"an operator in lower case", condition("stringequals", `"a"`), "Invalid Condition type"},
		{"an unknown prefix", condition("ForSomeValues:StringEquals", `"a"`), "Invalid Condition type"},
		{"two prefixes", condition("ForAllValues:ForAnyValue:StringEquals", `"a"`), "Invalid Condition type"},
		{"IfExists twice", condition("StringEqualsIfExistsIfExists", `"a"`), "Invalid Condition type"},
		{"NullIfExists", condition("NullIfExists", `"true"`), "Invalid Condition type"},
		{"a set operator of Null", condition("ForAnyValue:Null", `"true"`), "Invalid Condition type"},
		{"an operator without keys", element("Condition", `{"Bool":{}}`), "no condition key"},
		{"a number that is none", condition("NumericEquals", `"ten"`), `NumericEquals of kms:ViaService: invalid value "ten"`},
		{"an endless number", condition("NumericEquals", `1e999`), "invalid value"},
		{"a number in hexadecimal", condition("NumericEquals", `"0x10"`), "invalid value"},
		{"a date that is none", condition("DateLessThan", `"soon"`), "invalid value"},
		{"neither true nor false", condition("Bool", `"yes"`), "invalid value"},
		{"Null of something", condition("Null", `"yes"`), "invalid value"},
		{"no network", condition("IpAddress", `"10.0.0.0/33"`), "invalid value"},
		{"not base64", condition("BinaryEquals", `"%"`), "invalid value"},
		{"a variable without an end", condition("StringEquals", `"${aws:username"`), "is not closed"},
		{"a variable of nothing", condition("StringEquals", `"${}"`), "invalid policy variable"},
		{"a default without quotes", condition("StringEquals", `"${aws:username, x}"`), "not in single quotes"},
		{"a wildcard in disguise", condition("StringLike", `"a\u0000b"`), "control character"},
		{"a value without end", condition("StringLike", `"`+strings.Repeat("*", 5000)+`"`), "at most 4096"},
	} {
		doc, err := policy.ParseIdentity(c.text)
		if err == nil || doc != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want %q", c.name, doc, err, c.want)
		}
	}
}

func TestMalformedTrustPolicies(t *testing.T) {
	for text, want := range map[string]string{
		`{"Effect":"Allow","Action":"sts:AssumeRole"}`:                                               "exactly one of Principal and NotPrincipal",
		`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}`:                "Has prohibited field Resource",
		`{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt"}`:                                  "AssumeRole policy may only specify STS AssumeRole actions",
		`{"Effect":"Allow","Principal":{"AWS":"alice"},"Action":"sts:AssumeRole"}`:                   `Invalid principal in policy: "AWS":"alice"`,
		`{"Effect":"Allow","Principal":{"Host":"x"},"Action":"sts:AssumeRole"}`:                      "unknown type of principal",
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"sts:AssumeRole"}`:     "Invalid principal",
		`{"Effect":"Perhaps","Principal":{"AWS":"111122223333"},"Action":["sts:AssumeRole"]}`:        "neither Allow nor Deny",
		`{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com",""]},"Action":"sts:TagRole"}`: "Invalid principal",
	} {
		if doc, err := policy.ParseTrust(iamDocument(text)); err == nil || doc != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", text, doc, err)
		}
	}
	if _, err := policy.ParseTrust(iamDocument(`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}`)); err != nil {
		t.Error(err)
	}
}

// Policy variables came in 2012: before, their text stands for itself.
func TestVariablesAreOfTheirVersion(t *testing.T) {
	text := `{"Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/${aws:username}"}}}}`
	for version, allowed := range map[string][]string{
		`{`:                        {"alias/${aws:username}"},
		`{"Version":"2008-10-17",`: {"alias/${aws:username}"},
		`{"Version":"2012-10-17",`: {"alias/alice"},
	} {
		doc := must(t)(policy.ParseIdentity(version + text[1:]))
		for _, alias := range []string{"alias/alice", "alias/${aws:username}"} {
			r := &policy.Request{Principal: caller("A/user/alice"), Action: "kms:Decrypt", Resource: policy.Resource{ARN: "*"}, Context: policy.Values{"kms:requestalias": {alias}}}
			d := policy.Evaluate(r, &policy.Policies{Alone: true, Identity: []policy.Attached{{Document: doc}}})
			if d.Allowed != (alias == allowed[0]) {
				t.Errorf("%s %s: allowed %t", version, alias, d.Allowed)
			}
		}
	}
}

// Where a policy is missing nothing is allowed.
func TestNoPolicyAllowsNothing(t *testing.T) {
	all := policy.Attached{Document: must(t)(policy.ParseIdentity(iamDocument(goodIAM)))}
	key := must(t)(policy.Parse(policy.Default("aws", accountA)))
	r := &policy.Request{Principal: caller("A/user/alice"), Action: "kms:Decrypt", Resource: policy.Resource{ARN: "arn:aws:kms:us-east-1:111122223333:key/x", Account: accountA}}
	for name, p := range map[string]*policy.Policies{
		"no policies":              {},
		"no key policy":            {Identity: []policy.Attached{all}},
		"an empty key policy":      {Resource: &policy.Document{}, Identity: []policy.Attached{all}},
		"an identity policy as it": {Resource: all.Document, Identity: []policy.Attached{all}},
		"no identity policy":       {Resource: key, Identity: []policy.Attached{{}}},
		"an empty boundary":        {Resource: key, Identity: []policy.Attached{all}, Boundary: &policy.Attached{}},
		"an empty session policy":  {Resource: key, Identity: []policy.Attached{all}, Session: []policy.Attached{{}}},
		"an empty level":           {Resource: key, Identity: []policy.Attached{all}, Service: [][]policy.Attached{{}}},
	} {
		if d := policy.Explain(r, p); d.Allowed || d.Reason == 0 {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := policy.Evaluate(r, &policy.Policies{Resource: key, Identity: []policy.Attached{all}}); !d.Allowed {
		t.Errorf("with all of them: %+v", d)
	}
}

// FuzzEvaluate reads a text as each kind of policy and decides by it.
func FuzzEvaluate(f *testing.F) {
	f.Add(policy.Default("aws", accountA), "kms:Decrypt", "alice", "x")
	f.Add(iamDocument(goodIAM), "kms:Decrypt", "alice", "x")
	f.Add(iamDocument(`{"Effect":"Deny","NotAction":"kms:De*","NotResource":"arn:aws:kms:*:${aws:PrincipalAccount}:key/*","Condition":{"ForAllValues:StringLikeIfExists":{"kms:EncryptionContextKeys":["a*?","${aws:username, 'b'}","${*}"]}}}`), "kms:Encrypt", "*", "\x00")
	f.Add(iamDocument(`{"Effect":"Allow","Principal":{"AWS":["111122223333"],"Service":"a.b"},"Action":"sts:*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"DateLessThan":{"aws:CurrentTime":"2030"},"NumericLessThan":{"aws:EpochTime":5},"Null":{"a:b":"true"}}}`), "sts:AssumeRole", "", "10.1.1.1")
	f.Fuzz(func(t *testing.T, text, action, name, value string) {
		p := caller("A/user/alice")
		p.UserName, p.Tags = name, map[string]string{name: value}
		r := &policy.Request{
			Principal: p, Action: action, EncryptionContext: map[string]string{name: value, value: name},
			Resource: policy.Resource{ARN: "arn:aws:kms:us-east-1:111122223333:key/" + value, Account: accountA, Aliases: []string{name, value}},
			Context:  policy.Values{"aws:sourceip": {value}, "kms:viaservice": {value}, "kms:requestalias": {name, value}},
		}
		key, err := policy.Parse(text)
		if err != nil && code(err) == "" || (err == nil) != (key != nil) {
			t.Fatalf("%v, %v", key, err)
		}
		iam, _ := policy.ParseIdentity(text)
		trust, _ := policy.ParseTrust(text)
		if err != nil && code(err) != kmsapi.LimitExceededException && iam == nil && trust == nil {
			if d := policy.Evaluate(r, &policy.Policies{Resource: key, Identity: []policy.Attached{{Document: iam}}}); d.Allowed {
				t.Fatalf("allowed by what is malformed: %+v", d)
			}
		}
		for _, resource := range []*policy.Document{key, trust} {
			policies := &policy.Policies{Resource: resource, Identity: []policy.Attached{{Document: iam}}, Boundary: &policy.Attached{Document: iam}}
			d := policy.Explain(r, policies)
			if !resourceAllows(resource) && d.Allowed {
				t.Fatalf("nothing allows it: %+v", d)
			}
			if len(d.Near) > policy.MaxNear {
				t.Fatalf("%d near misses", len(d.Near))
			}
			if d.Allowed && action != "" && !strings.Contains(strings.ToLower(text), "allow") {
				t.Fatalf("allowed without the word: %+v", d)
			}
		}
	})
}

func resourceAllows(doc *policy.Document) bool {
	if doc == nil {
		return false
	}
	for _, s := range doc.Statements {
		if !s.Deny {
			return true
		}
	}
	return false
}
