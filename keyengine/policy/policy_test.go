package policy_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// statement is a good statement into which a test may put elements, or over which it may write some.
func statement(changes map[string]any) map[string]any {
	s := map[string]any{"Effect": "Allow", "Principal": map[string]any{"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}
	for k, v := range changes {
		if v == nil {
			delete(s, k)
		} else {
			s[k] = v
		}
	}
	return s
}

func document(statements ...any) string {
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Id": "x", "Statement": statements})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func with(element string, value any) string {
	return document(statement(map[string]any{element: value}))
}

func TestDefault(t *testing.T) {
	doc, err := policy.Parse(policy.Default("aws-cn", "111122223333"))
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Statement{{
		Sid:        "Enable IAM User Permissions",
		Line:       5,
		Principals: []policy.Whom{{Type: "AWS", Name: "arn:aws-cn:iam::111122223333:root"}},
		Actions:    []string{"kms:*"},
	}}
	if doc.Version != "2012-10-17" || doc.ID != "key-default-1" || !reflect.DeepEqual(doc.Statements, want) {
		t.Errorf("%+v", doc)
	}
}

func TestParse(t *testing.T) {
	doc, err := policy.Parse(strings.ReplaceAll(document(
		statement(map[string]any{
			"Sid": "with spaces é", "Principal": "*", "Action": []string{"kms:Decrypt", "kms:Generate*"},
			"Condition": map[string]any{"Bool": map[string]any{"kms:GrantIsForAWSResource": true}},
		}),
		statement(map[string]any{
			"Effect": "Deny", "Principal": nil, "NotPrincipal": map[string]any{"AWS": []string{"111122223333", "arn:aws:iam::111122223333:role/a/b"}},
			"Action": nil, "NotAction": "kms:Describe*", "Resource": []string{"*"},
			"Condition": map[string]any{"ForAnyValue:StringLikeIfExists": map[string]any{"kms:EncryptionContext:ab": []any{"x", 7}}},
		}),
	), ",", " ,\n\t"))
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Statement{
		{
			Sid: "with spaces é", Principals: []policy.Whom{{Type: "AWS", Name: "*"}}, Actions: []string{"kms:Decrypt", "kms:Generate*"},
			Conditions: []policy.Condition{{Operator: "Bool", Key: "kms:GrantIsForAWSResource", Values: []string{"true"}}},
		},
		{
			Deny: true, NotPrincipals: []policy.Whom{{Type: "AWS", Name: "111122223333"}, {Type: "AWS", Name: "arn:aws:iam::111122223333:role/a/b"}},
			NotActions: []string{"kms:Describe*"},
			Conditions: []policy.Condition{{Operator: "ForAnyValue:StringLikeIfExists", Key: "kms:EncryptionContext:ab", Values: []string{"x", "7"}}},
		},
	}
	for i := range doc.Statements {
		doc.Statements[i].Line = 0
	}
	if !reflect.DeepEqual(doc.Statements, want) {
		t.Errorf("%+v", doc.Statements)
	}
}

func TestOneStatementWithoutAList(t *testing.T) {
	doc, err := policy.Parse(`{"Version":"2008-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"x.amazonaws.com"},"Action":"*","Resource":"*"}}`)
	if err != nil || len(doc.Statements) != 1 || doc.Statements[0].Principals[0] != (policy.Whom{Type: "Service", Name: "x.amazonaws.com"}) {
		t.Errorf("%+v, %v", doc, err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := document(statement(nil))
	for name, text := range map[string]string{
		"nothing":                 "",
		"not JSON":                "policy",
		"cut off":                 good[:len(good)-1],
		"two values":              good + good,
		"a list":                  "[" + good + "]",
		"null":                    "null",
		"a control character":     "\x00" + good,
		"a character past U+00FF": with("Sid", "Ā"),
		"not UTF-8":               strings.Replace(good, `"x"`, "\"\xff\"", 1),
		"nested too deeply":       strings.Replace(good, `"x"`, strings.Repeat("[", 10000)+strings.Repeat("]", 10000), 1),
		"no version":              strings.Replace(good, `"Version"`, `"Id2"`, 1),
		"other version":           strings.Replace(good, "2012-10-17", "2024-01-01", 1),
		"version as a number":     strings.Replace(good, `"2012-10-17"`, "2012", 1),
		"lower-case element":      strings.Replace(good, `"Effect"`, `"effect"`, 1),
		"unknown element":         strings.Replace(good, `"Id"`, `"Ib"`, 1),
		"element twice":           strings.Replace(good, `"Effect"`, `"Effect":"Deny","Effect"`, 1),
		"no statement":            document(),
		"statement is a string":   document("x"),
		"no effect":               with("Effect", nil),
		"other effect":            with("Effect", "allow"),
		"effect is a list":        with("Effect", []string{"Allow"}),
		"no principal":            with("Principal", nil),
		"both principals":         with("NotPrincipal", "*"),
		"empty principal":         with("Principal", map[string]any{}),
		"no principals":           with("Principal", map[string]any{"AWS": []string{}}),
		"principal is a name":     with("Principal", "arn:aws:iam::111122223333:root"),
		"principal of other type": with("Principal", map[string]any{"aws": "*"}),
		"principal not an ARN":    with("Principal", map[string]any{"AWS": "alice"}),
		"all services":            with("Principal", map[string]any{"Service": "*"}),
		"principal elsewhere":     with("Principal", map[string]any{"AWS": "arn:aws-x:iam::111122223333:root"}),
		"principal of S3":         with("Principal", map[string]any{"AWS": "arn:aws:s3:::bucket"}),
		"principal is nested":     with("Principal", map[string]any{"AWS": map[string]any{"AWS": "*"}}),
		"service without name":    with("Principal", map[string]any{"Service": ""}),
		"no action":               with("Action", nil),
		"both actions":            with("NotAction", "kms:*"),
		"empty action":            with("Action", []string{}),
		"action without service":  with("Action", "Decrypt"),
		"action is null":          with("Action", []any{nil}),
		"no resource":             with("Resource", nil),
		"resource is an ARN":      with("Resource", "arn:aws:kms:us-east-1:111122223333:key/*"),
		"resource and more":       with("Resource", []string{"*", "x"}),
		"not resource":            with("NotResource", "*"),
		"condition is a list":     with("Condition", []any{}),
		"unknown operator":        with("Condition", map[string]any{"StringIs": map[string]any{"kms:ViaService": "x"}}),
		"operator without keys":   with("Condition", map[string]any{"StringEquals": "x"}),
		"condition key":           with("Condition", map[string]any{"StringEquals": map[string]any{"nocolon": "x"}}),
		"condition key spaced":    with("Condition", map[string]any{"StringEquals": map[string]any{"kms:a b": "x"}}),
		"condition without value": with("Condition", map[string]any{"StringEquals": map[string]any{"kms:ViaService": []any{}}}),
		"NullIfExists":            with("Condition", map[string]any{"NullIfExists": map[string]any{"kms:ViaService": "true"}}),
	} {
		doc, err := policy.Parse(text)
		if code(err) != kmsapi.MalformedPolicyDocumentException || doc != nil {
			t.Errorf("%s: %+v, %v", name, doc, err)
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	_, err := policy.Parse(strings.Repeat("[", policy.MaxBytes))
	if err == nil || !strings.Contains(err.Error(), "too deeply") {
		t.Errorf("%v", err)
	}
}

func TestSize(t *testing.T) {
	good := document(statement(nil))
	longest := good + strings.Repeat(" ", policy.MaxBytes-len(good))
	if _, err := policy.Parse(longest); err != nil {
		t.Error(err)
	}
	if _, err := policy.Parse(longest + " "); code(err) != kmsapi.LimitExceededException {
		t.Error(err)
	}
}

func code(err error) string {
	var f *kmsapi.Fault
	if !errors.As(err, &f) {
		return ""
	}
	return f.Code
}

func FuzzParse(f *testing.F) {
	f.Add(policy.Default("aws", "111122223333"))
	f.Add(with("Condition", map[string]any{"StringEquals": map[string]any{"kms:ViaService": []any{"x", true, 1.5}}}))
	f.Add(`{"Version":"2012-10-17","Statement":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := policy.Parse(text)
		if (err == nil) != (doc != nil) || err != nil && code(err) == "" {
			t.Fatalf("%+v, %v", doc, err)
		}
		if err != nil {
			return
		}
		for _, s := range doc.Statements {
			if len(s.Principals)+len(s.NotPrincipals) == 0 || len(s.Actions)+len(s.NotActions) == 0 {
				t.Fatalf("incomplete statement %+v", s)
			}
		}
		if !json.Valid([]byte(text)) {
			t.Fatal("not JSON")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := policy.Default("aws", "111122223333")
	for b.Loop() {
		if _, err := policy.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

// What begins like an ARN and is none is told apart from the ARN of something that is no principal.
func TestMalformedARNOfAPrincipal(t *testing.T) {
	for name, want := range map[string]string{
		"arn:":                          kmsapi.InvalidArnException,
		"arn:aws:iam::111122223333":     kmsapi.InvalidArnException,
		"arn:aws:iam::111122223333:key": kmsapi.MalformedPolicyDocumentException,
	} {
		if _, err := policy.Parse(document(statement(map[string]any{"Principal": map[string]any{"AWS": name}}))); code(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}
