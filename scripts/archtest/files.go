package archtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// topLevel lists what may stand at the top of the tree.
func topLevel() []string {
	return []string{
		"cmd", "region", "replication", "keyengine", "eventlog", "cluster", "scripts",
		"go.mod", "go.sum", "Makefile", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE",
		".ci", ".editorconfig", ".gitattributes", ".gitignore",
	}
}

// TopLevelIsFixed is the rule that the tree starts with the same few folders for ever.
func TopLevelIsFixed(t *Tree) []string {
	var broken []string
	for _, name := range t.Files {
		if top, _, _ := strings.Cut(name, "/"); !slices.Contains(topLevel(), top) {
			broken = append(broken, fmt.Sprintf("%s: %q is not a folder or file of the top level", name, top))
		}
	}
	return broken
}

// homes matches paths of a certain machine, and addresses of package registries: what is true only where
// somebody worked. The words are put together so that this file does not hold them.
var homes = regexp.MustCompile(`(?:^|[^\w./-])/(?:` + strings.Join([]string{"work", "root", "home/[a-z]+", "Users/[a-z]+"}, "|") + `)/` +
	`|` + strings.Join([]string{`proxy\.golang`, `sum\.golang`, `registry\.npmjs`, `pypi`, `files\.pythonhosted`, `crates`}, `\.(?:org|io)|`) + `\.(?:org|io)`)

// NoMachineWords is the rule that nothing in the tree points at one machine or at a registry.
func NoMachineWords(t *Tree) []string {
	var broken []string
	for _, name := range t.Files {
		text, err := fs.ReadFile(t.fsys, name)
		if err != nil {
			broken = append(broken, err.Error())
			continue
		}
		if path.Base(name) == "model.json" || bytes.IndexByte(text, 0) >= 0 {
			continue // a service model quotes addresses; binary files have no words
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if word := homes.Find(line); word != nil {
				broken = append(broken, fmt.Sprintf("%s:%d: %q: a path of one machine, or a registry's address", name, i+1, bytes.TrimSpace(word)))
			}
		}
	}
	return broken
}

// ProgramsAreExecutable is the rule that what is run by its path can be: the mode bits are part of the change.
func ProgramsAreExecutable(t *Tree) []string {
	var broken []string
	for _, name := range t.Files {
		if path.Ext(name) != ".sh" && name != ".ci/run" {
			continue
		}
		if info, err := fs.Stat(t.fsys, name); err != nil || info.Mode()&0o111 == 0 {
			broken = append(broken, fmt.Sprintf("%s: not executable", name))
		}
	}
	return broken
}
