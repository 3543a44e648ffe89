package arn

import (
	"errors"
	"strings"
	"testing"
)

func TestParsePrincipal(t *testing.T) {
	for s, want := range map[string]Principal{
		"arn:aws:iam::111122223333:root":                        {"aws", "111122223333", "root"},
		"arn:aws:iam::111122223333:user/alice":                  {"aws", "111122223333", "user/alice"},
		"arn:aws:iam::111122223333:user/team/a/alice@x":         {"aws", "111122223333", "user/team/a/alice@x"},
		"arn:aws-cn:iam::111122223333:role/service-role/r+=,._": {"aws-cn", "111122223333", "role/service-role/r+=,._"},
		"arn:aws:sts::111122223333:assumed-role/r/session":      {"aws", "111122223333", "assumed-role/r/session"},
		"arn:aws:sts::111122223333:federated-user/bob":          {"aws", "111122223333", "federated-user/bob"},
	} {
		if got, err := ParsePrincipal(s); err != nil || got != want {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
}

func TestParsePrincipalRefuses(t *testing.T) {
	for _, s := range []string{
		"", "*", "111122223333", "alice", "rds.amazonaws.com", "AROAEXAMPLE",
		"arn:aws:iam::111122223333",
		"arn:aws:iam::111122223333:",
		"arn:aws:iam::111122223333:root/",
		"arn:aws:iam::111122223333:roots",
		"arn:aws:iam::111122223333:user",
		"arn:aws:iam::111122223333:user/",
		"arn:aws:iam::111122223333:group/g",
		"arn:aws:iam::11112222333:root",
		"arn:aws:iam:us-east-1:111122223333:root",
		"arn:moon:iam::111122223333:root",
		"arn:aws:iam::111122223333:role/white space",
		"arn:aws:iam::111122223333:role/a|b",
		"arn:aws:iam::111122223333:role/r\x00",
		"arn:aws:sts::111122223333:assumed-role/r",
		"arn:aws:sts::111122223333:assumed-role//session",
		"arn:aws:sts::111122223333:role/r",
		"arn:aws:kms::111122223333:key/k",
		"ARN:aws:iam::111122223333:root",
		"arn:aws:iam::111122223333:user/" + strings.Repeat("a", MaxPrincipalBytes),
	} {
		if p, err := ParsePrincipal(s); !errors.Is(err, ErrPrincipal) || p != (Principal{}) {
			t.Errorf("%q: %+v, %v", s, p, err)
		}
	}
}

func FuzzParsePrincipal(f *testing.F) {
	f.Add("arn:aws:sts::111122223333:assumed-role/r/session")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePrincipal(s)
		if err != nil {
			return
		}
		for _, service := range []string{"iam", "sts"} {
			if s == "arn:"+p.Partition+":"+service+"::"+p.Account+":"+p.Resource {
				return
			}
		}
		t.Errorf("%q is not put together from %+v", s, p)
	})
}
