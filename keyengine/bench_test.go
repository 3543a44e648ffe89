package keyengine_test

import (
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

func BenchmarkCreateKey(b *testing.B) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	for b.Loop() {
		in := &kmsapi.CreateKeyRequest{}
		c := keyengine.CreateKey{Request: in, KeyID: w.newKeyID(false), Material: w.newMaterial(s)}
		d, err := keyengine.Decide(s.view(), w.facts(account), c)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range d.Events {
			keyengine.Evolve(s.rows, s.place, e)
		}
	}
}

func BenchmarkUse(b *testing.B) {
	w := newWorld("us-east-1")
	w.must(b, "us-east-1", "CreateKey", `{}`)
	v, f, ref := w.sites["us-east-1"].view(), w.facts(account), keyengine.Ref{Account: account, KeyID: w.names["$k1"]}
	for b.Loop() {
		if _, err := v.UseNamed(f, "Decrypt", ref); err != nil {
			b.Fatal(err)
		}
	}
}
