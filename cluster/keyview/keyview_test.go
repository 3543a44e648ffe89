package keyview

import (
	"flag"
	"os"
	"strings"
	"testing"

	"meridian/cluster/control"
)

var update = flag.Bool("update", false, "write the golden files anew")

// state is a key in two Regions, as one of them knows it.
func state(region, version string, change func(*control.KeyState)) control.KeyState {
	s := control.KeyState{
		Region: region, Seq: 12, Head: 12, Time: "2026-01-01T12:00:00.250Z", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab", Known: true,
		Shared: &control.SharedState{
			Version: version, Writer: "us-east-1", Primary: "us-east-1", Account: "000000000000", MultiRegion: true,
			Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS",
			Members:   []control.ListedMember{{Region: "eu-west-1", Inc: "1.1"}, {Region: "us-east-1", Inc: "1.0"}},
			Materials: []control.Material{{ID: strings.Repeat("ab", 32), Number: 1}},
			Current:   strings.Repeat("ab", 32),
		},
		Own: &control.OwnState{Role: "REPLICA", State: "Enabled", Complete: true, Inc: "1.1", SV: 2, Held: []string{strings.Repeat("ab", 32)}},
	}
	if region == "us-east-1" {
		s.Own.Role, s.Own.Inc = "PRIMARY", "1.0"
	}
	if change != nil {
		change(&s)
	}
	return s
}

func rotated(s *control.KeyState) {
	s.Shared.Materials = append(s.Shared.Materials, control.Material{ID: strings.Repeat("cd", 32), Number: 2})
	s.Shared.Pending = strings.Repeat("cd", 32)
	s.Own.Owes = []control.OwedMessage{{To: "eu-west-1", What: "record"}}
	s.Own.Knows = []control.KnownStatus{{From: "eu-west-1", Inc: "1.1", SV: 2, State: "Enabled", Applied: "1.2", Held: 1}}
}

func TestGolden(t *testing.T) {
	for name, tc := range map[string]struct {
		c    Comparison
		only bool
	}{
		"behind": {Regions([]control.KeyState{
			state("us-east-1", "1.3", rotated),
			state("eu-west-1", "1.2", nil),
			{Region: "ap-southeast-2", Seq: 3, Head: 3, Time: "2026-01-01T12:00:01.000Z", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab"},
		}), false},
		"agree": {Regions([]control.KeyState{state("us-east-1", "1.3", nil), state("eu-west-1", "1.3", func(s *control.KeyState) {
			s.Own.Description = "a description that is much longer than any column of a table can be"
			s.Own.Tags = []string{"a=1", "b=2"}
		})}), false},
		"broken": {Regions([]control.KeyState{state("us-east-1", "1.3", rotated), state("eu-west-1", "1.3", nil)}), true},
		"made":   {Past(control.KeyState{Region: "us-east-1", Seq: 1, KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab"}, state("us-east-1", "1.3", nil)), true},
		"past":   {Past(state("us-east-1", "1.2", nil), state("us-east-1", "1.3", rotated)), true},
	} {
		var b strings.Builder
		if err := tc.c.Write(&b, tc.only); err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + name + ".txt"
		if *update {
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || string(want) != b.String() {
			t.Errorf("%s: %v\n%s", file, err, &b)
		}
	}
}

// TestViolation: members of one version that differ in what they share break a promise; those of different versions,
// and what is each member's own, do not.
func TestViolation(t *testing.T) {
	own := func(s *control.KeyState) { s.Own.State = "Disabled" }
	for _, tc := range []struct {
		other              control.KeyState
		behind, violations int
	}{
		{state("eu-west-1", "1.3", nil), 0, 0},
		{state("eu-west-1", "1.3", own), 0, 0},
		{state("eu-west-1", "1.2", rotated), 1, 0},
		{state("eu-west-1", "1.3", rotated), 0, 2}, // materials and pending
	} {
		c := Regions([]control.KeyState{state("us-east-1", "1.3", nil), tc.other})
		if len(c.Behind) != tc.behind || len(c.Violations) != tc.violations {
			t.Errorf("%s: %q %q", tc.other.Shared.Version, c.Behind, c.Violations)
		}
	}
}

func TestOlder(t *testing.T) {
	order := []string{"", "1.0", "1.2", "1.10", "2.0", "1@a.1.0", "1@eu-west-1.1.0", "1@eu-west-1.3.1", "2@a.1.0"}
	for i, a := range order {
		for j, b := range order {
			if got := Older(a, b); got != (i < j) {
				t.Errorf("%q before %q: %v", a, b, got)
			}
		}
	}
}
