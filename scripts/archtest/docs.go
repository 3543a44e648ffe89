package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// PackagesAreDocumented is the rule that a package says what it is, in a comment that starts with its name.
func PackagesAreDocumented(t *Tree) []string {
	var broken []string
	for _, p := range t.Packages {
		documented, onlyTests := false, true
		for _, s := range p.Sources {
			onlyTests = onlyTests && s.Test
			name := s.Syntax.Name.Name
			start := "Package " + name + " "
			if name == "main" {
				start = ""
			}
			documented = documented || s.Syntax.Doc != nil && strings.HasPrefix(s.Syntax.Doc.Text(), start)
		}
		if !documented && !onlyTests {
			broken = append(broken, fmt.Sprintf("%s: no package comment: say what it is, what it promises, what it does not do, how to use it", p.Folder))
		}
	}
	return broken
}

// ExportedNamesAreDocumented is the rule that an exported name has a sentence. A comment on a block of
// declarations, or above a run of one-line functions without an empty line in between, counts for all of it.
// Methods that the standard library gives a meaning need none.
func ExportedNamesAreDocumented(t *Tree) []string {
	var broken []string
	for _, p := range t.Packages {
		for _, s := range p.Sources {
			if s.Test || s.Generated || s.Syntax.Name.Name == "main" {
				continue
			}
			var before *ast.FuncDecl // the documented function that ends on the line above
			for _, d := range s.Syntax.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok {
					before = nil
					broken = append(broken, undocumented(s, d.(*ast.GenDecl))...)
					continue
				}
				run := before != nil && s.line(before.End())+1 == s.line(f.Pos())
				if f.Doc == nil && !run && exported(f) {
					broken = append(broken, fmt.Sprintf("%s: exported %s has no comment", s.At(f), f.Name.Name))
				}
				if before = f; f.Doc == nil && !run {
					before = nil
				}
			}
		}
	}
	return broken
}

func undocumented(s *Source, d *ast.GenDecl) (broken []string) {
	if d.Tok == token.IMPORT || d.Doc != nil {
		return nil
	}
	for _, spec := range d.Specs {
		var names []*ast.Ident
		var doc, beside *ast.CommentGroup
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			names, doc, beside = []*ast.Ident{spec.Name}, spec.Doc, spec.Comment
		case *ast.ValueSpec:
			names, doc, beside = spec.Names, spec.Doc, spec.Comment
		}
		for _, name := range names {
			if name.IsExported() && doc == nil && beside == nil {
				broken = append(broken, fmt.Sprintf("%s: exported %s has no comment", s.At(name), name.Name))
			}
		}
	}
	return broken
}

// exported says whether a function needs a comment: it and its receiver are exported.
func exported(f *ast.FuncDecl) bool {
	if !f.Name.IsExported() || slices.Contains(wellKnown(), f.Name.Name) && f.Recv != nil {
		return false
	}
	if f.Recv == nil {
		return true
	}
	receiver := f.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return true
		}
	}
}

func wellKnown() []string {
	return []string{
		"String", "GoString", "Format", "Error", "Unwrap", "Is", "As", "LogValue", "Len", "Less", "Swap",
		"MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText", "MarshalBinary", "UnmarshalBinary",
		"MarshalCBOR", "UnmarshalCBOR", "ServeHTTP",
	}
}

// maxLines is where the length of a file is no longer a question but an answer.
const maxLines = 600

// FilesAreShort is the rule that a file has one subject.
func FilesAreShort(t *Tree) []string {
	var broken []string
	for _, p := range t.Packages {
		for _, s := range p.Sources {
			if !s.Generated && s.Lines > maxLines {
				broken = append(broken, fmt.Sprintf("%s: %d lines, at most %d: one subject a file", s.Path, s.Lines, maxLines))
			}
		}
	}
	return broken
}
