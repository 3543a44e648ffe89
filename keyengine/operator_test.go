package keyengine_test

import (
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// TestALostReplicaIsFenced: a primary whose replica's Region is gone for good can end.
func TestALostReplicaIsFenced(t *testing.T) {
	w, us, _, ref := replicated(t)
	w.must(t, "us-east-1", "ScheduleKeyDeletion", `{"KeyId":"$k1","PendingWindowInDays":7}`)
	if _, err := w.decide(us, "", keyengine.FenceLost{Ref: ref, Region: "eu-west-1"}); err != nil {
		t.Fatal(err)
	}
	if l, _ := us.view().Family(ref); l.State != family.PendingDeletion {
		t.Errorf("the primary is %v", l.State)
	}
	w.check(t)
}

// TestALostPrimaryIsReplaced: a replica takes the role by an operator's word.
func TestALostPrimaryIsReplaced(t *testing.T) {
	w, _, eu, ref := replicated(t)
	if _, err := w.decide(eu, "", keyengine.ForcePromote{Ref: ref}); err != nil {
		t.Fatal(err)
	}
	w.must(t, "eu-west-1", "RotateKeyOnDemand", `{"KeyId":"$k1"}`)
	if l, _ := eu.view().Family(ref); l.Record.Primary != "eu-west-1" || !l.Record.Pending.IsZero() {
		t.Errorf("primary %s, pending %v", l.Record.Primary, l.Record.Pending)
	}
	w.check(t)
}

func TestOperatorsMistakes(t *testing.T) {
	w, us, eu, ref := replicated(t)
	unknown := keyengine.Ref{Account: account, KeyID: "mrk-00000000000000000000000000000009"}
	for _, c := range []struct {
		at      *site
		command keyengine.Command
		want    string
	}{
		{us, keyengine.FenceLost{Ref: ref, Region: "nowhere"}, kmsapi.ValidationException},
		{us, keyengine.FenceLost{Ref: ref, Region: "ap-southeast-2"}, kmsapi.KMSInvalidStateException},
		{eu, keyengine.FenceLost{Ref: ref, Region: "us-east-1"}, kmsapi.KMSInvalidStateException},
		{us, keyengine.ForcePromote{Ref: unknown}, kmsapi.KMSInvalidStateException},
		{us, keyengine.ForcePromote{}, kmsapi.ValidationException},
	} {
		if _, err := w.decide(c.at, "", c.command); codeOf(err) != c.want {
			t.Errorf("%+v: %v, want %s", c.command, err, c.want)
		}
	}
	w.check(t)
}

// TestReplicaRegions: only Regions of the cluster can be asked, where the cluster is known.
func TestReplicaRegions(t *testing.T) {
	w := newWorld("us-east-1")
	w.must(t, "us-east-1", "CreateKey", `{"MultiRegion":true}`)
	id := w.names["$k1"]
	for region, want := range map[string]string{
		"eu-west-1":  "",
		"eu-north-1": kmsapi.UnsupportedOperationException,
		"cn-north-1": kmsapi.UnsupportedOperationException,
		"no-Region":  kmsapi.ValidationException,
	} {
		f := w.facts(account)
		f.Regions = []string{"us-east-1", "eu-west-1"}
		in := &kmsapi.ReplicateKeyRequest{KeyId: &id, ReplicaRegion: &region}
		_, err := keyengine.Decide(w.sites["us-east-1"].view(), f, keyengine.ReplicateKey{Request: in})
		if codeOf(err) != want {
			t.Errorf("%s: %v, want %q", region, err, want)
		}
	}
}
