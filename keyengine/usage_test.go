package keyengine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// used reports uses as a node does.
func (s *scenario) used(t *testing.T, d *datadriven.TestData, at *site) string {
	var c keyengine.RecordUse
	for line := range strings.Lines(s.w.expand(d.Input)) {
		var key, op, ago, request string
		if _, err := fmt.Sscan(line, &key, &op, &ago, &request); err != nil {
			d.Fatalf(t, "%s: %v", line, err)
		}
		c.Uses = append(c.Uses, keyengine.Use{
			Account: account, KeyID: key, Operation: op, At: s.w.time(at) - duration(t, d, ago), RequestID: request,
		})
	}
	dec, err := s.w.decide(at, "", c)
	return s.happened(t, dec.Events, err)
}

// randomUses are uses of a few keys, some of which may not be there, in any order of time.
func randomUses(t *rapid.T, w *world) keyengine.RecordUse {
	var c keyengine.RecordUse
	for range rapid.IntRange(1, 4).Draw(t, "uses") {
		key := fmt.Sprintf("$k%d", rapid.IntRange(1, min(3, w.keys)).Draw(t, "used"))
		c.Uses = append(c.Uses, keyengine.Use{
			Account: account, KeyID: w.expand(key), Operation: "Decrypt", RequestID: "u",
			At: w.now - int64(rapid.IntRange(-1000, 10_000).Draw(t, "ago")),
		})
	}
	return c
}

// checkUses holds that only keys that are here have a last use.
func checkUses(t tb, s *site) {
	t.Helper()
	for k := range s.rows.Scan([]byte("c/used/"), nil) {
		if _, ok := s.rows.Get([]byte("k/" + strings.TrimPrefix(string(k), "c/used/"))); !ok {
			t.Errorf("%s: row %s without a key", s.place.Region, k)
		}
	}
}

func TestRecordUseRefusesWhatIsNoUse(t *testing.T) {
	w := newWorld("us-east-1")
	w.must(t, "us-east-1", "CreateKey", `{}`)
	good := keyengine.Use{Account: account, KeyID: w.names["$k1"], Operation: "Sign", At: start, RequestID: "r-1"}
	for name, spoil := range map[string]func(*keyengine.Use){
		"operation":       func(u *keyengine.Use) { u.Operation = "DescribeKey" },
		"no operation":    func(u *keyengine.Use) { u.Operation = "" },
		"account":         func(u *keyengine.Use) { u.Account = "../1" },
		"key":             func(u *keyengine.Use) { u.KeyID = "alias/a" },
		"no request":      func(u *keyengine.Use) { u.RequestID = "" },
		"endless request": func(u *keyengine.Use) { u.RequestID = strings.Repeat("r", 65) },
	} {
		bad := good
		spoil(&bad)
		_, err := w.decide(w.sites["us-east-1"], "", keyengine.RecordUse{Uses: []keyengine.Use{good, bad}})
		if f := codeOf(err); f != kmsapi.ValidationException {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := make([]keyengine.Use, keyengine.MaxUses+1)
	for i := range many {
		many[i] = good
	}
	if _, err := w.decide(w.sites["us-east-1"], "", keyengine.RecordUse{Uses: many}); codeOf(err) != kmsapi.ValidationException {
		t.Errorf("too many: %v", err)
	}
	if d, err := w.decide(w.sites["us-east-1"], "", keyengine.RecordUse{Uses: many[1:]}); err != nil || len(d.Events) != 1 || len(d.Events[0].(keyengine.KeyUsed).Uses) != 1 {
		t.Errorf("as many as may be, of one key: %+v, %v", d.Events, err)
	}
}

// What counts as a use is what the service model says may be the last use of a key.
func TestTrackedOperations(t *testing.T) {
	modelled := map[string]bool{}
	for _, op := range []kmsapi.KeyLastUsageTrackingOperation{
		kmsapi.KeyLastUsageTrackingOperationDecrypt, kmsapi.KeyLastUsageTrackingOperationDeriveSharedSecret,
		kmsapi.KeyLastUsageTrackingOperationEncrypt, kmsapi.KeyLastUsageTrackingOperationGenerateDataKey,
		kmsapi.KeyLastUsageTrackingOperationGenerateDataKeyPair, kmsapi.KeyLastUsageTrackingOperationGenerateDataKeyPairWithoutPlaintext,
		kmsapi.KeyLastUsageTrackingOperationGenerateDataKeyWithoutPlaintext, kmsapi.KeyLastUsageTrackingOperationGenerateMac,
		kmsapi.KeyLastUsageTrackingOperationReEncrypt, kmsapi.KeyLastUsageTrackingOperationSign,
		kmsapi.KeyLastUsageTrackingOperationVerify, kmsapi.KeyLastUsageTrackingOperationVerifyMac,
	} {
		modelled[string(op)] = true
	}
	for op := range kmsapi.Operations() {
		if keyengine.TracksUse(op.Name) != modelled[op.Name] {
			t.Errorf("%s is tracked: %t", op.Name, !modelled[op.Name])
		}
	}
}
