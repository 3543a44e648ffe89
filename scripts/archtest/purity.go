package archtest

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
)

// impure says which packages of the standard library floor 0 does without, and why. A path covers all below it.
func impure() map[string]string {
	return map[string]string{
		"os":            "the engine knows no files, no environment and no process",
		"net":           "the engine knows no network",
		"syscall":       "the engine knows no operating system",
		"log":           "the engine has nothing to log: its events say what happened",
		"math/rand":     "randomness is a fact that the caller brings",
		"crypto/rand":   "randomness is a fact that the caller brings",
		"sync":          "the engine works on one goroutine",
		"runtime":       "the engine does not depend on where it runs",
		"unsafe":        "the engine depends on values, not on memory",
		"hash/maphash":  "its seed differs from process to process",
		"io/ioutil":     "the engine knows no files",
		"path/filepath": "the engine knows no files",
		"testing":       "only tests need it",
	}
}

// timeIsPure lists what floor 0 may use of the package time: times and durations as values.
func timeIsPure() []string {
	return []string{
		"Time", "Duration", "Month", "UTC", "Unix", "UnixMilli", "Date", "Parse", "ParseDuration",
		"Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour",
		"RFC3339", "RFC3339Nano", "RFC1123", "DateOnly", "DateTime", "TimeOnly",
	}
}

// EngineIsPure is the rule of floor 0: the same input gives the same output, on every node, for ever. Test files,
// test suites and planted faults (files behind the tag mutants) are free.
func EngineIsPure(t *Tree) []string {
	floors, banned, fine := Floors(), impure(), timeIsPure()
	prefixes := slices.Sorted(maps.Keys(banned))
	var broken []string
	for _, p := range t.Packages {
		floor, ok := floorOf(floors, p.Folder)
		if !ok || floor.Number != 0 || p.suite() {
			continue
		}
		for _, s := range p.Sources {
			if s.Test || s.behind("mutants") {
				continue
			}
			for path, at := range s.imports() {
				for _, prefix := range prefixes {
					if path == "net/netip" { // addresses as values
						continue
					}
					if path == prefix || strings.HasPrefix(path, prefix+"/") {
						broken = append(broken, fmt.Sprintf("%s: floor 0 imports %s: %s", at, path, banned[prefix]))
					}
				}
			}
			for name, n := range s.calls("time") {
				if !slices.Contains(fine, name) {
					broken = append(broken, fmt.Sprintf("%s: floor 0 uses time.%s: time is a fact that the caller brings", s.At(n), name))
				}
			}
			broken = append(broken, concurrency(s)...)
		}
	}
	return broken
}

// concurrency finds what makes an outcome depend on the scheduler.
func concurrency(s *Source) (broken []string) {
	ast.Inspect(s.Syntax, func(n ast.Node) bool {
		what := ""
		switch n.(type) {
		case *ast.GoStmt:
			what = "a goroutine"
		case *ast.SelectStmt:
			what = "a select"
		case *ast.ChanType:
			what = "a channel"
		}
		if what != "" {
			broken = append(broken, fmt.Sprintf("%s: floor 0 has %s: the engine works on one goroutine", s.At(n), what))
		}
		return true
	})
	return broken
}

// NoInit is the rule against work that happens because a package was imported.
func NoInit(t *Tree) []string {
	var broken []string
	for _, p := range t.Packages {
		for _, s := range p.Sources {
			for _, d := range s.Syntax.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					broken = append(broken, fmt.Sprintf("%s: func init: let the caller construct what it needs", s.At(f)))
				}
			}
		}
	}
	return broken
}

// TestsDoNotSleep is the rule against tests that hope. In a testing/synctest bubble a sleep is exact and free, so
// packages whose tests run in bubbles may.
func TestsDoNotSleep(t *Tree) []string {
	var broken []string
	for _, p := range t.Packages {
		if slices.ContainsFunc(p.Sources, (*Source).inBubbles) {
			continue
		}
		for _, s := range p.Sources {
			if !s.Test {
				continue
			}
			for name, n := range s.calls("time") {
				if name == "Sleep" {
					broken = append(broken, fmt.Sprintf("%s: time.Sleep in a test: wait for what must happen, or use testing/synctest", s.At(n)))
				}
			}
		}
	}
	return broken
}

// inBubbles says whether a test file runs tests in a testing/synctest bubble.
func (s *Source) inBubbles() bool {
	for path := range s.imports() {
		if s.Test && path == "testing/synctest" {
			return true
		}
	}
	return false
}
