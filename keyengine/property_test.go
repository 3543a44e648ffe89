package keyengine_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// mutations are the operations that a random life is made of.
func mutations() []string {
	return []string{
		"CreateKey", "EnableKey", "DisableKey", "UpdateKeyDescription", "ScheduleKeyDeletion", "CancelKeyDeletion",
		"CreateAlias", "UpdateAlias", "DeleteAlias", "TagResource", "UntagResource", "PutKeyPolicy", "ReplicateKey",
		"UpdatePrimaryRegion", "RotateKeyOnDemand", "ImportKeyMaterial", "DeleteImportedKeyMaterial", "EnableKeyRotation", "DisableKeyRotation",
		"CreateGrant", "RetireGrant", "RevokeGrant",
	}
}

// randomBody draws an input that is mostly good.
func randomBody(t *rapid.T, w *world, op string) string {
	key := fmt.Sprintf("$k%d", rapid.IntRange(1, min(3, w.keys)).Draw(t, "key"))
	region := rapid.SampledFrom(append(w.regions(), "eu-north-1")).Draw(t, "region")
	alias := rapid.SampledFrom([]string{"alias/a", "alias/b", "alias/c"}).Draw(t, "alias")
	switch op {
	case "CreateKey":
		kind := rapid.SampledFrom([]string{
			`"KeySpec":"SYMMETRIC_DEFAULT"`, `"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"`,
			`"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"`, `"KeySpec":"RSA_2048"`,
		}).Draw(t, "kind")
		origin := rapid.SampledFrom([]string{"AWS_KMS", "EXTERNAL"}).Draw(t, "origin")
		return fmt.Sprintf(`{"MultiRegion":%t,"Origin":%q,%s}`, rapid.Bool().Draw(t, "multi"), origin, kind)
	case "ImportKeyMaterial":
		b := base64.StdEncoding.EncodeToString([]byte{byte(rapid.IntRange(1, 3).Draw(t, "bytes"))})
		until := rapid.SampledFrom([]string{`"ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE"`, fmt.Sprintf(`"ValidTo":%d`, w.now/1000+3*day/1000)}).Draw(t, "until")
		kind := rapid.SampledFrom([]string{``, `,"ImportType":"NEW_KEY_MATERIAL"`, `,"ImportType":"EXISTING_KEY_MATERIAL","KeyMaterialDescription":"d"`}).Draw(t, "type")
		return fmt.Sprintf(`{"KeyId":%q,"ImportToken":"GA==","EncryptedKeyMaterial":%q,%s%s}`, importedKey(key), b, until, kind)
	case "DeleteImportedKeyMaterial":
		if name := rapid.SampledFrom([]string{"", "$i01", "$i02", "$i03"}).Draw(t, "which"); w.names[name] != "" {
			return fmt.Sprintf(`{"KeyId":%q,"KeyMaterialId":%q}`, importedKey(key), name)
		}
		return fmt.Sprintf(`{"KeyId":%q}`, importedKey(key))
	case "CreateAlias", "UpdateAlias":
		return fmt.Sprintf(`{"AliasName":%q,"TargetKeyId":%q}`, alias, key)
	case "DeleteAlias":
		return fmt.Sprintf(`{"AliasName":%q}`, alias)
	case "ScheduleKeyDeletion":
		return fmt.Sprintf(`{"KeyId":%q,"PendingWindowInDays":%d}`, key, rapid.IntRange(6, 9).Draw(t, "days"))
	case "ReplicateKey":
		return fmt.Sprintf(`{"KeyId":%q,"ReplicaRegion":%q,"Description":"r","Tags":[{"TagKey":"x","TagValue":"y"}]}`, key, region)
	case "UpdatePrimaryRegion":
		return fmt.Sprintf(`{"KeyId":%q,"PrimaryRegion":%q}`, key, region)
	case "EnableKeyRotation":
		return fmt.Sprintf(`{"KeyId":%q,"RotationPeriodInDays":90}`, key)
	case "TagResource":
		return fmt.Sprintf(`{"KeyId":%q,"Tags":[{"TagKey":%q,"TagValue":"v"}]}`, key, alias)
	case "UntagResource":
		return fmt.Sprintf(`{"KeyId":%q,"TagKeys":[%q]}`, key, alias)
	case "UpdateKeyDescription":
		return fmt.Sprintf(`{"KeyId":%q,"Description":%q}`, key, alias)
	case "CreateGrant":
		grantee := rapid.SampledFrom([]string{alice, bob}).Draw(t, "grantee")
		constraints := rapid.SampledFrom([]string{`{}`, `{"EncryptionContextEquals":{"a":"b"}}`, `{"EncryptionContextSubset":{"a":"b"}}`}).Draw(t, "constraints")
		return fmt.Sprintf(`{"KeyId":%q,"GranteePrincipal":%q,"RetiringPrincipal":%q,"Operations":["Decrypt"],"Name":"n","Constraints":%s}`, key, grantee, bob, constraints)
	case "RetireGrant", "RevokeGrant":
		key, id := anyGrant(t, w.sites["us-east-1"])
		return fmt.Sprintf(`{"KeyId":%q,"GrantId":%q}`, key, id)
	case "PutKeyPolicy":
		return fmt.Sprintf(`{"KeyId":%q,"Policy":"%s"}`, key, anyPolicy)
	}
	return fmt.Sprintf(`{"KeyId":%q}`, key)
}

// importedKey favours the key with imported material.
func importedKey(key string) string {
	if key == "$k2" {
		return key
	}
	return "$k3"
}

// TestRandomLives lets random calls, messages and days happen to a few keys in three Regions. Whatever
// happens: deciding changes nothing and always decides the same, the log replays to the same rows, the
// indexes and secrets follow from the families, and every event survives its bytes.
func TestRandomLives(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld("us-east-1", "eu-west-1", "ap-southeast-2")
		w.watch = func(s *site, c keyengine.Command, f keyengine.Facts) { sameTwice(rt, s, c, f) }
		w.must(rt, "us-east-1", "CreateKey", `{"MultiRegion":true}`)
		w.must(rt, "us-east-1", "CreateKey", `{}`)
		w.must(rt, "us-east-1", "CreateKey", `{"MultiRegion":true,"Origin":"EXTERNAL"}`)
		w.must(rt, "us-east-1", "ImportKeyMaterial", fmt.Sprintf(`{"KeyId":"$k3","ImportToken":"GA==","EncryptedKeyMaterial":"AQ==","ValidTo":%d}`, start/1000+5*day/1000))
		w.must(rt, "us-east-1", "ReplicateKey", `{"KeyId":"$k3","ReplicaRegion":"eu-west-1"}`)
		w.must(rt, "us-east-1", "CreateAlias", `{"AliasName":"alias/a","TargetKeyId":"$k1"}`)
		w.must(rt, "us-east-1", "ReplicateKey", `{"KeyId":"$k1","ReplicaRegion":"eu-west-1"}`)
		for range rapid.IntRange(20, 60).Draw(rt, "steps") {
			randomStep(rt, w)
		}
		w.check(rt)
		w.settle(rt)
		w.check(rt)
		checkEventsSurvive(rt, w, seen)
	})
	for _, name := range []string{
		"KeyDeleted", "ReplicaCreated", "ReplicaCompleted", "MemberGone", "HandoffBegun", "PrimaryTaken",
		"RotationStarted", "RotationActivated", "AliasUpdated", "AliasDeleted", "TagsChanged", "PolicyPut",
		"GrantCreated", "GrantRetired", "GrantRevoked", "KeyUsed",
		"MaterialAdded", "MaterialRemoved", "MaterialPlaced", "MaterialErased", "ImportAwaited",
	} {
		if seen[name] == 0 {
			t.Errorf("no life had a %s: the lives are too dull to prove anything", name)
		}
	}
}

func randomStep(t *rapid.T, w *world) {
	site := func(label string) *site { return w.sites[rapid.SampledFrom(w.regions()).Draw(t, label)] }
	switch rapid.IntRange(0, 14).Draw(t, "kind") {
	case 0:
		w.now += int64(rapid.SampledFrom([]int{1_000, 60_000, 8 * day, 91 * day}).Draw(t, "wait"))
	case 1:
		_, err := w.runDue(site("due"))
		mustBeFault(t, err)
	case 2, 3:
		randomMessage(t, w, site("from"), site("to"))
	case 4:
		w.settle(t)
	case 5: // what takes several steps that chance alone seldom puts in a row
		w.settle(t)
		to := rapid.SampledFrom(w.regions()).Draw(t, "to")
		for _, at := range w.regions() {
			_, _, err := w.call(w.sites[at], account, "UpdatePrimaryRegion", w.expand(`{"KeyId":"$k1","PrimaryRegion":"`+to+`"}`))
			mustBeFault(t, err)
		}
	case 6:
		at := site("ends")
		_, _, err := w.call(at, account, "ScheduleKeyDeletion", w.expand(`{"KeyId":"$k1","PendingWindowInDays":7}`))
		mustBeFault(t, err)
		w.now += 7 * day
		_, err = w.runDue(at)
		mustBeFault(t, err)
	case 7:
		at := w.sites["us-east-1"]
		for _, op := range []string{"CreateGrant", rapid.SampledFrom([]string{"RetireGrant", "RevokeGrant"}).Draw(t, "end")} {
			_, _, err := w.call(at, account, op, w.expand(randomBody(t, w, op)))
			mustBeFault(t, err)
		}
	case 8:
		_, err := w.decide(site("used"), "", randomUses(t, w))
		mustBeFault(t, err)
	case 9:
		randomImports(t, w)
	default:
		op := rapid.SampledFrom(mutations()).Draw(t, "op")
		at := w.sites["us-east-1"] // where the keys begin; most calls elsewhere find none
		if rapid.IntRange(0, 2).Draw(t, "elsewhere") == 0 {
			at = site("at")
		}
		_, _, err := w.call(at, account, op, w.expand(randomBody(t, w, op)))
		mustBeFault(t, err)
	}
}

// randomImports brings a second material, and lets it go or rotates to it.
func randomImports(t *rapid.T, w *world) {
	call := func(region, op, more string) {
		body := w.expand(`{"KeyId":"$k3"` + more + `}`)
		_, _, err := w.call(w.sites[region], account, op, body)
		mustBeFault(t, err)
	}
	const forever = `,"ImportToken":"GA==","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE","EncryptedKeyMaterial":`
	call("us-east-1", "ImportKeyMaterial", forever+`"AQ=="`)
	call("us-east-1", "ImportKeyMaterial", forever+`"Ag==","ImportType":"NEW_KEY_MATERIAL"`)
	if rapid.Bool().Draw(t, "bring") {
		w.settle(t)
		call("eu-west-1", "ImportKeyMaterial", forever+`"Ag=="`)
	}
	if rapid.Bool().Draw(t, "rotate") {
		w.settle(t)
		call("us-east-1", "RotateKeyOnDemand", "")
	}
	call("us-east-1", "DeleteImportedKeyMaterial", `,"KeyMaterialId":"$i02"`)
}

func randomMessage(t *rapid.T, w *world, from, to *site) {
	var refs []keyengine.Ref
	for ref := range from.view().Families() {
		refs = append(refs, ref)
	}
	if len(refs) == 0 || from == to {
		return
	}
	ref := rapid.SampledFrom(refs).Draw(t, "ref")
	var err error
	if l, _ := from.view().Family(ref); rapid.Bool().Draw(t, "record") || family.SendsStatusTo(from.place.Region, l) != to.place.Region {
		if !l.Record.Multi {
			return // nothing of it ever leaves its Region
		}
		_, err = w.sendRecord(from, to, ref, rapid.Bool().Draw(t, "secrets"))
	} else {
		_, err = w.sendStatus(from, to, ref)
	}
	mustBeFault(t, err)
}

// mustBeFault passes nil and what a caller may see.
func mustBeFault(t tb, err error) {
	t.Helper()
	var f *kmsapi.Fault
	if err != nil && !errors.As(err, &f) {
		t.Fatalf("not a fault: %v", err)
	}
	if f != nil && f.Code == kmsapi.KMSInternalException {
		t.Fatalf("internal: %v", f)
	}
}

// sameTwice decides c twice and compares: the decisions, and the rows before and after.
func sameTwice(t tb, s *site, c keyengine.Command, f keyengine.Facts) {
	before := dump(s.rows)
	first, err1 := keyengine.Decide(s.view(), f, c)
	second, err2 := keyengine.Decide(s.view(), f, c)
	if fmt.Sprint(err1) != fmt.Sprint(err2) || !slices.EqualFunc(first.Events, second.Events, sameEvent) {
		t.Fatalf("%s decides differently: %v, %v", c.Operation(), err1, err2)
	}
	if dump(s.rows) != before {
		t.Fatalf("%s: deciding changed rows", c.Operation())
	}
}

func sameEvent(a, b keyengine.Event) bool {
	x, y := codec.Encode(a), codec.Encode(b)
	return x.Type == y.Type && x.Version == y.Version && bytes.Equal(x.Body, y.Body)
}

func checkEventsSurvive(t tb, w *world, seen map[string]int) {
	for _, name := range w.regions() {
		for _, e := range w.sites[name].log {
			back, err := codec.Decode(codec.Encode(e))
			if err != nil {
				t.Fatal(err)
			}
			if !sameEvent(e, back) {
				t.Fatalf("%T does not survive its bytes", e)
			}
			seen[codec.Name(codec.Encode(e))]++
		}
	}
}

// FuzzDecide gives the engine any JSON as any operation's input: it answers with a fault or decides,
// and what it decides keeps every promise.
func FuzzDecide(f *testing.F) {
	var ops []string
	for op := range kmsapi.Operations() {
		ops = append(ops, op.Name)
	}
	for i, op := range ops {
		f.Add(uint8(i), []byte(body(op)))
	}
	f.Add(uint8(0), []byte(`{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/$k1","Limit":1,"Marker":"g2A"}`))
	f.Fuzz(func(t *testing.T, n uint8, input []byte) {
		op := ops[int(n)%len(ops)]
		w := newWorld("us-east-1")
		at := w.sites["us-east-1"]
		w.must(t, "us-east-1", "CreateKey", `{"MultiRegion":true}`)
		w.must(t, "us-east-1", "CreateKey", `{}`)
		w.must(t, "us-east-1", "CreateAlias", `{"AliasName":"alias/old","TargetKeyId":"$k1"}`)
		_, _, err := w.call(at, account, op, w.expand(string(input)))
		if !errors.Is(err, errNotRead) {
			mustBeFault(t, err)
		}
		w.check(t)
	})
}
