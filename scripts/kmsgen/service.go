package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// verbs gives each operation its kind by the first word of its name. The model does not say which
// operations change state, so a new verb must be put here by someone who knows.
var verbs = map[string]string{
	"Describe": "Metadata", "Get": "Metadata", "List": "Metadata",
	"Decrypt": "DataPlane", "Derive": "DataPlane", "Encrypt": "DataPlane", "Generate": "DataPlane",
	"ReEncrypt": "DataPlane", "Sign": "DataPlane", "Verify": "DataPlane",
	"Cancel": "Mutation", "Connect": "Mutation", "Create": "Mutation", "Delete": "Mutation",
	"Disable": "Mutation", "Disconnect": "Mutation", "Enable": "Mutation", "Import": "Mutation",
	"Put": "Mutation", "Replicate": "Mutation", "Retire": "Mutation", "Revoke": "Mutation",
	"Rotate": "Mutation", "Schedule": "Mutation", "Tag": "Mutation", "Untag": "Mutation",
	"Update": "Mutation",
}

// kindOf finds the longest verb that name starts with.
func kindOf(name string) (string, error) {
	kind, length := "", 0
	for verb, k := range verbs {
		if strings.HasPrefix(name, verb) && len(verb) > length {
			kind, length = k, len(verb)
		}
	}
	if kind == "" {
		return "", fmt.Errorf("operation %s: does its verb change state?", name)
	}
	return kind, nil
}

// service writes the interface, its stub and the table of operations.
func (g *generator) service(out *bytes.Buffer) error {
	fmt.Fprintf(out, "import \"context\"\n\n")
	fmt.Fprintf(out, "// TargetPrefix stands before the operation in the X-Amz-Target header, with a dot between.\n")
	fmt.Fprintf(out, "const TargetPrefix = %q\n\n", g.Metadata.TargetPrefix)

	fmt.Fprintf(out, "// Service is the key service. An error that a caller may see is a *Fault; any other is a defect or a\n// failure inside and reaches the caller as KMSInternalException without its text.\n")
	fmt.Fprintf(out, "type Service interface {\n")
	g.Operations.each(func(name string, op operation) { fmt.Fprintf(out, "%s\n", signature(name, op, true)) })
	fmt.Fprintf(out, "}\n\n")

	fmt.Fprintf(out, "// Unimplemented answers every operation with UnsupportedOperationException. A service that does not\n// have all operations yet embeds it.\n")
	fmt.Fprintf(out, "type Unimplemented struct{}\n\nvar _ Service = Unimplemented{}\n\n")
	g.Operations.each(func(name string, op operation) {
		nothing := ""
		if op.Output != nil {
			nothing = "nil, "
		}
		fmt.Fprintf(out, "// %s implements [Service].\n", name)
		fmt.Fprintf(out, "func (Unimplemented) %s { return %sunsupported(%q) }\n\n", signature(name, op, false), nothing, name)
	})
	return g.table(out)
}

func signature(name string, op operation, named bool) string {
	ctx, call, in := "", "", ""
	if named {
		ctx, call, in = "ctx ", "call ", "in "
	}
	result := "error"
	if op.Output != nil {
		result = fmt.Sprintf("(*%s, error)", op.Output.Shape)
	}
	return fmt.Sprintf("%s(%scontext.Context, %s*Call, %s*%s) %s", name, ctx, call, in, op.Input.Shape, result)
}

// table writes the operations sorted by name, because Lookup searches by halves.
func (g *generator) table(out *bytes.Buffer) error {
	fmt.Fprintf(out, "// operations is sorted by name and never changed.\nvar operations = [...]Operation{\n")
	for _, name := range slices.Sorted(slices.Values(g.Operations.names)) {
		op := g.Operations.by[name]
		kind, err := kindOf(name)
		if err != nil {
			return err
		}
		adapter := "silent"
		if op.Output != nil {
			adapter = "answering"
		}
		fmt.Fprintf(out, "{\nName: %q,\nKind: %s,\n", name, kind)
		if p, ok := g.Pagination.by[name]; ok {
			fmt.Fprintf(out, "Page: %q,\n", p.Result)
		}
		fmt.Fprintf(out, "New: func() Input { return new(%s) },\n", op.Input.Shape)
		fmt.Fprintf(out, "Invoke: %s(Service.%s),\n", adapter, name)
		fmt.Fprintf(out, "Errors: []string{")
		for _, e := range op.Errors {
			fmt.Fprintf(out, "%s, ", e.Shape)
		}
		fmt.Fprintf(out, "},\n},\n")
	}
	fmt.Fprintf(out, "}\n")
	return nil
}
