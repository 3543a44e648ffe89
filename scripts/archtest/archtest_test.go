package archtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// rule is one promise about the source.
type rule struct {
	name   string
	broken func(*Tree) []string
}

func rules() []rule {
	return []rule{
		{"ImportsGoDown", ImportsGoDown},
		{"LibrariesHaveOwners", LibrariesHaveOwners},
		{"EngineIsPure", EngineIsPure},
		{"NoInit", NoInit},
		{"TestsDoNotSleep", TestsDoNotSleep},
		{"PackagesAreDocumented", PackagesAreDocumented},
		{"ExportedNamesAreDocumented", ExportedNamesAreDocumented},
		{"FilesAreShort", FilesAreShort},
		{"TopLevelIsFixed", TopLevelIsFixed},
		{"NoMachineWords", NoMachineWords},
		{"ProgramsAreExecutable", ProgramsAreExecutable},
	}
}

// TestProject holds every rule over the project.
func TestProject(t *testing.T) {
	tree := project(t)
	if len(tree.Packages) < 10 {
		t.Fatalf("found %d packages: not the whole project", len(tree.Packages))
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, b := range r.broken(tree) {
				t.Error(b)
			}
		})
	}
}

// project loads the tree: the files that git knows, and new ones that it does not ignore.
func project(t *testing.T) *Tree {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z").Output()
	if err != nil {
		t.Fatalf("list the project's files (git and a clone are needed): %v", err)
	}
	var files []string
	for name := range bytes.SplitSeq(bytes.TrimRight(out, "\x00"), []byte{0}) {
		if info, err := os.Stat(filepath.Join(root, string(name))); err == nil && info.Mode().IsRegular() {
			files = append(files, string(name))
		}
	}
	tree, err := Load(os.DirFS(root), files)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestRulesBite shows each rule something wrong and something right.
func TestRulesBite(t *testing.T) {
	bitten := map[string]bool{}
	const pkg = "// Package p is an example.\npackage p\n"
	for _, c := range []struct {
		rule, file, text string
		finds            string // part of what the rule says; empty: nothing
	}{
		{"ImportsGoDown", "eventlog/raftlog/a.go", pkg + `import _ "meridian/region/keystore"`, "adapters know neither"},
		{"ImportsGoDown", "region/keystore/a.go", pkg + `import _ "meridian/region"`, "adapters know neither"},
		{"ImportsGoDown", "region/awsjson/a.go", pkg + `import _ "meridian/region/sigv4"`, ""},
		{"ImportsGoDown", "region/sigv4/a.go", pkg + `import _ "meridian/region/awsjson"`, "adapters know neither"},
		{"ImportsGoDown", "keyengine/a.go", pkg + `import _ "meridian/eventlog"`, "floor 1"},
		{"ImportsGoDown", "keyengine/a_test.go", pkg + `import _ "meridian/eventlog"`, ""},
		{"ImportsGoDown", "keyengine/a.go", pkg + `import _ "meridian/keyengine/family"`, ""},
		{"ImportsGoDown", "keyengine/primitive/aesgcm/a.go", pkg + `import _ "meridian/region"`, "floor 2"},
		{"ImportsGoDown", "region/newcomer/a.go", pkg, "without a floor"},
		{"ImportsGoDown", "cluster/a.go", pkg + `import _ "meridian/region/newcomer"`, "has no floor"},
		{"LibrariesHaveOwners", "region/a.go", pkg + `import _ "github.com/hashicorp/raft"`, "only [eventlog/raftlog"},
		{"LibrariesHaveOwners", "eventlog/raftlog/a.go", pkg + `import _ "github.com/hashicorp/raft"`, ""},
		{"LibrariesHaveOwners", "region/a_test.go", pkg + `import _ "github.com/hashicorp/raft"`, ""},
		{"EngineIsPure", "keyengine/a.go", pkg + `import "os"; var _ = os.Args`, "no files"},
		{"EngineIsPure", "keyengine/rows/a.go", pkg + `import _ "math/rand/v2"`, "randomness"},
		{"EngineIsPure", "keyengine/a.go", pkg + `import "time"; var _ = time.Now()`, "time.Now"},
		{"EngineIsPure", "keyengine/a.go", pkg + `import clock "time"; var _ = clock.Now()`, "time.Now"},
		{"EngineIsPure", "keyengine/a.go", pkg + `import "time"; var _ = time.UnixMilli(0)`, ""},
		{"EngineIsPure", "keyengine/a.go", pkg + `func f() { go f() }`, "a goroutine"},
		{"EngineIsPure", "keyengine/a.go", pkg + `func f() { select {} }`, "a select"},
		{"EngineIsPure", "keyengine/a.go", "//go:build mutants\n\n" + pkg + `import _ "os"`, ""},
		{"EngineIsPure", "keyengine/a.go", "//go:build !mutants\n\n" + pkg + `import _ "os"`, "no files"},
		{"EngineIsPure", "eventlog/a.go", pkg + `import "os"; var _ = os.Args`, ""},
		{"NoInit", "region/a.go", pkg + `func init() {}`, "func init"},
		{"NoInit", "region/a.go", pkg + `type t int; func (t) init() {}`, ""},
		{"TestsDoNotSleep", "region/a_test.go", pkg + `import "time"; func f() { time.Sleep(1) }`, "time.Sleep"},
		{"TestsDoNotSleep", "region/a_test.go", pkg + `import ("time"; _ "testing/synctest"); func f() { time.Sleep(1) }`, ""},
		{"PackagesAreDocumented", "region/a.go", "package region", "no package comment"},
		{"PackagesAreDocumented", "region/a.go", "// Here is a Region.\npackage region", "no package comment"},
		{"PackagesAreDocumented", "region/a.go", pkg, ""},
		{"PackagesAreDocumented", "region/a_test.go", "package region", ""},
		{"ExportedNamesAreDocumented", "region/a.go", pkg + "type T int", "exported T"},
		{"ExportedNamesAreDocumented", "region/a.go", pkg + "// T is.\ntype T int\n\nfunc (*T) M() {}", "exported M"},
		{"ExportedNamesAreDocumented", "region/a.go", pkg + "// A is.\nfunc A() {}\nfunc B() {}\n\nfunc C() {}", "exported C"},
		{"ExportedNamesAreDocumented", "region/a.go", pkg + "// A is.\nfunc A() {}\nfunc B() {}\n", ""},
		{"ExportedNamesAreDocumented", "region/a.go", pkg + "// Two.\nconst (\nA = 1\nB = 2\n)", ""},
		{"ExportedNamesAreDocumented", "region/a.go", pkg + "const (\nA = 1 // one\nB = 2\n)", "exported B"},
		{"ExportedNamesAreDocumented", "region/a.go", pkg + "type t int\nfunc (t) M() {}", ""},
		{"ExportedNamesAreDocumented", "region/a.go", "// Code generated by hand. DO NOT EDIT.\n\n" + pkg + "type T int", ""},
		{"FilesAreShort", "region/a.go", pkg + strings.Repeat("\n", maxLines), "602 lines"},
		{"FilesAreShort", "region/a.go", pkg + strings.Repeat("\n", maxLines-2), ""},
		{"TopLevelIsFixed", "internal/a.go", pkg, `"internal"`},
		{"TopLevelIsFixed", "NOTES.md", "", `"NOTES.md"`},
		{"TopLevelIsFixed", "region/internal/a.go", pkg, ""},
		{"NoMachineWords", "README.md", "cd " + "/ro" + "ot/x", "one machine"},
		{"NoMachineWords", "README.md", "see https://proxy" + ".golang.org/x", "registry"},
		{"NoMachineWords", "README.md", "the net" + "work/cluster and a/ro" + "ot/b", ""},
		{"ProgramsAreExecutable", "scripts/a.sh", "#!/bin/sh", "not executable"},
	} {
		files := fstest.MapFS{c.file: {Data: []byte(c.text), Mode: 0o644}}
		tree, err := Load(files, []string{c.file})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules() {
			if r.name != c.rule {
				continue
			}
			got := strings.Join(r.broken(tree), "\n")
			bitten[r.name] = bitten[r.name] || got != ""
			if (got == "") != (c.finds == "") || !strings.Contains(got, c.finds) {
				t.Errorf("%s on %s %q\n says %q\n want %q", c.rule, c.file, c.text, got, c.finds)
			}
		}
	}
	for _, r := range rules() {
		if !bitten[r.name] {
			t.Errorf("%s: no example shows that it finds anything", r.name)
		}
	}
}
