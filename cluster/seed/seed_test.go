package seed_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"meridian/cluster/seed"
	"meridian/keyengine/primitive/builtin"
)

// TestFiles reads the files of testdata and shows what is in them, or what is wrong. Run it with -rewrite
// after a change that is meant.
func TestFiles(t *testing.T) {
	datadriven.RunTest(t, "testdata/files.txt", func(t *testing.T, d *datadriven.TestData) string {
		var regions string
		d.ScanArgs(t, "regions", &regions)
		f, err := seed.Parse([]byte(d.Input), builtin.Set())
		if err == nil {
			err = f.Place(strings.Split(regions, ","))
		}
		if err != nil {
			return err.Error() + "\n"
		}
		return show(f)
	})
}

// show writes what a file says.
func show(f *seed.File) string {
	var b strings.Builder
	for _, n := range f.Notes {
		fmt.Fprintln(&b, n)
	}
	for _, k := range f.Keys {
		fmt.Fprintf(&b, "line %d: %s %s %s", k.Line, k.Region, k.Account, k.ID)
		show := func(name string, v any, set bool) {
			if set {
				fmt.Fprintf(&b, ", %s %v", name, v)
			}
		}
		in := k.Create
		show("spec", deref(in.KeySpec), in.KeySpec != nil)
		show("usage", deref(in.KeyUsage), in.KeyUsage != nil)
		show("multi-Region", deref(in.MultiRegion), in.MultiRegion != nil)
		show("description", deref(in.Description), in.Description != nil)
		show("policy", deref(in.Policy), in.Policy != nil)
		for _, tag := range in.Tags {
			show("tag", *tag.TagKey+"="+*tag.TagValue, true)
		}
		show("material", fmt.Sprint(len(k.Material) > 0), len(k.Material) > 0)
		show("bytes", len(k.Material), in.KeySpec == nil && len(k.Material) > 0)
		show("rotation", k.RotationDays, k.RotationDays > 0)
		show("aliases", k.Aliases, len(k.Aliases) > 0)
		fmt.Fprintln(&b)
		for _, r := range k.Replicas {
			fmt.Fprintf(&b, "  line %d: replica in %s of %s, aliases %v, description %q\n",
				r.Line, *r.Replicate.ReplicaRegion, *r.Replicate.KeyId, r.Aliases, deref(r.Replicate.Description))
		}
	}
	return b.String()
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func TestFilesThatAreTooLong(t *testing.T) {
	many := "keys:\n" + strings.Repeat("  - {}\n", 10_001)
	if _, err := seed.Parse([]byte(many), builtin.Set()); err == nil || !strings.Contains(err.Error(), "10001 items") {
		t.Errorf("too many keys: %v", err)
	}
	if _, err := seed.Parse(make([]byte, seed.MaxBytes+1), builtin.Set()); err == nil {
		t.Error("too many bytes: no error")
	}
	some := "keys:\n" + strings.Repeat("  - {}\n", 100)
	if _, err := seed.Parse([]byte(some), builtin.Set()); err == nil || !strings.HasSuffix(err.Error(), "and 80 more") {
		t.Errorf("many faults: %v", err)
	}
}

// FuzzParse looks for files that end Parse otherwise than with an answer.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "files.txt"))
	if err != nil {
		f.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "\nparse ") {
		_, body, _ := strings.Cut(part, "\n")
		input, _, _ := strings.Cut(body, "\n----\n")
		f.Add(input)
	}
	f.Add("keys: &a [*a]")
	f.Add("keys: [&a {policy: {a: *a}}]")
	f.Add("? {a: b} : c")
	primitives := builtin.Set()
	f.Fuzz(func(t *testing.T, text string) {
		file, err := seed.Parse([]byte(text), primitives)
		if err != nil {
			return
		}
		if err := file.Place([]string{"us-east-1", "eu-west-1"}); err != nil {
			return
		}
		for _, k := range file.Keys {
			if k.Line < 1 || k.ID == "" || k.Region == "" || k.Create == nil {
				t.Errorf("accepted %+v", k)
			}
		}
	})
}
