package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"meridian/keyengine/kmsapi"
)

// filled gives every member of a structure of the service model a value: identifiers mean key1, and everything else says
// the name of its member, so that it is found wherever it gets.
func filled(v reflect.Value, name string, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem(), name, depth)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && depth < 6 {
				filled(v.Field(i), f.Name, depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		filled(v.Index(0), name, depth)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"context": "value"}).Convert(v.Type()))
	case reflect.String:
		switch {
		case name == "AliasName":
			v.SetString("alias/mine")
		case strings.HasSuffix(name, "KeyId") || name == "Arn":
			v.SetString(key1)
		default:
			v.SetString("<" + name + ">")
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint('s')
	default:
		v.SetInt(1)
	}
}

// TestEachOperationsEntry holds, in one table, what the entry of each operation has: whether it only read, and the members of
// its parts. A request with every member, and its answer, say what is recorded and what never is.
func TestEachOperationsEntry(t *testing.T) {
	var got strings.Builder
	for op := range kmsapi.Operations() {
		in := op.New()
		filled(reflect.ValueOf(in).Elem(), "", 0)
		c := Call{Operation: op, Call: callOf(user()), At: 1_605_662_958_500, Input: in}
		if method, ok := reflect.TypeFor[kmsapi.Service]().MethodByName(op.Name); ok && method.Type.NumOut() == 2 {
			out := reflect.New(method.Type.Out(0).Elem())
			filled(out.Elem(), "", 0)
			c.Output = out.Interface()
		}
		var entry struct {
			ReadOnly   bool           `json:"readOnly"`
			Parameters map[string]any `json:"requestParameters"`
			Elements   map[string]any `json:"responseElements"`
			Additional map[string]any `json:"additionalEventData"`
			Resources  []struct{ ARN string }
		}
		line := testRecorder().appendCall(nil, &c)
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatalf("%s: %v in %s", op.Name, err, line)
		}
		fmt.Fprintf(&got, "%s\n  readOnly %t\n", op.Name, entry.ReadOnly)
		fmt.Fprintf(&got, "  request %s\n  response %s\n  additional %s\n", names(entry.Parameters), names(entry.Elements), names(entry.Additional))
		for _, r := range entry.Resources {
			fmt.Fprintf(&got, "  about %s\n", r.ARN)
		}
		// Whatever the operation, these are withheld: they are secrets or what a secret protects.
		for _, secret := range []string{"<Plaintext>", "<GrantToken>", "<GrantTokens>", "<KeyStorePassword>", "<RawSecretAccessKey>", "<AccessKeyId>", "<TrustAnchorCertificate>"} {
			if strings.Contains(string(line), secret) {
				t.Errorf("%s records %s", op.Name, secret)
			}
		}
	}
	const golden = "testdata/operations.txt"
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the entries are not those of %s; they are now\n%s", golden, &got)
	}
}

// names are the members of an object.
func names(members map[string]any) string {
	if len(members) == 0 {
		return "-"
	}
	return strings.Join(slices.Sorted(maps.Keys(members)), " ")
}
