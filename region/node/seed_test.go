package node_test

import (
	"encoding/json"
	"testing"

	"meridian/cluster/control"
	"meridian/keyengine/kmsapi"
	"meridian/region/node/nodetest"
)

// What an operator asks for wrongly is answered with a fault, as a caller's request is.
func TestTheAdminSocketMakesKeysAndCalls(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1")
	c.Ready()
	client, err := control.Connect(c.Dir.Node("us-east-1/1"))
	if err != nil {
		t.Fatal(err)
	}
	const account, id = "111122223333", "00000000-0000-4000-8000-000000000001"
	key := control.SeedKey{Account: account, KeyID: id, Request: json.RawMessage(`{"Description":"seeded"}`)}
	if s, err := client.SeedKey(t.Context(), key); err != nil || !s.Made || s.Fault != nil {
		t.Fatalf("first: %+v, %v", s, err)
	}
	if s, err := client.SeedKey(t.Context(), key); err != nil || s.Made || s.Fault != nil {
		t.Errorf("again: %+v, %v", s, err)
	}
	for what, k := range map[string]control.SeedKey{
		"no account":          {KeyID: id, Request: key.Request},
		"no key id":           {Account: account, KeyID: "key"},
		"input of no form":    {Account: account, KeyID: id, Request: json.RawMessage(`[]`)},
		"input out of bounds": {Account: account, KeyID: id, Request: json.RawMessage(`{"KeySpec":"AES"}`)},
		"material too short":  {Account: account, KeyID: "00000000-0000-4000-8000-000000000002", Material: []byte{1}},
	} {
		if s, err := client.SeedKey(t.Context(), k); err != nil || s.Made || s.Fault == nil || s.Fault.Code != kmsapi.ValidationException {
			t.Errorf("%s: %+v, %v", what, s, err)
		}
	}

	call := control.Call{Account: account, Operation: "DescribeKey", Input: json.RawMessage(`{"KeyId":"` + id + `"}`)}
	a, err := client.Call(t.Context(), call)
	var d kmsapi.DescribeKeyResponse
	if err != nil || a.Fault != nil || json.Unmarshal(a.Output, &d) != nil || *d.KeyMetadata.Description != "seeded" {
		t.Errorf("DescribeKey: %+v, %v", a, err)
	}
	for operation, want := range map[string]string{"DescribeKey": kmsapi.NotFoundException, "Destroy": kmsapi.ValidationException} {
		a, err := client.Call(t.Context(), control.Call{Account: "000000000000", Operation: operation, Input: call.Input})
		if err != nil || a.Fault == nil || a.Fault.Code != want {
			t.Errorf("%s as another account: %+v, %v", operation, a, err)
		}
	}
}
