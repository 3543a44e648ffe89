package main

import (
	"bytes"
	"fmt"
)

// decode writes the JSON decoders of everything a caller sends.
func (g *generator) decode(out *bytes.Buffer) error {
	for _, name := range g.receivedStructs() {
		s := g.Shapes.by[name]
		if g.inputs[name] != "" {
			fmt.Fprintf(out, "// UnmarshalJSON decodes a request body; its error is a SerializationException.\n")
			fmt.Fprintf(out, "func (x *%s) UnmarshalJSON(body []byte) error { return decodeBody(body, x) }\n\n", name)
		}
		receiver := "x"
		if len(s.Members.names) == 0 {
			receiver = ""
		}
		fmt.Fprintf(out, "func (%s *%s) decodeMember(r *reader, name string) {\n", receiver, name)
		if len(s.Members.names) == 0 {
			fmt.Fprintf(out, "r.skip()\n}\n\n")
			continue
		}
		fmt.Fprintf(out, "switch name {\n")
		var failure error
		s.Members.each(func(member string, r ref) {
			read, err := g.readExpr(r.Shape)
			if err != nil && failure == nil {
				failure = fmt.Errorf("%s.%s: %w", name, member, err)
			}
			fmt.Fprintf(out, "case %q:\nx.%s = %s\n", member, member, read)
		})
		if failure != nil {
			return failure
		}
		fmt.Fprintf(out, "default:\nr.skip()\n}\n}\n\n")
	}
	return nil
}

// readExpr is the expression that reads a member of the shape.
func (g *generator) readExpr(name string) (string, error) {
	s := g.Shapes.by[name]
	switch s.Type {
	case "string":
		if len(s.Enum) > 0 {
			return "readText[" + name + "](r)", nil
		}
		return "readText[string](r)", nil
	case "integer":
		return "readInteger(r)", nil
	case "boolean":
		return "readBoolean(r)", nil
	case "timestamp":
		return "readTimestamp(r)", nil
	case "blob":
		return "readBlob(r)", nil
	case "structure":
		return "readStruct[" + name + "](r)", nil
	case "map":
		return "readMap(r)", nil
	case "list":
		element := g.Shapes.by[s.Member.Shape]
		switch {
		case element.Type == "structure":
			return "readStructs[" + s.Member.Shape + "](r)", nil
		case len(element.Enum) > 0:
			return "readTexts[" + s.Member.Shape + "](r)", nil
		case element.Type == "string":
			return "readTexts[string](r)", nil
		}
	}
	return "", fmt.Errorf("no reader for shape %s", name)
}
