package identity

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"meridian/keyengine/policy"
)

const allow = `{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "*", Resource: "*"}]}`

// trust is a trust policy for principals.
func trust(principals ...string) string {
	return `{Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: ["` + strings.Join(principals, `", "`) + `"]}, Action: ["sts:AssumeRole", "sts:TagSession"]}]}`
}

func example(t testing.TB) *Directory {
	t.Helper()
	text, err := os.ReadFile("testdata/identity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func names(list []policy.Attached) string {
	var all []string
	for _, a := range list {
		all = append(all, a.Name)
	}
	return strings.Join(all, ", ")
}

func TestCallersOfTheExample(t *testing.T) {
	d := example(t)
	keys := d.AccessKeys("aws-cn")
	if len(keys) != 5 {
		t.Errorf("%d access keys, want the 5 that are active", len(keys))
	}
	alice := keys["AKIAALICE00000000001"]
	c := alice.Caller
	if alice.Secret.Reveal() != "alice-secret-for-tests" || c.Who.ARN != "arn:aws-cn:iam::111122223333:user/staff/alice" || c.Who.Kind != policy.User ||
		c.Who.UserName != "alice" || !strings.HasPrefix(c.Who.UserID, "AIDA") || c.Who.Tags["team"] != "billing" {
		t.Errorf("alice is %+v", c.Who)
	}
	if got, want := names(c.Policies.Identity), "arn:aws:iam::111122223333:policy/use-keys, inline policy become-auditor of user alice, arn:aws:iam::aws:policy/AdministratorAccess"; got != want {
		t.Errorf("alice's policies: %s\nwant %s", got, want)
	}
	if c.Policies.Boundary == nil || c.Policies.Boundary.Name != "arn:aws:iam::111122223333:policy/limits/at-most" {
		t.Errorf("alice's boundary: %v", c.Policies.Boundary)
	}
	var levels []string
	for _, l := range c.Policies.Service {
		levels = append(levels, names(l))
	}
	if got := strings.Join(levels, " | "); got != "FullAWSAccess | FullAWSAccess, no-deletions | only-kms" {
		t.Errorf("service control policies: %s", got)
	}
	if got := c.Who.OrgPaths; len(got) != 1 || got[0] != "o-example123/r-root/prod/" {
		t.Errorf("organisation path: %v", got)
	}
	if root := keys["AKIAROOT000000000001"].Caller; root.Who.ARN != "arn:aws-cn:iam::999988887777:root" || root.Policies.Service != nil {
		t.Errorf("root of the account that manages the organisation: %+v", root)
	}
	if s := keys["AKIALOGS000000000001"].Caller; s.Who.Kind != policy.Service || s.Who.Service != "logs.amazonaws.com" {
		t.Errorf("service: %+v", s.Who)
	}
	if _, ok := keys["AKIAALICE00000000002"]; ok {
		t.Error("an inactive access key is known")
	}
	if d.Development() {
		t.Error("the development access keys are not turned off")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	keys := example(t).AccessKeys("aws")
	session := Session{Secret: "hidden-secret"}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", keys, keys, keys), fmt.Sprintf("%v %+v %#v", session, session, session)} {
		if strings.Contains(text, "secret-for-tests") || strings.Contains(text, "hidden-secret") {
			t.Error("a secret prints")
		}
	}
}

// fileOf is a file of one account with these members.
func fileOf(members string) string { return "accounts:\n- id: \"111122223333\"\n" + members }

func TestWhatIsWrongIsToldWithItsLine(t *testing.T) {
	user := func(member string) string { return fileOf("  users:\n  - name: u\n    " + member + "\n") }
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "line 1: the file is empty"},
		{"no YAML", "accounts: [", "yaml: line 1"},
		{"two documents", "accounts: []\n---\naccounts: []\n", "the file holds more than one document"},
		{"a misspelt member", "acounts: []\n", `line 1: the file has no member "acounts" (did you mean accounts?)`},
		{"a misspelt member of a user", user("polices: []"), `line 5: a user has no member "polices" (did you mean policies?)`},
		{"an account id that is none", "accounts:\n- id: 1111\n", `line 2: the account's id "1111" is not 12 digits`},
		{"an account twice", "accounts:\n- id: \"111122223333\"\n- id: \"111122223333\"\n", "line 3: account 111122223333 is in line 2, too"},
		{"a user twice", fileOf("  users:\n  - name: u\n  - name: U\n"), "line 5: user U is in line 4, too"},
		{"a name that is none", fileOf("  users:\n  - name: \"u v\"\n"), `line 4: a user needs a name of 1 to 64 letters`},
		{"an unknown policy", user("policies: [use-keys]"), `line 4: account 111122223333 has no policy "use-keys"`},
		{"an unknown group", user("groups: [g]"), `line 4: account 111122223333 has no group "g"`},
		{"an unknown boundary", user("permissionsBoundary: b"), `line 4: account 111122223333 has no policy "b"`},
		{"a policy that is none", fileOf("  policies:\n  - name: p\n    document: {Version: \"2012-10-17\", Statement: [{Effect: Perhaps, Action: \"*\", Resource: \"*\"}]}\n"), "line 5: identity policy: statement 1"},
		{"an unknown operator", fileOf("  policies:\n  - name: p\n    document: {Version: \"2012-10-17\", Statement: [{Effect: Allow, Action: \"*\", Resource: \"*\", Condition: {StringSortOf: {\"aws:username\": u}}}]}\n"), "line 5: identity policy: statement 1"},
		{"a policy without a document", fileOf("  policies:\n  - name: p\n"), "line 4: policy p needs a document"},
		{"a role without trust", fileOf("  roles:\n  - name: r\n"), "line 4: role r needs a trustPolicy"},
		{"a trust policy with a resource", fileOf("  roles:\n  - name: r\n    trustPolicy: " + allow + "\n"), "line 5: trust policy: statement 1"},
		{"too long a session", fileOf("  roles:\n  - name: r\n    maxSessionSeconds: 50000\n    trustPolicy: " + trust("111122223333") + "\n"), "line 4: maxSessionSeconds 50000 is not between 3600 and 43200"},
		{"a short access key", user("accessKeys: [{id: AKIA, secret: longenough}]"), `line 5: the access key's id "AKIA" is not of 16 to 128`},
		{"the access key of a session", user("accessKeys: [{id: ASIA000000000000, secret: longenough}]"), "begins with ASIA, as those of sessions do"},
		{"an access key twice", user("accessKeys: [{id: AKIA000000000000, secret: longenough}, {id: AKIA000000000000, secret: longenough}]"), "line 5: access key AKIA000000000000 is in line 5, too"},
		{"three access keys", user("accessKeys: [{}, {}, {}]"), "line 5: accessKeys has 3 items, at most 2"},
		{"a tag twice", user("tags: {a: x, A: y}"), `line 5: the tag key "A" is there twice`},
		{"a reserved tag", user("tags: {\"aws:x\": y}"), "begins with aws:, which is reserved"},
		{"an unknown unit", "accounts:\n- id: \"111122223333\"\n  unit: x\n", `line 2: there is no unit "x"`},
		{"a unit within itself", "organization:\n  units:\n  - {name: a, parent: b}\n  - {name: b, parent: a}\n", "is deeper than 5 units, or within itself"},
		{"an unknown control policy", "organization: {rootPolicies: [x]}\n", `line 1: there is no service control policy "x"; there is FullAWSAccess`},
		{"a service that is none", "services: [{name: logs}]\n", `line 1: "logs" is not the name of a service`},
		{"an odd boolean", "developmentKeys: perhaps\n", "line 1: must be true or false"},
		{
			"roles in a circle", fileOf("  roles:\n  - name: a\n    trustPolicy: " + trust("arn:aws:iam::111122223333:role/b") + "\n  - name: b\n    path: /x/\n    trustPolicy: " +
				trust("arn:aws:sts::111122223333:assumed-role/c/s") + "\n  - name: c\n    trustPolicy: " + trust("111122223333", "arn:aws:iam::111122223333:role/a") + "\n"),
			"line 4: roles trust each other in a circle: 111122223333/a trusts 111122223333/b trusts 111122223333/c trusts 111122223333/a; let one of them",
		},
		{"a role that trusts itself", fileOf("  roles:\n  - name: a\n    trustPolicy: " + trust("arn:aws:iam::111122223333:role/a") + "\n"), "circle: 111122223333/a trusts 111122223333/a;"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Parse([]byte(tt.text))
			if err == nil || d != nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestASecretIsNotTold(t *testing.T) {
	for _, secret := range []string{"short", "with a space in it", `"x\ny1234567"`, "[a-secret-in-a-list]", "{a-secret: x}"} {
		_, err := Parse([]byte(fileOf("  users:\n  - name: u\n    accessKeys: [{id: AKIA000000000000, secret: " + secret + "}]\n")))
		if err == nil || strings.Contains(err.Error(), strings.Trim(secret, `"`)) || strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%v", err)
		}
	}
}

func TestAFileIsBounded(t *testing.T) {
	if _, err := Parse(make([]byte, MaxBytes+1)); err == nil {
		t.Error("accepted")
	}
	var bomb strings.Builder // each policy is short, the file is, and what it stands for is not
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":["arn:aws:kms:::` + strings.Repeat("a", 4000) + `"]}]}`
	bomb.WriteString("accounts:\n- id: \"111122223333\"\n  policies:\n  - {name: p0, document: &d '" + doc + "'}\n")
	for i := range 4900 {
		fmt.Fprintf(&bomb, "  - {name: p%d, document: *d}\n", i+1)
	}
	if _, err := Parse([]byte(bomb.String())); err == nil || !strings.Contains(err.Error(), "the policies of the file are longer") {
		t.Errorf("%v", err)
	}
}

const auditor = "arn:aws:iam::111122223333:role/auditor"

func TestAssumeRole(t *testing.T) {
	d := example(t)
	keys := d.AccessKeys("aws")
	alice, bob := keys["AKIAALICE00000000001"].Caller, keys["AKIABOB0000000000001"].Caller
	far := "arn:aws:iam::444455556666:role/team/partner"
	for _, tt := range []struct {
		name   string
		caller *Caller
		change func(*AssumeRole)
		want   string // of the fault; empty: it may
	}{
		{"trusted by the account, allowed by a policy", alice, nil, ""},
		{"an hour and more", alice, func(in *AssumeRole) { in.Seconds = 7200 }, ""},
		{"longer than the role's sessions", alice, func(in *AssumeRole) { in.Seconds = 7201 }, "ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"shorter than any session", alice, func(in *AssumeRole) { in.Seconds = 899 }, "Member must have value between 900 and 43200"},
		{"no policy allows it", bob, nil, "AccessDenied: User: arn:aws:iam::444455556666:user/bob is not authorized to perform: sts:AssumeRole on resource: " + auditor},
		{"a role that is not there", alice, func(in *AssumeRole) { in.RoleARN = "arn:aws:iam::111122223333:role/nobody" }, "because there is no such role"},
		{"a role under another path", alice, func(in *AssumeRole) { in.RoleARN = "arn:aws:iam::111122223333:role/x/auditor" }, "because there is no such role"},
		{"a user as a role", alice, func(in *AssumeRole) { in.RoleARN = "arn:aws:iam::111122223333:user/staff/alice" }, "because there is no such role"},
		{"text", alice, func(in *AssumeRole) { in.RoleARN = strings.Repeat("x", 30) }, "because there is no such role"},
		{"root", d.RootCaller("aws", "111122223333"), nil, "AccessDenied: Roles may not be assumed by root accounts."},
		{"another account without the external id", alice, func(in *AssumeRole) { in.RoleARN = far }, "AccessDenied"},
		{"another account with a wrong external id", alice, func(in *AssumeRole) { in.RoleARN, in.ExternalID = far, "guess" }, "AccessDenied"},
		{"another account with the external id", alice, func(in *AssumeRole) { in.RoleARN, in.ExternalID = far, "handshake" }, ""},
		{"the trusting account's own user without a policy", bob, func(in *AssumeRole) { in.RoleARN, in.ExternalID = far, "handshake" }, "AccessDenied"},
		{"no session name", alice, func(in *AssumeRole) { in.SessionName = "" }, "ValidationError"},
		{"a session name with a slash", alice, func(in *AssumeRole) { in.SessionName = "a/b" }, "ValidationError"},
		{"tags without permission", alice, func(in *AssumeRole) { in.Tags = []Tag{{"k", "v"}} }, "not authorized to perform: sts:TagSession"},
		{"a tag twice", alice, func(in *AssumeRole) { in.Tags = []Tag{{"k", "v"}, {"K", "v"}} }, "is there twice"},
		{"a transitive tag that is none", alice, func(in *AssumeRole) { in.Transitive = []string{"k"} }, "transitive tag key must be included"},
		{"a source identity without permission", alice, func(in *AssumeRole) { in.SourceID = "alice" }, "not authorized to perform: sts:SetSourceIdentity"},
		{"a session policy", alice, func(in *AssumeRole) {
			in.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}]}`
		}, ""},
		{"a session policy that is none", alice, func(in *AssumeRole) { in.Policy = `{"Version":"2012-10-17"}` }, "MalformedPolicyDocument"},
		{"a session policy that is too long", alice, func(in *AssumeRole) { in.Policy = strings.Repeat("x", 2049) }, "PackedPolicyTooLarge"},
		{"a managed session policy", alice, func(in *AssumeRole) { in.PolicyARNs = []string{"arn:aws:iam::111122223333:policy/use-keys"} }, ""},
		{"a managed session policy of another account", alice, func(in *AssumeRole) { in.PolicyARNs = []string{"arn:aws:iam::444455556666:policy/use-keys"} }, "MalformedPolicyDocument"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := AssumeRole{RoleARN: auditor, SessionName: "s1"}
			if tt.change != nil {
				tt.change(&in)
			}
			s, fault := d.AssumeRole(Moment{Partition: "aws", Region: "us-east-1", Now: 1}, tt.caller, in)
			switch {
			case fault == nil && tt.want != "":
				t.Fatalf("allowed, want %s", tt.want)
			case fault != nil && (tt.want == "" || !strings.Contains(fault.Error(), tt.want)):
				t.Fatalf("got  %v\nwant %s", fault, tt.want)
			case fault != nil && s != nil:
				t.Fatal("refused with a session")
			}
		})
	}
}

// caller takes a session through its bytes to who acts in it.
func caller(t *testing.T, d *Directory, s *Session) *Caller {
	t.Helper()
	s.AccessKeyID = "ASIA0000000000000001"
	again, err := DecodeSession(s.Encode())
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Caller("aws", again, func(string) *Caller { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRolesOneAfterTheOther(t *testing.T) {
	d := example(t)
	m := Moment{Partition: "aws", Region: "us-east-1", Now: 1}
	alice := d.AccessKeys("aws")["AKIAALICE00000000001"].Caller
	assume := func(c *Caller, in AssumeRole) (*Session, error) {
		s, fault := d.AssumeRole(m, c, in)
		if fault != nil {
			return nil, fault
		}
		return s, nil
	}
	tagger := "arn:aws:iam::111122223333:role/tagger"
	s, err := assume(alice, AssumeRole{RoleARN: tagger, SessionName: "one", SourceID: "alice", Tags: []Tag{{"Team", "audit"}, {"once", "1"}}, Transitive: []string{"Team"}})
	if err != nil {
		t.Fatal(err)
	}
	one := caller(t, d, s)
	if one.Who.ARN != "arn:aws:sts::111122223333:assumed-role/tagger/one" || one.Who.Role != tagger || !strings.HasSuffix(one.Who.UserID, ":one") || one.SourceIdentity != "alice" {
		t.Errorf("session: %+v", one)
	}
	if tags := one.Who.Tags; len(tags) != 3 || tags["Team"] != "audit" || tags["once"] != "1" || tags["kind"] != "role" {
		t.Errorf("tags of the session over those of the role: %v", tags)
	}
	if _, err := assume(one, AssumeRole{RoleARN: auditor, SessionName: "two", Seconds: 3601}); err == nil || !strings.Contains(err.Error(), "role chaining") {
		t.Errorf("a chained session of more than an hour: %v", err)
	}
	if _, err := assume(one, AssumeRole{RoleARN: auditor, SessionName: "two", Tags: []Tag{{"TEAM", "x"}}}); err == nil || !strings.Contains(err.Error(), "transitive tag key") {
		t.Errorf("a transitive tag is overwritten: %v", err)
	}
	s, err = assume(one, AssumeRole{RoleARN: auditor, SessionName: "two"})
	if err != nil {
		t.Fatal(err)
	}
	two := caller(t, d, s)
	if two.Who.Tags["Team"] != "audit" || two.Who.Tags["once"] != "" || two.SourceIdentity != "alice" {
		t.Errorf("what goes on: %+v", two)
	}
	for _, back := range []string{tagger, auditor} {
		if _, err := assume(two, AssumeRole{RoleARN: back, SessionName: "three"}); err == nil || !strings.Contains(err.Error(), "in a circle") {
			t.Errorf("back to %s: %v", back, err)
		}
	}
}

func TestASessionEndsWithWhatItStandsFor(t *testing.T) {
	d := example(t)
	s := &Session{Account: "111122223333", Role: "auditor", RoleID: "AROAGONE000000000000", Name: "s1"}
	if _, err := d.Caller("aws", s, nil); err == nil {
		t.Error("a role that was made anew keeps the sessions of the old one")
	}
	s = &Session{Account: "111122223333", Issuer: "AKIAGONE000000000001"}
	if _, err := d.Caller("aws", s, func(string) *Caller { return nil }); err == nil {
		t.Error("a session outlives the access key that it was made with")
	}
	in := AssumeRole{RoleARN: auditor, SessionName: "s1", PolicyARNs: []string{"arn:aws:iam::111122223333:policy/limits/at-most"}}
	s, fault := d.AssumeRole(Moment{Partition: "aws"}, d.AccessKeys("aws")["AKIAALICE00000000001"].Caller, in)
	if fault != nil {
		t.Fatal(fault)
	}
	delete(d.accounts["111122223333"].managed, "at-most")
	c := caller(t, d, s)
	q := policy.Request{Principal: &c.Who, Action: "kms:ListKeys", Resource: policy.Resource{ARN: "*", Account: "111122223333"}}
	if policy.Evaluate(&q, &c.Policies).Allowed {
		t.Error("a session policy that is gone limits no more")
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/identity.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("accounts: [&a {id: '111122223333', users: [*a]}]"))
	f.Add([]byte("accounts: &a [*a]"))
	f.Add([]byte("{accounts: [{id: 1, roles: [{name: r, trustPolicy: '{}'}]}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if (d == nil) == (err == nil) {
			t.Fatalf("%v, %v", d, err)
		}
		if err != nil {
			return
		}
		for id, known := range d.AccessKeys("aws") {
			if known.Caller.AccessKeyID != id || known.Secret.Reveal() == "" {
				t.Errorf("%s is %+v", id, known.Caller)
			}
		}
	})
}

func FuzzDecodeSession(f *testing.F) {
	s := Session{AccessKeyID: "ASIA", Secret: "s", Account: "111122223333", Role: "auditor", Name: "s1", Tags: []string{"a", "b"}, Chain: []string{"x"}}
	f.Add(s.Encode())
	f.Add([]byte{0xa0})
	d := example(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSession(b)
		if err != nil {
			return
		}
		if !slices.Equal(s.Encode(), b) {
			t.Error("a session has two forms")
		}
		if c, err := d.Caller("aws", s, func(string) *Caller { return nil }); err == nil && c.Who.Account != s.Account {
			t.Errorf("a session of %s is one of %s", s.Account, c.Who.Account)
		}
	})
}
