package keyengine_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

func (w *world) makeManaged(s *site, alias string) (keyengine.Decision, error) {
	return w.decide(s, "", keyengine.MakeManagedKey{
		Account: account, Alias: alias, KeyID: w.newKeyID(false), Material: w.newMaterial(s),
	})
}

// predefined lists the account's aliases that have no key.
func predefined(t *testing.T, w *world) (names []string) {
	t.Helper()
	reply, _, err := w.call(w.sites["us-east-1"], account, "ListAliases", `{"Limit":100}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range reply.(*kmsapi.ListAliasesResponse).Aliases {
		if a.TargetKeyId == nil {
			names = append(names, *a.AliasName)
		}
	}
	return names
}

// Every predefined alias leads to a key whose policy can be read and names its service, and no two are
// alike.
func TestEveryPredefinedAlias(t *testing.T) {
	w := newWorld("us-east-1")
	at := w.sites["us-east-1"]
	names := predefined(t, w)
	if len(names) == 0 {
		t.Fatal("none")
	}
	ids := map[string]bool{}
	for i, alias := range names {
		if _, err := w.makeManaged(at, alias); err != nil {
			t.Fatalf("%s: %v", alias, err)
		}
		key := w.names[fmt.Sprintf("$k%d", i+1)]
		reply, _, err := w.call(at, account, "GetKeyPolicy", `{"KeyId":"`+key+`"}`)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := policy.Parse(*reply.(*kmsapi.GetKeyPolicyResponse).Policy)
		if err != nil || len(doc.Statements) != 2 || ids[doc.ID] || !strings.Contains(doc.ID, strings.TrimPrefix(alias, "alias/aws/")) {
			t.Errorf("%s: %+v, %v", alias, doc, err)
		}
		ids[doc.ID] = true
	}
	if left := predefined(t, w); len(left) > 0 {
		t.Errorf("still without a key: %q", left)
	}
	w.check(t)
}

// An AWS managed key is made in an account that is full, and takes no room in it.
func TestManagedKeysAreNotCounted(t *testing.T) {
	w := newWorld("us-east-1")
	at := w.sites["us-east-1"]
	keys := func(n uint64) { at.rows.Put([]byte("c/keys/"+account), binary.BigEndian.AppendUint64(nil, n)) }
	keys(keyengine.MaxKeysPerAccount)
	if _, err := w.makeManaged(at, "alias/aws/s3"); err != nil {
		t.Fatal(err)
	}
	wantLimit(t, w, "CreateKey", `{}`)
	keys(keyengine.MaxKeysPerAccount) // with the managed key among them one is left
	w.must(t, "us-east-1", "CreateKey", `{}`)
	wantLimit(t, w, "CreateKey", `{}`)
}

func TestMakeManagedKeyRefuses(t *testing.T) {
	w := newWorld("us-east-1")
	good := keyengine.MakeManagedKey{Account: account, Alias: "alias/aws/s3", KeyID: w.newKeyID(false), Material: w.newMaterial(w.sites["us-east-1"])}
	for name, spoil := range map[string]func(*keyengine.MakeManagedKey){
		"account":     func(c *keyengine.MakeManagedKey) { c.Account = "" },
		"alias":       func(c *keyengine.MakeManagedKey) { c.Alias = "alias/aws/none" },
		"no alias":    func(c *keyengine.MakeManagedKey) { c.Alias = "" },
		"key":         func(c *keyengine.MakeManagedKey) { c.KeyID = "x" },
		"multi":       func(c *keyengine.MakeManagedKey) { c.KeyID = w.newKeyID(true) },
		"no material": func(c *keyengine.MakeManagedKey) { c.Material = keyengine.NewMaterial{} },
	} {
		c := good
		spoil(&c)
		if _, err := w.decide(w.sites["us-east-1"], "", c); codeOf(err) != kmsapi.ValidationException {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.decide(w.sites["us-east-1"], "", good); err != nil {
		t.Error(err)
	}
}

func TestUnmade(t *testing.T) {
	w := newWorld("us-east-1")
	v, f := w.sites["us-east-1"].view(), w.facts(account)
	for id, want := range map[string]bool{
		"alias/aws/s3": true, "arn:aws:kms:us-east-1:111122223333:alias/aws/s3": true,
		"arn:aws:kms:eu-west-1:111122223333:alias/aws/s3": false, "arn:aws:kms:us-east-1:444455556666:alias/aws/s3": false,
		"alias/aws/none": false, "alias/aws/": false, "alias/s3": false, "aws/s3": false, "x:alias/aws/s3": false, "": false,
	} {
		if _, got := v.Unmade(f, id); got != want {
			t.Errorf("%q: %t", id, got)
		}
	}
	if _, err := w.makeManaged(w.sites["us-east-1"], "alias/aws/s3"); err != nil {
		t.Fatal(err)
	}
	if _, got := v.Unmade(f, "alias/aws/s3"); got {
		t.Error("made, and still to be made")
	}
}
