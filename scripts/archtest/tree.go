package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Tree is the source of a module.
type Tree struct {
	Files    []string // every file, by its path below the root, sorted
	Packages []*Package
	fsys     fs.FS
}

// Package is the source in one folder.
type Package struct {
	Folder  string // below the root, with slashes
	Sources []*Source
}

// Source is one Go file.
type Source struct {
	Path      string
	Test      bool // *_test.go
	Generated bool // carries the standard header of a generated file
	Lines     int
	Syntax    *ast.File
	set       *token.FileSet
}

// Load parses the Go files among files, which are paths in fsys. It leaves out testdata and modules of their own.
func Load(fsys fs.FS, files []string) (*Tree, error) {
	files = slices.Sorted(slices.Values(files))
	t := &Tree{Files: files, fsys: fsys}
	byFolder := map[string]*Package{}
	for _, name := range files {
		if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") {
			continue
		}
		source, err := parse(fsys, name)
		if err != nil {
			return nil, err
		}
		folder := path.Dir(name)
		if byFolder[folder] == nil {
			byFolder[folder] = &Package{Folder: folder}
			t.Packages = append(t.Packages, byFolder[folder])
		}
		byFolder[folder].Sources = append(byFolder[folder].Sources, source)
	}
	return t, nil
}

func parse(fsys fs.FS, name string) (*Source, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return &Source{
		Path:      name,
		Test:      strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(syntax),
		Lines:     bytes.Count(text, []byte("\n")),
		Syntax:    syntax,
		set:       set,
	}, nil
}

// At says where in the tree a node of the syntax is.
func (s *Source) At(n ast.Node) string {
	p := s.set.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

func (s *Source) line(p token.Pos) int { return s.set.Position(p).Line }

// imports yields the import paths of the file and where they are.
func (s *Source) imports() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, spec := range s.Syntax.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err == nil && !yield(name, s.At(spec)) {
				return
			}
		}
	}
}

// behind says whether the file is built only with that tag.
func (s *Source) behind(tag string) bool {
	for _, group := range s.Syntax.Comments {
		for _, c := range group.List {
			if c.Pos() < s.Syntax.Package && c.Text == "//go:build "+tag {
				return true
			}
		}
	}
	return false
}

// suite says whether the package helps tests of other packages, and is in no program.
func (p *Package) suite() bool { return strings.HasSuffix(p.Folder, "test") }

// Imports yields the import paths of the package without its tests, and where they are.
func (p *Package) Imports() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, s := range p.Sources {
			if s.Test {
				continue
			}
			for name, at := range s.imports() {
				if !yield(name, at) {
					return
				}
			}
		}
	}
}

// calls yields the calls of functions of an imported package in a file: time.Now is ("time", "Now").
func (s *Source) calls(importPath string) iter.Seq2[string, ast.Node] {
	local := ""
	for _, spec := range s.Syntax.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil && name == importPath {
			local = path.Base(importPath)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	return func(yield func(string, ast.Node) bool) {
		if local == "" {
			return
		}
		more := true
		ast.Inspect(s.Syntax, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && more {
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == local {
					more = yield(sel.Sel.Name, sel)
				}
			}
			return more
		})
	}
}
