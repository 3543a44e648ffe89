package kmsapi

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

// anything reads a whole value, whatever it is, and says whether the reader takes it for JSON.
func anything(data []byte) *reader {
	r := &reader{data: data}
	r.skip()
	r.end()
	return r
}

// The reader accepts no more than JSON, and refuses JSON only for the reasons it documents.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` [1, -0.5e+3 ,true,false,null,"a\u00e9\ud83d\ude00\n"] `, `{"a":{"b":[[]]},"a":1}`, `01`, `-`, `1.`, `1e`, `"\ud800"`, `"\x"`, "\"\x01\"", `tru`,
		`{"a"}`, `{"a":1,}`, `[1,]`, `{,}`, `1 2`, "\"\xff\"", `"`, `"\`, `"\u12`, ``, "\x00", "[\x00]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := anything(data)
		switch valid := json.Valid(data); {
		case r.fault == nil && !valid:
			t.Errorf("%q was read as JSON", data)
		case r.fault != nil && valid:
			// Go replaces what is no text, such as lone surrogates; the reader refuses it.
			if s := r.fault.Message; s != "the body is not UTF-8" && s != "the body is nested too deeply" && !hasEscape(data) {
				t.Errorf("%q was refused: %s", data, s)
			}
		}
	})
}

func hasEscape(data []byte) bool {
	for i := 0; i+1 < len(data); i++ {
		if data[i] == '\\' && data[i+1] == 'u' {
			return true
		}
	}
	return false
}

// Any body is decoded and checked without harm; one that is accepted means the same when it is
// written and read again.
func FuzzRequest(f *testing.F) {
	f.Add("CreateKey", []byte(`{"KeySpec":"RSA_2048","Tags":[{"TagKey":"a","TagValue":""}],"MultiRegion":true,"Policy":"{}"}`))
	f.Add("Encrypt", []byte(`{"KeyId":"alias/a","Plaintext":"AAEC","EncryptionContext":{"a":"b"},"GrantTokens":["t"],"DryRun":false}`))
	f.Add("ImportKeyMaterial", []byte(`{"KeyId":"k","ImportToken":"AA==","EncryptedKeyMaterial":"","ValidTo":1.5e9}`))
	f.Add("ListKeys", []byte(`{"Limit":-5,"Marker":"\u0100"}`))
	f.Add("CreateGrant", []byte(`{"Operations":["Decrypt","Nope"],"Constraints":{"EncryptionContextSubset":{}}}`))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		op, ok := Lookup(name)
		if !ok {
			t.Skip()
		}
		in := op.New()
		if err := in.UnmarshalJSON(body); err != nil {
			var fault *Fault
			if !errors.As(err, &fault) || fault.Code != SerializationException || fault.Message == "" {
				t.Fatalf("decoding failed with %v", err)
			}
			return
		}
		if err := in.Validate(); err != nil {
			var fault *Fault
			if !errors.As(err, &fault) || fault.Code != ValidationException || len(fault.Message) > 32<<10 {
				t.Fatalf("validation failed with %v", err)
			}
		}
		written, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		again := op.New()
		if err := again.UnmarshalJSON(written); err != nil {
			t.Fatalf("%s, written as %s: %v", body, written, err)
		}
		if !reflect.DeepEqual(in, again) {
			t.Fatalf("%s became %#v, then %#v", body, in, again)
		}
	})
}
