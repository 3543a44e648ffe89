package keyspec_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"meridian/keyengine/keyspec"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata")

// TestTable holds the table against a text that a reader can compare with AWS's documentation.
func TestTable(t *testing.T) {
	const golden = "testdata/table.txt"
	var b strings.Builder
	for _, s := range keyspec.All() {
		fmt.Fprintf(&b, "%s: %s, %s\n", s.Name, s.Class, traits(s))
		for _, u := range s.Usages {
			fmt.Fprintf(&b, "  %s\n", u.Name)
			for _, a := range u.Algorithms {
				fmt.Fprintf(&b, "    %s%s\n", a.Name, limits(a))
			}
		}
	}
	if *rewrite {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the table is now\n%s", b.String())
	}
}

func traits(s keyspec.Spec) string {
	words := []string{}
	for _, w := range []struct {
		word string
		is   bool
	}{
		{"multi-Region", s.MultiRegion},
		{"importable", s.Importable},
		{"custom store", s.CustomStore},
		{"rotates", s.Rotates},
		{"built", s.Built},
		{"only " + s.Partition, s.Partition != ""},
		{fmt.Sprintf("%d-byte key", s.KeyBytes), s.KeyBytes != 0},
	} {
		if w.is {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ", ")
}

func limits(a keyspec.Algorithm) string {
	s := ""
	if a.MaxBytes != 0 {
		s += fmt.Sprintf(" at most %d", a.MaxBytes)
	}
	if a.DigestBytes != 0 {
		s += fmt.Sprintf(" digest %d", a.DigestBytes)
	}
	if a.MuBytes != 0 {
		s += fmt.Sprintf(" mu %d", a.MuBytes)
	}
	return s
}

func TestLookup(t *testing.T) {
	for _, s := range keyspec.All() {
		if got, ok := keyspec.Lookup(s.Name); !ok || got.Name != s.Name {
			t.Errorf("Lookup(%s) = %s, %t", s.Name, got.Name, ok)
		}
	}
	for _, name := range []string{"", "symmetric_default", "RSA_1024"} {
		if _, ok := keyspec.Lookup(name); ok {
			t.Errorf("there is no %q", name)
		}
	}
}

func TestUsageAndAlgorithm(t *testing.T) {
	s, _ := keyspec.Lookup("ECC_NIST_P256")
	if _, ok := s.Usage(keyspec.EncryptDecrypt); ok {
		t.Error("an elliptic curve key does not encrypt")
	}
	u, ok := s.Usage(keyspec.KeyAgreement)
	if a, found := u.Algorithm("ECDH"); !ok || !found || a.Name != "ECDH" {
		t.Errorf("no ECDH in %+v", u)
	}
	if _, found := u.Algorithm("ECDSA_SHA_256"); found {
		t.Error("key agreement does not sign")
	}
	if got := fmt.Sprint(u.Names()); got != "[ECDH]" {
		t.Errorf("names: %s", got)
	}
}

func TestDefaultUsage(t *testing.T) {
	for _, s := range keyspec.All() {
		want := ""
		if s.Name == keyspec.SymmetricDefault {
			want = keyspec.EncryptDecrypt
		}
		if got := s.DefaultUsage(); got != want {
			t.Errorf("%s: %q, want %q", s.Name, got, want)
		}
	}
}

func TestSM2IsInChinaAlone(t *testing.T) {
	for _, s := range keyspec.All() {
		if s.In("aws") == (s.Name == "SM2") || !s.In("aws-cn") {
			t.Errorf("%s: aws %t, aws-cn %t", s.Name, s.In("aws"), s.In("aws-cn"))
		}
	}
}
