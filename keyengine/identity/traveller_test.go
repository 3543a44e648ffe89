package identity

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"meridian/keyengine/policy"
)

// TestATravellerIsTheSameCaller sends callers of every kind to another Region and holds what comes out there to what
// was sent: who they are, their tags, and every policy that holds for them.
func TestATravellerIsTheSameCaller(t *testing.T) {
	d := example(t)
	alice := d.AccessKeys("aws")["AKIAALICE00000000001"].Caller
	assume := func(in AssumeRole) *Caller {
		s, fault := d.AssumeRole(Moment{Partition: "aws"}, alice, in)
		if fault != nil {
			t.Fatal(fault)
		}
		s.IssuedAt, s.AccessKeyID = 1_700_000_000, "ASIATRAVELLER0000001"
		return caller(t, d, s)
	}
	temporary := *alice
	temporary.Temporary, temporary.Who.TokenIssued, temporary.Who.MFA = true, 1_700_000_000_000, new(false)
	for name, c := range map[string]*Caller{
		"a user": alice, "a user with a session token": &temporary, "a root": d.RootCaller("aws", "111122223333"),
		"a service":         d.AccessKeys("aws")["AKIALOGS000000000001"].Caller,
		"a root of no file": (*Directory)(nil).RootCaller("aws", "111122223333"),
		"a role":            assume(AssumeRole{RoleARN: auditor, SessionName: "s1"}),
		"a role with all that a session has": assume(AssumeRole{
			RoleARN: strings.Replace(auditor, "auditor", "tagger", 1), SessionName: "s1", PolicyARNs: []string{"arn:aws:iam::111122223333:policy/use-keys"},
			Policy:   `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:CreateKey","Resource":"*"}]}`,
			Tags:     []Tag{{"team", "night"}, {"empty", ""}},
			SourceID: "alice",
		}),
	} {
		there := d
		if name == "a root of no file" {
			there = nil
		}
		b, err := c.Traveller().Encode()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		read, err := DecodeTraveller(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := there.Traveller("aws", read)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got.Who, c.Who) || got.AccessKeyID != c.AccessKeyID || got.SourceIdentity != c.SourceIdentity || got.SessionName != c.SessionName {
			t.Errorf("%s: arrived as\n%+v, was\n%+v", name, got, c)
		}
		if named := read.Named().Who; named.Kind != c.Who.Kind || named.UserName != c.Who.UserName || named.Role != c.Who.Role || named.Account != c.Who.Account {
			t.Errorf("%s: named %+v", name, named)
		}
		if !reflect.DeepEqual(got.Policies, c.Policies) {
			t.Errorf("%s: other policies hold there", name)
		}
	}
}

// TestATravellerIsWhoItSays refuses callers whose name means somebody else by now, and forms of later days.
func TestATravellerIsWhoItSays(t *testing.T) {
	d := example(t)
	session := "arn:aws:sts::111122223333:assumed-role/auditor/s1"
	known, ok := d.Principal("aws", session)
	if !ok {
		t.Fatal("the example has no auditor")
	}
	for name, traveller := range map[string]Traveller{
		"a role made anew":         {ARN: session, UserID: "AROAGONE000000000000:s1"},
		"a user that is gone":      {ARN: "arn:aws:iam::111122223333:user/nobody", UserID: "AIDA"},
		"another partition":        {ARN: strings.Replace(session, "arn:aws:", "arn:aws-cn:", 1), UserID: known.Who.UserID},
		"no ARN, and no service's": {ARN: "x"},
		"a role and no session":    {ARN: auditor, UserID: known.Who.UserID},
	} {
		if c, err := d.Traveller("aws", &traveller); !errors.Is(err, ErrStranger) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	broken := Traveller{ARN: session, Account: "111122223333", UserID: known.Who.UserID, Policy: "{"}
	if _, err := d.Traveller("aws", &broken); !errors.Is(err, ErrTraveller) {
		t.Errorf("a session policy that is none: %v", err)
	}
	gone := Traveller{ARN: session, Account: "111122223333", UserID: known.Who.UserID, PolicyNames: []string{"arn:aws:iam::111122223333:policy/gone"}}
	c, err := d.Traveller("aws", &gone)
	if err != nil {
		t.Fatal(err)
	}
	q := policy.Request{Principal: &c.Who, Action: "kms:ListKeys", Resource: policy.Resource{ARN: "*", Account: "111122223333"}}
	if policy.Evaluate(&q, &c.Policies).Allowed {
		t.Error("a managed session policy that is gone in the other Region sets free")
	}
	b, err := known.Traveller().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		bytes []byte
		want  error
	}{
		"a later version": {append([]byte{travellerVersion + 1}, b[1:]...), ErrNewer},
		"nothing":         {nil, ErrTraveller},
		"half":            {b[:len(b)/2], ErrTraveller},
		"too long":        {append(b, make([]byte, MaxTravellerBytes)...), ErrTraveller},
	} {
		if _, err := DecodeTraveller(tt.bytes); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestTheLargestTravellerTravels: whatever fits into a session token fits into the question to another Region.
func TestTheLargestTravellerTravels(t *testing.T) {
	s := Session{Account: "111122223333", Role: "auditor", Name: "s1", Policy: strings.Repeat("p", 2048), SourceID: strings.Repeat("s", 64)}
	for len(s.Encode()) < MaxSessionBytes-400 {
		s.Tags = append(s.Tags, strings.Repeat("k", 128), strings.Repeat("v", 256))
	}
	tr := Traveller{
		ARN: strings.Repeat("a", 700), UserID: strings.Repeat("u", 200), Tags: s.Tags, Policy: s.Policy, SourceID: s.SourceID,
		RequestID: strings.Repeat("r", 4096), SourceIP: strings.Repeat("1", 4096), UserAgent: strings.Repeat("x", maxTravelAgent+1),
	}
	b, err := tr.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeTraveller(b)
	if err != nil || len(back.RequestID) != maxTravelID || back.UserAgent != "" || back.Policy != s.Policy {
		t.Errorf("%v: %+v", err, back)
	}
	tr.Policy = strings.Repeat("p", MaxTravellerBytes)
	if _, err := tr.Encode(); err == nil {
		t.Error("a caller without bound travels")
	}
}

func FuzzDecodeTraveller(f *testing.F) {
	b, err := Traveller{ARN: auditor, UserID: "AROA:s1", Tags: []string{"a", "b"}, Policy: "{}", MFA: new(true)}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{travellerVersion, 0xa0})
	d := example(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := DecodeTraveller(b)
		if err != nil {
			return
		}
		if c, err := d.Traveller("aws", read); err == nil && (c.Who.ARN != read.ARN || c.Who.UserID != read.UserID) {
			t.Errorf("%s arrives as %s", read.ARN, c.Who.ARN)
		}
	})
}
