package kmsapi_test

import (
	"maps"
	"testing"

	"meridian/keyengine/kmsapi"
)

// The service takes scalars of an encryption context for their text; other kinds are refused.
func TestScalarsInAMapAreText(t *testing.T) {
	var in kmsapi.EncryptRequest
	if err := in.UnmarshalJSON([]byte(`{"EncryptionContext":{"a":5,"b":true,"c":-1.5e3,"d":"x","e":false}}`)); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "5", "b": "true", "c": "-1.5e3", "d": "x", "e": "false"}
	if !maps.Equal(in.EncryptionContext, want) {
		t.Errorf("got %v", in.EncryptionContext)
	}
	for _, value := range []string{"null", "{}", "[]", "tru", "-", "nope"} {
		if err := new(kmsapi.EncryptRequest).UnmarshalJSON([]byte(`{"EncryptionContext":{"a":` + value + `}}`)); err == nil {
			t.Errorf("%s was taken", value)
		}
	}
}
