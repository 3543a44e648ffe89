package keyengine_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// refusal makes a call that must be refused and returns the fault's code.
func refusal(t *testing.T, w *world, region, op, body string) string {
	t.Helper()
	_, _, err := w.call(w.sites[region], account, op, w.expand(body))
	var f *kmsapi.Fault
	if !errors.As(err, &f) {
		t.Fatalf("%s %s: got %v, want a fault", op, body, err)
	}
	return f.Code
}

func wantLimit(t *testing.T, w *world, op, body string) {
	t.Helper()
	if code := refusal(t, w, "us-east-1", op, body); code != kmsapi.LimitExceededException {
		t.Errorf("%s: %s, want LimitExceededException", op, code)
	}
}

func tagsJSON(from, to int) string {
	var tags []string
	for i := from; i < to; i++ {
		tags = append(tags, fmt.Sprintf(`{"TagKey":"k%03d","TagValue":"v"}`, i))
	}
	return "[" + strings.Join(tags, ",") + "]"
}

func TestTagsPerKey(t *testing.T) {
	w := newWorld("us-east-1")
	w.must(t, "us-east-1", "CreateKey", `{"Tags":`+tagsJSON(0, keyengine.MaxTagsPerKey)+`}`)
	wantLimit(t, w, "TagResource", `{"KeyId":"$k1","Tags":`+tagsJSON(50, 51)+`}`)
	w.must(t, "us-east-1", "TagResource", `{"KeyId":"$k1","Tags":`+tagsJSON(0, 50)+`}`) // the same keys fit
	w.must(t, "us-east-1", "UntagResource", `{"KeyId":"$k1","TagKeys":["k000"]}`)
	w.must(t, "us-east-1", "TagResource", `{"KeyId":"$k1","Tags":`+tagsJSON(50, 51)+`}`)
	wantLimit(t, w, "CreateKey", `{"Tags":`+tagsJSON(0, 51)+`}`)
	w.check(t)
}

func TestAliasesPerKey(t *testing.T) {
	w := newWorld("us-east-1")
	w.must(t, "us-east-1", "CreateKey", `{}`)
	w.must(t, "us-east-1", "CreateKey", `{}`)
	for i := range keyengine.MaxAliasesPerKey {
		w.must(t, "us-east-1", "CreateAlias", fmt.Sprintf(`{"AliasName":"alias/%d","TargetKeyId":"$k1"}`, i))
	}
	w.must(t, "us-east-1", "CreateAlias", `{"AliasName":"alias/other","TargetKeyId":"$k2"}`)
	wantLimit(t, w, "CreateAlias", `{"AliasName":"alias/new","TargetKeyId":"$k1"}`)
	wantLimit(t, w, "UpdateAlias", `{"AliasName":"alias/other","TargetKeyId":"$k1"}`)
	w.must(t, "us-east-1", "UpdateAlias", `{"AliasName":"alias/0","TargetKeyId":"$k1"}`) // it has that one
	w.must(t, "us-east-1", "DeleteAlias", `{"AliasName":"alias/0"}`)
	w.must(t, "us-east-1", "UpdateAlias", `{"AliasName":"alias/other","TargetKeyId":"$k1"}`)

	w.must(t, "us-east-1", "ScheduleKeyDeletion", `{"KeyId":"$k1","PendingWindowInDays":7}`)
	w.now += 7 * day
	if _, err := w.runDue(w.sites["us-east-1"]); err != nil {
		t.Fatal(err)
	}
	for k := range w.sites["us-east-1"].rows.Scan([]byte("a/"), nil) {
		t.Errorf("an alias outlived its key: %q", k)
	}
	w.check(t)
}

func TestRotationsOnDemand(t *testing.T) {
	w := newWorld("us-east-1")
	w.must(t, "us-east-1", "CreateKey", `{}`)
	for range keyengine.MaxOnDemandRotations {
		w.must(t, "us-east-1", "RotateKeyOnDemand", `{"KeyId":"$k1"}`)
	}
	wantLimit(t, w, "RotateKeyOnDemand", `{"KeyId":"$k1"}`)
	w.must(t, "us-east-1", "EnableKeyRotation", `{"KeyId":"$k1","RotationPeriodInDays":90}`)
	w.now += 90 * day
	if events, err := w.runDue(w.sites["us-east-1"]); err != nil || len(events) == 0 {
		t.Errorf("the automatic rotation has no such limit: %d events, %v", len(events), err)
	}
	w.check(t)
}

func TestKeysPerAccount(t *testing.T) {
	w := newWorld("us-east-1", "eu-west-1")
	us, eu := w.sites["us-east-1"], w.sites["eu-west-1"]
	w.must(t, "us-east-1", "CreateKey", `{"MultiRegion":true}`)
	w.must(t, "us-east-1", "ReplicateKey", `{"KeyId":"$k1","ReplicaRegion":"eu-west-1"}`)
	for _, s := range []*site{us, eu} {
		full := binary.BigEndian.AppendUint64(nil, keyengine.MaxKeysPerAccount)
		s.rows.Put([]byte("c/keys/"+account), full)
	}
	wantLimit(t, w, "CreateKey", `{}`)
	if _, _, err := w.call(us, "444455556666", "CreateKey", `{}`); err != nil {
		t.Errorf("another account has its own quota: %v", err)
	}

	// A Region whose quota is used up refuses a replica, and the primary learns it.
	ref := keyengine.Ref{Account: account, KeyID: w.names["$k1"]}
	if _, err := w.sendRecord(us, eu, ref, true); err != nil {
		t.Fatal(err)
	}
	if code := refusal(t, w, "eu-west-1", "DescribeKey", `{"KeyId":"$k1"}`); code != kmsapi.NotFoundException {
		t.Errorf("the refused replica: %s", code)
	}
	if _, err := w.sendStatus(eu, us, ref); err != nil {
		t.Fatal(err)
	}
	l, _ := us.view().Family(ref)
	if m := l.Record.Members[0]; m.Region != "eu-west-1" || !m.Gone {
		t.Errorf("the primary still waits for %+v", m)
	}
	if got := us.view().Keys(account); got != keyengine.MaxKeysPerAccount {
		t.Errorf("count of keys is %d", got)
	}
}
