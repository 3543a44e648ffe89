package keyengine_test

import (
	"errors"
	"slices"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// replicated is a world with $k1 in two Regions.
func replicated(t *testing.T) (w *world, us, eu *site, ref keyengine.Ref) {
	t.Helper()
	w = newWorld("us-east-1", "eu-west-1")
	w.must(t, "us-east-1", "CreateKey", `{"MultiRegion":true}`)
	w.must(t, "us-east-1", "ReplicateKey", `{"KeyId":"$k1","ReplicaRegion":"eu-west-1"}`)
	w.settle(t)
	return w, w.sites["us-east-1"], w.sites["eu-west-1"], keyengine.Ref{Account: account, KeyID: w.names["$k1"]}
}

func codeOf(err error) string {
	var f *kmsapi.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// TestHostileRecords: what another Region sends becomes the keys of rows, so it has to be well formed.
func TestHostileRecords(t *testing.T) {
	w, us, eu, ref := replicated(t)
	l, _ := us.view().Family(ref)
	for name, spoil := range map[string]func(*family.Record){
		"account":   func(r *family.Record) { r.Account = "1111" },
		"slash":     func(r *family.Record) { r.KeyID = "../" + r.KeyID },
		"partition": func(r *family.Record) { r.Partition = "aws-cn" },
		"version":   func(r *family.Record) { r.Version = family.Version{} },
		"members":   func(r *family.Record) { r.Members = nil },
	} {
		r := l.Record
		r.Version.Seq++
		spoil(&r)
		if _, err := w.decide(eu, "", keyengine.ReceiveRecord{Record: r}); codeOf(err) != kmsapi.ValidationException {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := keyengine.Ref{Account: account, KeyID: "a/b"}
	for _, c := range []keyengine.Command{
		keyengine.ReceiveStatus{Ref: bad},
		keyengine.ReceiveStatus{Ref: ref},
		keyengine.FinishCreate{Ref: bad},
		keyengine.SeePeer{Region: "nowhere/at all"},
	} {
		if _, err := w.decide(us, "", c); codeOf(err) != kmsapi.ValidationException {
			t.Errorf("%s: %v", c.Operation(), err)
		}
	}
	w.check(t)
}

// TestMaterialsNamesWhatIsTakenUp: secrets that no event asks for would stay for ever.
func TestMaterialsNamesWhatIsTakenUp(t *testing.T) {
	w, us, eu, ref := replicated(t)
	w.must(t, "us-east-1", "RotateKeyOnDemand", `{"KeyId":"$k1"}`)
	l, _ := us.view().Family(ref)
	other := family.MaterialID{1}
	offered := []keyengine.NewMaterial{{ID: other, Leaf: 7}, {ID: l.Record.Pending, Leaf: 8}, {ID: l.Record.Current, Leaf: 9}}
	c := keyengine.ReceiveRecord{Record: l.Record, Carried: offered}
	d, err := w.decide(eu, "", c)
	if err != nil {
		t.Fatal(err)
	}
	if want := []family.MaterialID{l.Record.Pending}; !slices.Equal(d.Materials, want) {
		t.Errorf("takes up %v, want %v", d.Materials, want)
	}
	if got := eu.view().NextLeaf(); got != 9 {
		t.Errorf("next leaf is %d, want the one after that of the material taken up", got)
	}
	if d, err = w.decide(eu, "", c); err != nil || len(d.Materials) != 0 || len(d.Events) != 0 {
		t.Errorf("the second time: %+v, %v", d, err)
	}
	w.check(t)
}

func TestPrecheck(t *testing.T) {
	w, us, eu, ref := replicated(t)
	unknown := keyengine.Ref{Account: account, KeyID: "mrk-00000000000000000000000000000009"}
	code := func(f *kmsapi.Fault) string {
		if f == nil {
			return ""
		}
		return f.Code
	}
	twice := []family.Tag{{Key: "a"}, {Key: "a"}}
	for _, c := range []struct {
		what, got, want string
	}{
		{"free", code(us.view().PrecheckReplica(unknown, family.Init{})), ""},
		{"exists", code(us.view().PrecheckReplica(ref, family.Init{})), kmsapi.AlreadyExistsException},
		{"policy", code(us.view().PrecheckReplica(unknown, family.Init{Policy: "{}"})), kmsapi.MalformedPolicyDocumentException},
		{"tags", code(us.view().PrecheckReplica(unknown, family.Init{Tags: twice})), kmsapi.TagException},
		{"ref", code(us.view().PrecheckReplica(keyengine.Ref{}, family.Init{})), kmsapi.ValidationException},
		{"primary: fit", code(eu.view().PrecheckPrimary(ref)), ""},
		{"primary: none", code(eu.view().PrecheckPrimary(unknown)), kmsapi.NotFoundException},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	w.must(t, "eu-west-1", "DisableKey", `{"KeyId":"$k1"}`)
	if f := eu.view().PrecheckPrimary(ref); code(f) != kmsapi.DisabledException {
		t.Errorf("primary: disabled: %v", f)
	}
}

// TestRefusedReplica: a Region's no makes a tombstone there and frees the place.
func TestRefusedReplica(t *testing.T) {
	w := newWorld("us-east-1", "eu-west-1")
	us, eu := w.sites["us-east-1"], w.sites["eu-west-1"]
	w.must(t, "us-east-1", "CreateKey", `{"MultiRegion":true}`)
	w.must(t, "us-east-1", "ReplicateKey", `{"KeyId":"$k1","ReplicaRegion":"eu-west-1"}`)
	ref := keyengine.Ref{Account: account, KeyID: w.names["$k1"]}
	l, _ := us.view().Family(ref)
	if _, err := w.decide(eu, "", keyengine.ReceiveRecord{Record: l.Record, Refuse: "not allowed"}); err != nil {
		t.Fatal(err)
	}
	if eu.view().Keys(account) != 0 {
		t.Error("the refused replica counts")
	}
	w.settle(t)
	w.must(t, "us-east-1", "ReplicateKey", `{"KeyId":"$k1","ReplicaRegion":"eu-west-1"}`)
	w.settle(t)
	if eu.view().Keys(account) != 1 {
		t.Error("no replica at the second attempt")
	}
	w.check(t)
}

// TestOutlivedMessages: what was sent in a life that is over changes nothing, though it arrived before the new life was
// known. The Region may have told the sender since what it has.
func TestOutlivedMessages(t *testing.T) {
	w, us, eu, ref := replicated(t)
	w.must(t, "us-east-1", "RotateKeyOnDemand", `{"KeyId":"$k1"}`)
	l, _ := us.view().Family(ref)
	theirs, _ := eu.view().Family(ref)
	before := keyengine.Sender{Region: "us-east-1", Life: 1}
	pending := []keyengine.NewMaterial{{ID: l.Record.Pending, Leaf: 8}}
	commands := []keyengine.Command{
		keyengine.ReceiveRecord{Record: l.Record, Carried: pending, By: before},
		keyengine.FinishCreate{Ref: ref, Materials: pending, By: before},
		keyengine.ReceiveStatus{Ref: ref, Status: family.StatusOf("us-east-1", theirs), By: before},
		keyengine.Hear{Ref: ref, By: before, Life: 1},
	}
	w.decide(eu, "", keyengine.SeePeer{Region: "us-east-1", Life: 2})
	for _, c := range commands {
		if d, err := w.decide(eu, "", c); err != nil || len(d.Events) > 0 {
			t.Errorf("%s of an earlier life: %v, %v", c.Operation(), d.Events, err)
		}
	}
	now := keyengine.ReceiveRecord{Record: l.Record, Carried: pending, By: keyengine.Sender{Region: "us-east-1", Life: 2}}
	if d, err := w.decide(eu, "", now); err != nil || len(d.Materials) != 1 {
		t.Errorf("the same record in the new life: %v, %v", d.Events, err)
	}
	w.check(t)
}

// TestAnswerAnnouncesALife: an answer of a life that nobody knew yet is noted before it is heard.
func TestAnswerAnnouncesALife(t *testing.T) {
	w, _, eu, ref := replicated(t)
	w.decide(eu, "", keyengine.BeginLife{Life: 2})
	l, _ := eu.view().Family(ref)
	answer := keyengine.Hear{Ref: ref, By: keyengine.Sender{Region: "us-east-1", Life: 3}, Life: 2, Version: l.Record.Version}
	if _, err := w.decide(eu, "", answer); err != nil || eu.view().Peer("us-east-1") != 3 {
		t.Errorf("life %d is known: %v", eu.view().Peer("us-east-1"), err)
	}
	w.check(t)
}

// TestSharedLevel: what records may use is what every Region of the cluster is known to be at; who was never heard counts
// as the first level, and a Region's new life may have less.
func TestSharedLevel(t *testing.T) {
	w := newWorld("us-east-1")
	us := w.sites["us-east-1"]
	all := []string{"us-east-1", "eu-west-1", "ap-southeast-2"}
	see := func(region string, life uint64, level uint32) keyengine.Command {
		return keyengine.SeePeer{Region: region, Life: life, Level: level}
	}
	for _, step := range []struct {
		what   string
		c      keyengine.Command
		events int
		want   uint32
	}{
		{"before its own level a Region notes nobody's", see("eu-west-1", 1, 2), 1, 1},
		{"the own level alone", keyengine.RaiseLevel{Level: keyengine.LevelCaller}, 1, 1},
		{"one of two", see("eu-west-1", 1, 2), 1, 1},
		{"all", see("ap-southeast-2", 1, 3), 2, 2},
		{"again", see("ap-southeast-2", 1, 3), 0, 2},
		{"a new life that does not say", see("eu-west-1", 2, 0), 1, 2},
		{"the new life is older", see("eu-west-1", 2, 1), 1, 1},
		{"the life that is over", see("eu-west-1", 1, 2), 0, 1},
	} {
		d, err := w.decide(us, "", step.c)
		if got := us.view().SharedLevel(all); err != nil || len(d.Events) != step.events || got != step.want {
			t.Errorf("%s: %d events, level %d, %v", step.what, len(d.Events), got, err)
		}
	}
	if got := us.view().SharedLevel(nil); got != 1 {
		t.Errorf("any Region: level %d", got)
	}
}

func TestPeersAndSealingKeyOnlyRise(t *testing.T) {
	w := newWorld("us-east-1")
	us := w.sites["us-east-1"]
	for _, step := range []struct {
		life, want uint64
		events     int
	}{{1, 1, 1}, {3, 3, 1}, {2, 3, 0}, {3, 3, 0}} {
		d, err := w.decide(us, "", keyengine.SeePeer{Region: "eu-west-1", Life: step.life})
		if err != nil || len(d.Events) != step.events || us.view().Peer("eu-west-1") != step.want {
			t.Errorf("see %d: %d events, life %d, %v", step.life, len(d.Events), us.view().Peer("eu-west-1"), err)
		}
		d, err = w.decide(us, "", keyengine.AdvanceSealingKey{Step: step.life})
		if err != nil || len(d.Events) != step.events || us.view().SealingStep() != step.want {
			t.Errorf("advance %d: %d events, step %d, %v", step.life, len(d.Events), us.view().SealingStep(), err)
		}
	}
	for region, life := range us.view().Peers() {
		if region != "eu-west-1" || life != 3 {
			t.Errorf("peer %s %d", region, life)
		}
	}
	w.check(t)
}

// TestWorkIndexes: what the Region's own workers ask for.
func TestWorkIndexes(t *testing.T) {
	w, us, _, ref := replicated(t)
	if _, ok := us.view().NextDue(); ok {
		t.Error("something is due")
	}
	w.must(t, "us-east-1", "EnableKeyRotation", `{"KeyId":"$k1","RotationPeriodInDays":90}`)
	if at, ok := us.view().NextDue(); !ok || at != w.now+90*day {
		t.Errorf("next due at %d", at)
	}
	if us.view().RotationDue(ref, w.now+90*day-1) || !us.view().RotationDue(ref, w.now+90*day) {
		t.Error("the rotation is due at another time")
	}
	if got := slices.Collect(us.view().Obligations("eu-west-1")); !slices.Equal(got, []keyengine.Ref{ref}) {
		t.Errorf("owes %v", got)
	}
	if got, ok := keyengine.FamilyOfRow([]byte("f/" + ref.String())); !ok || got != ref {
		t.Errorf("family of row: %v", got)
	}
	if _, ok := keyengine.FamilyOfRow([]byte("a/" + ref.String())); ok {
		t.Error("an alias is no family")
	}
	f := w.facts(account)
	if got, spec, err := us.view().Resolve(f, "DescribeKey", ref.KeyID); err != nil || got != ref || spec != "SYMMETRIC_DEFAULT" {
		t.Errorf("resolve: %v %s %v", got, spec, err)
	}
	if p := us.view().Place(); p.Region != "us-east-1" || p.Partition != "aws" {
		t.Errorf("place %v", p)
	}
}

// TestDataPlane: which key a ciphertext is opened with.
func TestDataPlane(t *testing.T) {
	w, us, eu, ref := replicated(t)
	w.must(t, "us-east-1", "CreateKey", `{}`)
	other := keyengine.Ref{Account: account, KeyID: w.names["$k2"]}
	foreign := keyengine.Ref{Account: "444455556666", KeyID: ref.KeyID}
	unknown := keyengine.Ref{Account: account, KeyID: "mrk-00000000000000000000000000000009"}
	id, own := ref.KeyID, "arn:aws:kms:us-east-1:"+account+":key/"+ref.KeyID
	for _, c := range []struct {
		what  string
		keyID *string
		ref   keyengine.Ref
		want  string
	}{
		{"no key given", nil, ref, ""},
		{"the key by id", &id, ref, ""},
		{"the key by ARN", &own, ref, ""},
		{"another key", &id, other, kmsapi.IncorrectKeyException},
		{"unknown in the ciphertext", nil, unknown, kmsapi.AccessDeniedException},
		{"of another account", nil, foreign, kmsapi.AccessDeniedException},
		{"unknown, the key given", &id, unknown, kmsapi.IncorrectKeyException},
	} {
		u, err := us.view().UseForCiphertext(w.facts(account), "Decrypt", c.keyID, c.ref)
		if codeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
		if err == nil && (u.Ref != ref || !u.Holds(u.Current) || u.Holds(family.MaterialID{1})) {
			t.Errorf("%s: %+v", c.what, u)
		}
	}
	if u, err := eu.view().UseForCiphertext(w.facts(account), "Decrypt", nil, ref); err != nil || u.ARN != "arn:aws:kms:eu-west-1:"+account+":key/"+id {
		t.Errorf("the replica: %+v, %v", u, err)
	}
	for _, op := range []string{"Sign", "GenerateMac", "DeriveSharedSecret"} {
		if _, err := us.view().Use(w.facts(account), op, id); codeOf(err) != kmsapi.InvalidKeyUsageException {
			t.Errorf("%s: %v", op, err)
		}
	}
	w.must(t, "us-east-1", "DisableKey", `{"KeyId":"$k1"}`)
	if _, err := us.view().UseNamed(w.facts(account), "Decrypt", ref); codeOf(err) != kmsapi.DisabledException {
		t.Errorf("disabled: %v", err)
	}
	if _, err := us.view().UseForCiphertext(w.facts(account), "Decrypt", &id, other); codeOf(err) != kmsapi.DisabledException {
		t.Errorf("the state comes before the ciphertext: %v", err)
	}
}
