package region_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// While material is made that takes long, everything else goes on.
func TestOnlyTheCallThatMakesMaterialWaits(t *testing.T) {
	w := newWorld(t)
	w.gate = make(chan struct{})
	w.lead(0)
	slow := make(chan error, 1)
	go func() {
		_, _, err := w.call(0, "CreateKey", "", `{"KeySpec":"HMAC_224","KeyUsage":"GENERATE_VERIFY_MAC"}`)
		slow <- err
	}()
	id := w.key(keyspec.SymmetricDefault, keyspec.EncryptDecrypt)
	w.do(0, "DisableKey", input("KeyId", id), nil)
	select {
	case err := <-slow:
		t.Fatalf("the call did not wait: %v", err)
	default:
	}
	close(w.gate)
	if err := <-slow; err != nil {
		t.Error(err)
	}
}

// A call whose material is not made in time says so, and leaves no key.
func TestMaterialThatTakesTooLong(t *testing.T) {
	w := newWorld(t)
	w.gate = make(chan struct{})
	w.lead(0)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := w.dispatch(ctx, 0, "CreateKey", &kmsapi.Call{
		RequestID: "r", Caller: kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root"},
		Raw: kmsapi.Raw{Body: []byte(`{"KeySpec":"HMAC_224","KeyUsage":"GENERATE_VERIFY_MAC"}`)},
	})
	if code(err) != kmsapi.DependencyTimeoutException {
		t.Errorf("got %v", err)
	}
	var keys kmsapi.ListKeysResponse
	w.do(0, "ListKeys", `{}`, &keys)
	if len(keys.Keys) != 0 {
		t.Errorf("%d keys", len(keys.Keys))
	}
}

// Material is dear: none is made for a call that is refused, or that repeats one.
func TestNoMaterialIsMadeInVain(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	for _, body := range []string{
		`{"KeySpec":"HMAC_256"}`,
		`{"KeySpec":"HMAC_256","KeyUsage":"SIGN_VERIFY"}`,
		`{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC","Policy":"{}"}`,
		`{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC","Tags":[{"TagKey":"aws:a","TagValue":""}]}`,
	} {
		if _, _, err := w.call(0, "CreateKey", "", body); err == nil {
			t.Errorf("%s: no error", body)
		}
	}
	if n := w.made.Load(); n != 0 {
		t.Errorf("%d materials for refused calls", n)
	}
	var ids []string
	for range 3 {
		out, _, err := w.call(1, "CreateKey", "one", `{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, keyID(t, out))
	}
	if n := w.made.Load(); n != 1 || ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("%d materials for keys %s", n, fmt.Sprint(ids))
	}
}
