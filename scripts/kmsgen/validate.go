package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// validate writes the constraints of received shapes and the methods that apply them.
func (g *generator) validate(out *bytes.Buffer) error {
	fmt.Fprintf(out, "import \"regexp\"\n\n")
	fmt.Fprintf(out, "// Constraints of the shapes that a caller sends; never changed.\nvar (\n")
	for _, name := range g.received {
		if s := g.Shapes.by[name]; s.constrained() {
			if err := writeConstraint(out, name, s, g.mistaken(name)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	fmt.Fprintf(out, ")\n\n")
	for _, name := range g.receivedStructs() {
		if err := g.validateStruct(out, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func constraintName(shapeName string) string { return lowerFirst(shapeName) + "Constraint" }

// mistaken are the values that AWS takes for those of a shape: where a data key's spec is none, it lists
// the specs of KMS keys, and only refuses those later.
func (g *generator) mistaken(name string) []string {
	if name == "DataKeySpec" {
		return g.Shapes.by["KeySpec"].Enum
	}
	return nil
}

func writeConstraint(out *bytes.Buffer, name string, s shape, mistaken []string) error {
	fmt.Fprintf(out, "%s = constraint{\n", constraintName(name))
	if s.Min != nil {
		fmt.Fprintf(out, "min: %d,\n", *s.Min)
	}
	if s.Max != nil {
		fmt.Fprintf(out, "max: %d,\n", *s.Max)
	} else {
		fmt.Fprintf(out, "max: unbounded,\n")
	}
	if s.Pattern != "" {
		expression := goPattern(s.Pattern)
		if _, err := regexp.Compile(expression); err != nil {
			return err
		}
		fmt.Fprintf(out, "source: %q,\npattern: regexp.MustCompile(%q),\n", s.Pattern, expression)
	}
	writeTexts(out, "enum", s.Enum)
	writeTexts(out, "mistaken", mistaken)
	if s.Sensitive || s.Type == "blob" {
		fmt.Fprintf(out, "secret: true,\n")
	}
	fmt.Fprintf(out, "}\n")
	return nil
}

func writeTexts(out *bytes.Buffer, field string, values []string) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(out, "%s: []string{", field)
	for _, value := range values {
		fmt.Fprintf(out, "%q,", value)
	}
	fmt.Fprintf(out, "},\n")
}

// goPattern turns a pattern of the model, which is Java's, into one of Go: the whole value must
// match, \uXXXX is spelled differently, and Java's \s includes the vertical tab.
func goPattern(pattern string) string {
	pattern = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`).ReplaceAllString(pattern, `\x{$1}`)
	pattern = strings.ReplaceAll(pattern, `\s`, `\s\x0b`)
	return `\A(?:` + pattern + `)\z`
}

func (g *generator) validateStruct(out *bytes.Buffer, name string) error {
	s := g.Shapes.by[name]
	if g.inputs[name] != "" {
		fmt.Fprintf(out, "// Validate checks x against the constraints of the model.\n")
		fmt.Fprintf(out, "func (x *%s) Validate() error { return validateInput(x) }\n\n", name)
	}
	var body bytes.Buffer
	var failure error
	s.Members.each(func(member string, r ref) {
		at := fmt.Sprintf("at+%q", lowerFirst(member))
		if slices.Contains(s.Required, member) {
			fmt.Fprintf(&body, "v.require(%s, x.%s != nil)\n", at, member)
		}
		if err := g.validateMember(&body, member, at, r.Shape); err != nil && failure == nil {
			failure = err
		}
	})
	if failure != nil {
		return failure
	}
	if body.Len() == 0 {
		fmt.Fprintf(out, "func (*%s) validate(*violations, string) {}\n\n", name)
		return nil
	}
	fmt.Fprintf(out, "func (x *%s) validate(v *violations, at string) {\n%s}\n\n", name, body.String())
	return nil
}

func (g *generator) validateMember(out *bytes.Buffer, member, at, shapeName string) error {
	s := g.Shapes.by[shapeName]
	switch s.Type {
	case "string", "integer", "blob":
		check := map[string]string{"string": "checkText", "integer": "checkInteger", "blob": "checkBlob"}[s.Type]
		if s.constrained() {
			fmt.Fprintf(out, "%s(v, %s, x.%s, &%s)\n", check, at, member, constraintName(shapeName))
		}
	case "structure":
		fmt.Fprintf(out, "if x.%s != nil {\nx.%s.validate(v, %s+\".\")\n}\n", member, member, at)
	case "list":
		if s.constrained() {
			fmt.Fprintf(out, "checkSize(v, %s, x.%s, &%s)\n", at, member, constraintName(shapeName))
		}
		switch element := g.Shapes.by[s.Member.Shape]; {
		case element.Type == "structure":
			fmt.Fprintf(out, "for i := range x.%s {\nx.%s[i].validate(v, item(%s, i))\n}\n", member, member, at)
		case element.constrained():
			fmt.Fprintf(out, "checkTexts(v, %s, x.%s, &%s)\n", at, member, constraintName(s.Member.Shape))
		}
	case "map":
		if s.constrained() || g.Shapes.by[s.Key.Shape].constrained() || g.Shapes.by[s.Value.Shape].constrained() {
			return fmt.Errorf("constraints of map %s are not supported", shapeName)
		}
	case "boolean", "timestamp":
	default:
		return fmt.Errorf("shape %s has the unknown type %s", shapeName, s.Type)
	}
	return nil
}
