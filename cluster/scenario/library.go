package scenario

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
)

// files are the scenarios that come with the program.
//
//go:embed library/*.txt
var files embed.FS

// Library returns the scenarios that come with the program, by name. Their tests parse each of them.
func Library() ([]*Scenario, error) {
	entries, err := files.ReadDir("library")
	if err != nil {
		return nil, err
	}
	var all []*Scenario
	for _, e := range entries {
		s, err := fromLibrary(e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Find returns a scenario of the library by its name.
func Find(name string) (*Scenario, error) {
	all, err := Library()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	slices.Sort(names)
	if near := nearest(name, names); near != "" {
		return nil, fmt.Errorf("there is no scenario %q; did you mean %q?", name, near)
	}
	return nil, fmt.Errorf("there is no scenario %q: `meridian scenario list` names %d", name, len(names))
}

func fromLibrary(file string) (*Scenario, error) {
	b, err := files.ReadFile(path.Join("library", file))
	if err != nil {
		return nil, err
	}
	return Parse(strings.TrimSuffix(file, ".txt"), string(b))
}
