package main

import (
	"bytes"
	"fmt"
)

// errors writes the codes of the modelled errors and tells the service's own failures apart.
func (g *generator) errors(out *bytes.Buffer) error {
	fmt.Fprintf(out, "// Codes of the errors that the service model declares.\nconst (\n")
	var own []string
	g.Shapes.each(func(name string, s shape) {
		if !s.Exception {
			return
		}
		fmt.Fprintf(out, "%s = %q\n", name, name)
		if s.Fault {
			own = append(own, name)
		}
	})
	fmt.Fprintf(out, ")\n\n")
	if len(own) == 0 {
		return fmt.Errorf("the model marks no error as the service's fault")
	}
	fmt.Fprintf(out, "// serviceFault reports whether the model marks code as the service's own failure, not the caller's.\n")
	fmt.Fprintf(out, "func serviceFault(code string) bool {\nswitch code {\ncase ")
	for i, name := range own {
		if i > 0 {
			fmt.Fprintf(out, ", ")
		}
		fmt.Fprint(out, name)
	}
	fmt.Fprintf(out, ":\nreturn true\n}\nreturn false\n}\n")
	return nil
}
