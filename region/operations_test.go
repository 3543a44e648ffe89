package region_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"meridian/keyengine/kmsapi"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the table of operations in the project's README")

const (
	readme     = "../README.md"
	tableBegin = "<!-- operations -->\n"
	tableEnd   = "<!-- /operations -->"
)

// operationNotes are what a reader should know of an operation beside that it works.
func operationNotes() map[string]string {
	const stores = "there are no custom key stores"
	return map[string]string{
		"ConnectCustomKeyStore":    stores,
		"CreateCustomKeyStore":     stores,
		"CreateKey":                "Origin `AWS_CLOUDHSM` and `EXTERNAL_KEY_STORE` are not built",
		"Decrypt":                  "Recipient needs `up --attestation-roots`",
		"DeleteCustomKeyStore":     stores,
		"DeriveSharedSecret":       "Recipient needs `up --attestation-roots`",
		"DescribeCustomKeyStores":  stores,
		"DisconnectCustomKeyStore": stores,
		"GenerateDataKey":          "Recipient needs `up --attestation-roots`",
		"GenerateDataKeyPair":      "Recipient needs `up --attestation-roots`",
		"GenerateRandom":           "Recipient needs `up --attestation-roots`; no CustomKeyStoreId",
		"GetKeyLastUsage":          "shows a use seconds later",
		"ReplicateKey":             "among the Regions of the cluster",
		"UpdateCustomKeyStore":     stores,
		"UpdatePrimaryRegion":      "among the Regions of the cluster",
	}
}

// TestTableOfOperations holds the table in the README against what a Region answers. Write it again
// with -args -rewrite.
func TestTableOfOperations(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	want := operationTable(t, w)

	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := bytes.Cut(text, []byte(tableBegin))
	have, after, ends := bytes.Cut(rest, []byte(tableEnd))
	if !begins || !ends {
		t.Fatalf("%s has no %s…%s", readme, tableBegin, tableEnd)
	}
	if string(have) == want {
		return
	}
	if !*rewrite {
		t.Fatalf("the table in %s differs from what a Region answers; write it again with\n"+
			"\tgo test ./region -run TestTableOfOperations -args -rewrite\nhave:\n%swant:\n%s", readme, have, want)
	}
	if err := os.WriteFile(readme, []byte(string(before)+tableBegin+want+tableEnd+string(after)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// operationTable asks a Region each operation and makes the table of what it found.
func operationTable(t *testing.T, w *world) string {
	t.Helper()
	notes := operationNotes()
	var table strings.Builder
	table.WriteString("| operation | | note |\n|---|---|---|\n")
	for op := range kmsapi.Operations() {
		state := "not yet"
		if w.implements(t, op) {
			state = "works"
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", op.Name, state, notes[op.Name])
		delete(notes, op.Name)
	}
	for name := range notes {
		t.Errorf("a note on %s, which is no operation", name)
	}
	return table.String()
}

// implements calls an operation with an input that most refuse, and reports whether the answer is any
// other than that of a service without the operation.
func (w *world) implements(t *testing.T, op *kmsapi.Operation) bool {
	t.Helper()
	_, err := op.Invoke(t.Context(), kmsapi.Unimplemented{}, &kmsapi.Call{}, op.New())
	var stub, got *kmsapi.Fault
	if !errors.As(err, &stub) {
		t.Fatalf("%s without a service: %v", op.Name, err)
	}
	call := &kmsapi.Call{RequestID: "ask-" + op.Name, Caller: kmsapi.Principal{
		Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", AccessKeyID: "test",
	}}
	_, err = w.nodes[0].Dispatch(t.Context(), op, call, emptyInput(op))
	return !errors.As(err, &got) || *got != *stub
}

// emptyInput is an input whose scalar members are all there and empty: validation, which is left out,
// promises to what comes after it that some are.
func emptyInput(op *kmsapi.Operation) kmsapi.Input {
	in := op.New()
	members := reflect.ValueOf(in).Elem()
	for _, m := range members.Fields() {
		if m.Kind() == reflect.Pointer && m.Type().Elem().Kind() != reflect.Struct {
			m.Set(reflect.New(m.Type().Elem()))
		}
	}
	return in
}
