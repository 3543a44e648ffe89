package audit

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"meridian/keyengine/kmsapi"
)

// planted is in every secret of the calls of these tests.
const planted = "PLANTED-SECRET"

// shown is in every text that may be recorded.
const shown = "shown"

// withheldMembers are those members with texts that are kept out of records, on purpose.
func withheldMembers() []string {
	return []string{
		"AccessKeyId", "AttestationDocument", "GrantToken", "GrantTokens", "KeyEncryptionAlgorithm", "KeyStorePassword", "RawSecretAccessKey", "Recipient",
		"TrustAnchorCertificate", "XksProxyAuthenticationCredential", "XksProxyVpcEndpointServiceOwner",
	}
}

// fill gives every member below v a value: secrets where blobs are and where nobody allowed to record a text.
func fill(v reflect.Value, recorded map[string]bool, secret bool) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), recorded, secret)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), recorded, secret || !recorded[v.Type().Field(i).Name])
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(planted))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), recorded, secret)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("k"), reflect.ValueOf(shown))
	case reflect.String:
		v.SetString(shown)
		if secret {
			v.SetString(planted)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(1_600_000_000)
	}
}

func outputOf(op string) any {
	method, _ := reflect.TypeFor[kmsapi.Service]().MethodByName(op)
	if method.Type.NumOut() < 2 {
		return nil
	}
	return reflect.New(method.Type.Out(0).Elem()).Interface()
}

// TestNoSecretIsRecorded makes a call of every operation, with every member set, answered here, answered by another
// node, and refused with a message that repeats a secret.
func TestNoSecretIsRecorded(t *testing.T) {
	r := testRecorder()
	for op := range kmsapi.Operations() {
		in, out := op.New(), outputOf(op.Name)
		fill(reflect.ValueOf(in).Elem(), r.members.recorded, false)
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		call := &kmsapi.Call{Caller: alice, RequestID: "r", Raw: kmsapi.Raw{Body: body, Header: map[string][]string{"Authorization": {planted}}}}
		calls := map[string]Call{
			"answered":   {Operation: op, Call: call, Input: in},
			"refused":    {Operation: op, Call: call, Input: in, Fault: kmsapi.Errorf(kmsapi.ValidationException, "not good")},
			"unreadable": {Operation: op, Call: call, Fault: kmsapi.Errorf(kmsapi.SerializationException, "no JSON")},
		}
		if slices.Contains(slices.Collect(maps.Keys(jsonOf(t, in))), "GrantTokens") {
			calls["refused for a token"] = Call{Operation: op, Call: call, Input: in, Fault: kmsapi.Errorf(kmsapi.InvalidGrantTokenException, "%s is no token", planted)}
		}
		if out != nil {
			fill(reflect.ValueOf(out).Elem(), r.members.recorded, false)
			raw, err := json.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			c := calls["answered"]
			c.Output = out
			calls["answered"] = c
			c.Output = json.RawMessage(raw)
			calls["answered elsewhere"] = c
		}
		for how, c := range calls {
			line := string(r.appendCall(nil, &c))
			if strings.Contains(line, planted) || strings.Contains(line, base64.StdEncoding.EncodeToString([]byte(planted))) {
				t.Errorf("%s, %s: a secret is recorded: %s", op.Name, how, line)
			}
			if !json.Valid([]byte(line)) {
				t.Errorf("%s, %s: no JSON: %s", op.Name, how, line)
			}
			if c.Input != nil && strings.Contains(string(body), shown) && !strings.Contains(line, shown) {
				t.Errorf("%s, %s: nothing of the request is recorded: %s", op.Name, how, line)
			}
		}
		here, there := calls["answered"], calls["answered elsewhere"]
		if out != nil && string(testRecorder().appendCall(nil, &here)) != string(testRecorder().appendCall(nil, &there)) {
			t.Errorf("%s: what another node answered is recorded differently", op.Name)
		}
	}
}

func jsonOf(t *testing.T, v any) map[string]any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEveryMemberIsDecidedAbout fails for a member of the service model that nobody has looked at.
func TestEveryMemberIsDecidedAbout(t *testing.T) {
	list, seen := recordedMembers(), map[string]bool{}
	withheld := withheldMembers()
	var walk func(t reflect.Type)
	done := map[reflect.Type]bool{}
	var undecided []string
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || done[typ] {
			return
		}
		done[typ] = true
		for f := range typ.Fields() {
			seen[f.Name] = true
			if f.Type != reflect.TypeFor[[]byte]() && !list[f.Name] && !slices.Contains(withheld, f.Name) {
				undecided = append(undecided, typ.Name()+"."+f.Name)
			}
			walk(f.Type)
		}
	}
	for op := range kmsapi.Operations() {
		walk(reflect.TypeOf(op.New()))
		if out := outputOf(op.Name); op.Mutating() && out != nil {
			walk(reflect.TypeOf(out))
		}
	}
	if len(undecided) > 0 {
		t.Errorf("to be put on the list of what is recorded, or on that of what is withheld: %v", undecided)
	}
	for _, name := range append(slices.Sorted(maps.Keys(list)), withheld...) {
		if !seen[name] {
			t.Errorf("no request or answer that is recorded has a member %s", name)
		}
		if list[name] && slices.Contains(withheld, name) {
			t.Errorf("%s is on both lists", name)
		}
	}
}
