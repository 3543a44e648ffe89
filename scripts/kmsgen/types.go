package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// types writes the enumerations and structures.
func (g *generator) types(out *bytes.Buffer) error {
	var failure error
	g.Shapes.each(func(name string, s shape) {
		switch {
		case len(s.Enum) > 0:
			writeEnum(out, name, s)
		case s.Type == "structure" && !s.Exception:
			if err := g.writeStruct(out, name, s); err != nil && failure == nil {
				failure = err
			}
		}
	})
	return failure
}

func writeEnum(out *bytes.Buffer, name string, s shape) {
	fmt.Fprintf(out, "// %s is an enumeration of the service model.\ntype %s string\n\n", name, name)
	fmt.Fprintf(out, "// Values of %s.\nconst (\n", name)
	for _, value := range s.Enum {
		fmt.Fprintf(out, "%s %s = %q\n", name+constantName(value), name, value)
	}
	fmt.Fprintf(out, ")\n\n")
}

// constantName follows aws-sdk-go-v2, whose names people know: RSA_2048 is Rsa2048, and a value
// that is CamelCase already stays as it is.
func constantName(value string) string {
	if !strings.ContainsAny(value, "_-") && value != strings.ToUpper(value) {
		return value
	}
	var name strings.Builder
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '_' || r == '-' }) {
		name.WriteString(part[:1] + strings.ToLower(part[1:]))
	}
	return name.String()
}

func (g *generator) writeStruct(out *bytes.Buffer, name string, s shape) error {
	switch {
	case g.inputs[name] != "":
		fmt.Fprintf(out, "// %s is the input of %s.\n", name, g.inputs[name])
	case g.output[name] != "":
		fmt.Fprintf(out, "// %s is the output of %s.\n", name, g.output[name])
	default:
		fmt.Fprintf(out, "// %s is a structure of the service model.\n", name)
	}
	fmt.Fprintf(out, "type %s struct {\n", name)
	var failure error
	s.Members.each(func(member string, r ref) {
		typ, err := g.goType(r.Shape, true)
		if err != nil && failure == nil {
			failure = fmt.Errorf("%s.%s: %w", name, member, err)
		}
		note := ""
		if slices.Contains(s.Required, member) {
			note = " // required"
		}
		fmt.Fprintf(out, "%s %s `json:\"%s,omitzero\"`%s\n", member, typ, member, note)
	})
	fmt.Fprintf(out, "}\n\n")
	return failure
}

// goType is the Go type of a value of the shape; a member is a pointer where absence and the zero
// value would look the same.
func (g *generator) goType(name string, member bool) (string, error) {
	s := g.Shapes.by[name]
	pointer := ""
	if member {
		pointer = "*"
	}
	switch {
	case len(s.Enum) > 0, s.Type == "structure":
		return pointer + name, nil
	case s.Type == "string":
		return pointer + "string", nil
	case s.Type == "integer":
		return pointer + "int32", nil
	case s.Type == "boolean":
		return pointer + "bool", nil
	case s.Type == "timestamp":
		return pointer + "Timestamp", nil
	case s.Type == "blob":
		return "[]byte", nil
	case s.Type == "list":
		element, err := g.goType(s.Member.Shape, false)
		return "[]" + element, err
	case s.Type == "map" && g.Shapes.by[s.Key.Shape].Type == "string" && g.Shapes.by[s.Value.Shape].Type == "string":
		return "map[string]string", nil
	}
	return "", fmt.Errorf("shape %s has the unknown type %s", name, s.Type)
}
