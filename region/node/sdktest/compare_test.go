package sdktest

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/keyengine/kmsapi"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the list of errors in keyengine/ERRORS.md")

// compare holds what was seen against the service model and the tables of what cannot be.
func (r *recorder) compare(t *testing.T) {
	r.compareErrors(t)
	operations, inputs, outputs := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for op := range kmsapi.Operations() {
		operations[op.Name] = true
		membersOf(reflect.TypeOf(op.New()), op.Name, inputs)
		method, _ := reflect.TypeFor[kmsapi.Service]().MethodByName(op.Name)
		if method.Type.NumOut() == 2 {
			membersOf(method.Type.Out(0), op.Name, outputs)
		}
	}
	unseen := map[string]map[string]bool{
		"operation never answered":     missing(operations, r.answered),
		"member of an input not given": missing(inputs, r.given),
		"member of an output not seen": missing(outputs, r.seen),
		"value not used":               missing(valuesOfInputs(), r.values),
	}
	expected := unseenReasons()
	for what, names := range unseen {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if expected.match(what, name) == "" {
				t.Errorf("%s: %s", what, name)
			}
		}
	}
	for _, e := range expected {
		if !e.used {
			t.Errorf("%s: %s is in the table, but it was seen, or there is no such thing", e.what, e.name)
		}
	}
}

// missing is what is in want and not in have.
func missing(want, have map[string]bool) map[string]bool {
	out := map[string]bool{}
	for name := range want {
		if !have[name] {
			out[name] = true
		}
	}
	return out
}

// valuesOfInputs are all values of all enumerations that the SDK's inputs have.
func valuesOfInputs() map[string]bool {
	list := map[string]bool{}
	client := reflect.TypeFor[*kms.Client]()
	for op := range kmsapi.Operations() {
		method, found := client.MethodByName(op.Name)
		if !found {
			panic("the SDK has no operation " + op.Name)
		}
		collectValues(method.Type.In(2), list)
	}
	return list
}

func collectValues(t reflect.Type, list map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if values, found := t.MethodByName("Values"); found && t.Kind() == reflect.String {
		all := values.Func.Call([]reflect.Value{reflect.Zero(t)})[0]
		for i := range all.Len() {
			list[t.Name()+"="+all.Index(i).String()] = true
		}
	}
	if t.Kind() == reflect.Struct && strings.Contains(t.PkgPath(), "service/kms") {
		for f := range t.Fields() {
			if f.IsExported() {
				collectValues(f.Type, list)
			}
		}
	}
}

// compareErrors finds errors that were not provoked, that were in spite of the table, and that are not declared.
func (r *recorder) compareErrors(t *testing.T) {
	impossible := impossibleErrors()
	declared := map[pair]bool{}
	for op := range kmsapi.Operations() {
		for _, code := range op.Errors {
			p := pair{op.Name, code}
			declared[p] = true
			message, provoked := r.errors[p]
			switch reason := impossible.reason(p); {
			case !provoked && reason == "":
				t.Errorf("%s never gave %s", p.operation, p.code)
			case provoked && reason != "":
				t.Errorf("%s gave %s (%s), which the table calls impossible", p.operation, p.code, message)
			}
			if r.generic[code] {
				t.Errorf("%s came without the SDK's own type", code)
			}
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(r.errors), pair.compare) {
		if !declared[p] && !common(p.code) {
			t.Errorf("%s gave %s (%s), which it does not declare", p.operation, p.code, r.errors[p])
		}
	}
	for code, got := range r.status {
		equal(t, "the HTTP status of "+code, got, statusOf(code))
	}
	for _, rule := range impossible {
		if !rule.used {
			t.Errorf("a rule of impossible errors is about nothing: %v of %v", rule.codes, rule.operations)
		}
	}
	publish(t, impossible)
}

// statusOf is the HTTP status of an error: all are the caller's but three.
func statusOf(code string) int {
	switch code {
	case "KMSInternalException", "KeyUnavailableException":
		return 500
	case "DependencyTimeoutException":
		return 503
	}
	return 400
}

func (p pair) compare(q pair) int { return strings.Compare(p.operation+p.code, q.operation+q.code) }

// common reports whether any operation may give an error. InvalidArnException is among them by Meridian's own decision.
func common(code string) bool {
	return slices.Contains([]string{"ValidationException", "AccessDeniedException", "InvalidArnException"}, code)
}

const (
	page      = "../../../keyengine/ERRORS.md"
	pageBegin = "<!-- errors -->\n"
	pageEnd   = "<!-- /errors -->"
)

// publish holds the page of errors against the table. Write it again with -args -rewrite.
func publish(t *testing.T, impossible rules) {
	var table strings.Builder
	table.WriteString("| error | of | why |\n|---|---|---|\n")
	for _, rule := range impossible {
		fmt.Fprintf(&table, "| %s | %s | %s |\n", strings.Join(rule.shown(), ", "), strings.Join(rule.of(), ", "), rule.why)
	}
	text, err := os.ReadFile(page)
	ok(t, err)
	before, rest, begins := bytes.Cut(text, []byte(pageBegin))
	have, after, ends := bytes.Cut(rest, []byte(pageEnd))
	if !begins || !ends {
		t.Fatalf("%s has no %s…%s", page, pageBegin, pageEnd)
	}
	switch want := table.String(); {
	case string(have) == want:
	case *rewrite:
		ok(t, os.WriteFile(page, []byte(string(before)+pageBegin+want+pageEnd+string(after)), 0o644))
	default:
		t.Errorf("the table in %s differs from the suite's; write it again with\n\tgo test ./region/node/sdktest -args -rewrite\nhave:\n%swant:\n%s", page, have, want)
	}
}
