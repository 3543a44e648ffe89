package arn_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"meridian/keyengine/arn"
)

const (
	single = "1234abcd-12ab-34cd-56ef-1234567890ab"
	multi  = "mrk-1234abcd12ab34cd56ef1234567890ab"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want arn.Name
	}{
		{single, arn.Name{Form: arn.KeyID, ID: single}},
		{multi, arn.Name{Form: arn.KeyID, ID: multi}},
		{"alias/a", arn.Name{Form: arn.AliasName, ID: "alias/a"}},
		{"alias/aws/s3", arn.Name{Form: arn.AliasName, ID: "alias/aws/s3"}},
		{"alias/a:b/C_d-9", arn.Name{Form: arn.AliasName, ID: "alias/a:b/C_d-9"}},
		{
			"arn:aws:kms:us-east-1:111122223333:key/" + single,
			arn.Name{Form: arn.KeyARN, Partition: "aws", Region: "us-east-1", Account: "111122223333", ID: single},
		},
		{
			"arn:aws-cn:kms:cn-north-1:000000000000:key/" + multi,
			arn.Name{Form: arn.KeyARN, Partition: "aws-cn", Region: "cn-north-1", Account: "000000000000", ID: multi},
		},
		{
			"arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/x:y",
			arn.Name{Form: arn.AliasARN, Partition: "aws-us-gov", Region: "us-gov-west-1", Account: "111122223333", ID: "alias/x:y"},
		},
	} {
		got, err := arn.Parse(c.in)
		if err != nil || got != c.want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", c.in, got, err, c.want)
		}
		if got.String() != c.in {
			t.Errorf("Parse(%q) formats as %q", c.in, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	long := "alias/" + strings.Repeat("x", arn.MaxAliasBytes)
	for in, want := range map[string]error{
		"":                                    arn.ErrName,
		"key":                                 arn.ErrName,
		strings.ToUpper(single):               arn.ErrName,
		single + "0":                          arn.ErrName,
		single[:35]:                           arn.ErrName,
		strings.Replace(single, "-", "0", 1):  arn.ErrName,
		multi + "0":                           arn.ErrName, // a 33rd digit
		"mrk-" + single:                       arn.ErrName,
		"alias/":                              arn.ErrName,
		"alias/a b":                           arn.ErrName,
		"alias/ä":                             arn.ErrName,
		"Alias/a":                             arn.ErrName,
		long:                                  arn.ErrName,
		strings.Repeat("a", 4096):             arn.ErrName,
		"arn:":                                arn.ErrARN,
		"arn:aws:kms:us-east-1:111122223333":  arn.ErrARN,
		"arn:aws:kms:us-east-1:111122223333:": arn.ErrARN,
		"arn:aws:kms:us-east-1:111122223333:key/alias/aws/sqs":      arn.ErrARN,
		"arn:aws:kms:us-east-1:111122223333:" + single:              arn.ErrARN,
		"arn:aws:kms:us-east-1:11112222333:key/" + single:           arn.ErrARN,
		"arn:aws:kms::111122223333:key/" + single:                   arn.ErrARN,
		"arn:aws:iam:us-east-1:111122223333:key/" + single:          arn.ErrARN,
		"arn:aws-cn:kms:us-east-1:111122223333:key/" + single:       arn.ErrARN, // a partition the Region is not in
		"arn:aws:kms:cn-north-1:111122223333:key/" + single:         arn.ErrARN,
		"arn:aws:kms:us-east-1:111122223333:key/" + single + "\x00": arn.ErrARN,
		"arn:aws:kms:us-east-1:111122223333:" + long:                arn.ErrARN,
	} {
		got, err := arn.Parse(in)
		if !errors.Is(err, want) || got != (arn.Name{}) {
			t.Errorf("Parse(%q) = %+v, %v; want %v", in, got, err, want)
		}
	}
}

func TestParseKeyTakesKeyARNsOnly(t *testing.T) {
	in := "arn:aws:kms:eu-west-1:111122223333:key/" + multi
	key, err := arn.ParseKey(in)
	if err != nil || key != (arn.Key{Partition: "aws", Region: "eu-west-1", Account: "111122223333", ID: multi}) || key.String() != in {
		t.Errorf("ParseKey(%q) = %+v, %v", in, key, err)
	}
	for _, in := range []string{multi, "alias/a", "arn:aws:kms:eu-west-1:111122223333:alias/a", "arn:x"} {
		if _, err := arn.ParseKey(in); !errors.Is(err, arn.ErrARN) {
			t.Errorf("ParseKey(%q): %v", in, err)
		}
	}
}

func TestForms(t *testing.T) {
	for f, want := range map[arn.Form]string{
		arn.KeyID: "key id/alias false/arn false", arn.KeyARN: "key ARN/alias false/arn true",
		arn.AliasName: "alias name/alias true/arn false", arn.AliasARN: "alias ARN/alias true/arn true",
		arn.Malformed: "malformed/alias false/arn false", 99: "malformed/alias false/arn false",
	} {
		if got := fmt.Sprintf("%v/alias %t/arn %t", f, f.IsAlias(), f.IsARN()); got != want {
			t.Errorf("form %d: %s, want %s", f, got, want)
		}
	}
}

func TestPartitionOf(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "aws", "eu-isolde-1": "aws", "ap-southeast-2": "aws", "me-central-1": "aws",
		"cn-north-1": "aws-cn", "cn-northwest-1": "aws-cn",
		"us-gov-east-1": "aws-us-gov", "us-gov-west-1": "aws-us-gov",
		"us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f",
		"eusc-de-east-1": "aws-eusc",
	} {
		if got := arn.PartitionOf(region); got != want {
			t.Errorf("PartitionOf(%q) = %q, want %q", region, got, want)
		}
		if !arn.ValidRegion(region) || !arn.ValidPartition(want) {
			t.Errorf("%s in %s is not valid", region, want)
		}
	}
	for _, region := range []string{"", "us", "us-1", "us-east", "us-east-", "US-east-1", "us--1", "a-b-c-d-1", "us-east-1a", "us-isoq-east-1", "us-east-" + strings.Repeat("1", 30)} {
		if arn.ValidRegion(region) {
			t.Errorf("%q is not a Region", region)
		}
	}
	if arn.ValidPartition("aws-x") {
		t.Error("aws-x is not a partition")
	}
}

func TestNewKeyID(t *testing.T) {
	u := [16]byte{0x12, 0x34, 0xab, 0xcd, 0x12, 0xab, 0x34, 0xcd, 0x56, 0xef, 0x12, 0x34, 0x56, 0x78, 0x90, 0xab}
	for want, isMulti := range map[string]bool{single: false, multi: true} {
		got := arn.NewKeyID(u, isMulti)
		if got != want || !arn.ValidKeyID(got) || arn.IsMultiRegion(got) != isMulti {
			t.Errorf("NewKeyID(multi %t) = %q", isMulti, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{single, multi, "alias/a", "arn:aws:kms:us-east-1:111122223333:key/" + single, "arn:aws:kms:us-east-1:1:alias/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := arn.Parse(s)
		if (err != nil) != (n == arn.Name{}) {
			t.Fatalf("%+v with error %v", n, err)
		}
		if err == nil && n.String() != s {
			t.Fatalf("formats as %q", n)
		}
	})
}

func ExampleParse() {
	n, err := arn.Parse("arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab")
	fmt.Println(n.Form, n.Region, n.ID, arn.IsMultiRegion(n.ID), err)
	// Output: key ARN eu-west-1 mrk-1234abcd12ab34cd56ef1234567890ab true <nil>
}
