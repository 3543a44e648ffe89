package keyengine_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/rows"
)

// TestAgainstTheModel lets random calls, messages and days happen to keys in three Regions, and holds the
// engine to a plain model after each: every call has the same outcome, every Region's callers see the same
// keys, and the log, read back from its bytes into an empty store, gives the same rows.
func TestAgainstTheModel(t *testing.T) {
	outcomes := map[string]map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		regions := []string{"ap-southeast-2", "eu-west-1", "us-east-1"}
		l := &life{w: newWorld(regions...), m: newModel(regions)}
		for _, first := range []string{`{"MultiRegion":true}`, `{"MultiRegion":true,"Origin":"EXTERNAL"}`, `{}`} {
			l.create(rt, first)
		}
		l.begin(rt)
		for range rapid.IntRange(20, 40).Draw(rt, "steps") {
			l.step(rt, outcomes)
		}
		for _, name := range regions {
			replayBytes(rt, l.w.sites[name])
		}
	})
	wanted := map[string][]string{ // what happens dozens of times unless the lives are too dull
		"UpdatePrimaryRegion": {"NotFoundException", "ValidationException"},
		"ReplicateKey":        {"AlreadyExistsException", "UnsupportedOperationException"},
		"ImportKeyMaterial":   {"KMSInvalidStateException", "UnsupportedOperationException"},
		"RotateKeyOnDemand":   {"ConflictException", "KMSInvalidStateException"},
		"settled":             {"hand-off", "rotation", "replica"},
		"due":                 {""},
	}
	for _, op := range modelOperations() {
		wanted[op] = append(wanted[op], "")
	}
	for op, codes := range wanted {
		for _, code := range codes {
			if outcomes[op][code] == 0 && !testing.Short() {
				t.Errorf("%s never had the outcome %q: the lives are too dull", op, code)
			}
		}
	}
}

// create makes a key to begin with.
func (l *life) create(t tb, body string) {
	l.w.must(t, "us-east-1", "CreateKey", body)
	c := &modelCall{op: "CreateKey", region: "us-east-1", given: l.w.names[fmt.Sprintf("$k%d", l.w.keys)], body: map[string]any{
		"MultiRegion": body != "{}", "material": l.w.names[fmt.Sprintf("$m%d", l.w.secrets)],
	}}
	if len(body) > len(`{"MultiRegion":true}`) {
		c.body["Origin"] = "EXTERNAL"
	}
	if code := l.m.answer(c); code != "" {
		t.Fatalf("the model: %s", code)
	}
}

// begin gives the second key its first material, and the first an alias.
func (l *life) begin(t tb) {
	body := map[string]any{
		"KeyId": l.w.names["$k2"], "ImportToken": []byte{24}, "EncryptedKeyMaterial": []byte{1}, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
	}
	l.call(t, &modelCall{op: "ImportKeyMaterial", region: "us-east-1", body: body}, func(string, string) {})
	body = map[string]any{"TargetKeyId": l.w.names["$k1"], "AliasName": "alias/a"}
	l.call(t, &modelCall{op: "CreateAlias", region: "us-east-1", body: body}, func(string, string) {})
}

func (l *life) step(t *rapid.T, outcomes map[string]map[string]int) {
	region := rapid.SampledFrom([]string{"us-east-1", "us-east-1", "eu-west-1", "ap-southeast-2"}).Draw(t, "region")
	count := func(what, outcome string) {
		if outcomes[what] == nil {
			outcomes[what] = map[string]int{}
		}
		outcomes[what][outcome]++
	}
	switch rapid.IntRange(0, 15).Draw(t, "step") {
	case 0:
		l.wait(rapid.SampledFrom([]int64{1_000, 31_000, day, 4 * day, 8 * day, 91 * day}).Draw(t, "wait"))
	case 1:
		l.due(t, region, count)
	case 2, 3:
		l.settle(t, count)
	case 4:
		l.announce(t, region)
	case 5:
		l.managed(t, region)
	case 6, 7:
		l.recipe(t, count)
	default:
		op := rapid.SampledFrom(modelOperations()).Draw(t, "op")
		if op == "CreateKey" && l.w.keys >= 8 {
			return
		}
		l.call(t, l.draw(t, op, region), count)
	}
	l.compare(t)
}

func (l *life) wait(d int64) { l.w.now, l.m.now = l.w.now+d, l.m.now+d }

// call makes a call on both sides.
func (l *life) call(t tb, c *modelCall, count func(string, string)) {
	reply, events, err := l.w.call(l.w.sites[c.region], account, c.op, asJSON(t, c.body))
	switch c.op {
	case "CreateKey":
		c.given = l.w.names[fmt.Sprintf("$k%d", l.w.keys)]
	case "CreateGrant":
		c.given = l.w.names[fmt.Sprintf("$g%d", l.w.grants)]
	}
	c.body["material"] = l.w.names[fmt.Sprintf("$m%d", l.w.secrets)]
	want := l.m.answer(c)
	if got := outcomeOf(err); got != want {
		t.Fatalf("%s in %s %v: %q, the model says %q (%v)", c.op, c.region, c.body, got, want, err)
	}
	if err != nil && len(events) > 0 {
		t.Fatalf("%s: refused with %d events", c.op, len(events))
	}
	if made, ok := reply.(*kmsapi.CreateGrantResponse); ok && err == nil {
		k, _ := l.m.find(c.region, c.text("KeyId"))
		if _, there := k.grants[*made.GrantId]; !there {
			t.Fatalf("CreateGrant %v made %s, the model took another for the same", c.body, *made.GrantId)
		}
	}
	count(c.op, want)
}

// due lets time do its work in a Region.
func (l *life) due(t tb, region string, count func(string, string)) {
	s := l.w.sites[region]
	waiting := slices.Collect(s.view().Due(l.w.time(s)))
	for _, id := range slices.Sorted(maps.Keys(l.m.keys[region])) {
		ref := keyengine.Ref{Account: account, KeyID: id}
		material := l.w.newMaterial(s)
		d, err := l.w.decide(s, "", keyengine.RunDue{Ref: ref, Material: material})
		if err != nil {
			t.Fatalf("due: %v", err)
		}
		did := l.m.due(region, l.m.keys[region][id], material.ID.String())
		if did != (len(d.Events) > 0) || did && !slices.Contains(waiting, ref) {
			t.Fatalf("due in %s: %s has %d events, is in the index: %t, the model has work: %t", region, id, len(d.Events), slices.Contains(waiting, ref), did)
		}
		if did {
			count("due", "")
		}
	}
}

// settle lets all messages arrive.
func (l *life) settle(t tb, count func(string, string)) {
	l.w.settle(t)
	for i := range l.w.keys {
		id := l.w.names[fmt.Sprintf("$k%d", i+1)]
		region, p := l.m.primaryOf(id)
		var before modelKey
		if p != nil {
			before = *p
		}
		l.m.settle(id)
		after, p := l.m.primaryOf(id)
		switch {
		case p == nil:
		case after != region:
			count("settled", "hand-off")
		case p.current != before.current:
			count("settled", "rotation")
		case len(p.members) < len(before.members):
			count("settled", "gone")
		case len(p.reports) > len(before.reports) || p.multi && len(p.members) > 1:
			count("settled", "replica")
		}
	}
}

// announce lets a Region hear of the replicas that it is to have, but not get their materials.
func (l *life) announce(t tb, region string) {
	for i := range l.w.keys {
		id := l.w.names[fmt.Sprintf("$k%d", i+1)]
		from, p := l.m.primaryOf(id)
		if p == nil || from == region || !slices.Contains(p.members, region) || l.m.keys[region][id] != nil || l.m.buried[region+" "+id] {
			continue
		}
		if _, err := l.w.sendRecord(l.w.sites[from], l.w.sites[region], keyengine.Ref{Account: account, KeyID: id}, false); err != nil {
			t.Fatalf("announce: %v", err)
		}
		l.m.announce(p, region)
	}
}

// managed makes an AWS managed key, once.
func (l *life) managed(t tb, region string) {
	if l.m.aliases[region]["alias/aws/s3"] != nil {
		return
	}
	if _, err := l.w.makeManaged(l.w.sites[region], "alias/aws/s3"); err != nil {
		t.Fatalf("managed: %v", err)
	}
	l.m.makeManaged(region, l.w.names[fmt.Sprintf("$k%d", l.w.keys)], l.w.names[fmt.Sprintf("$m%d", l.w.secrets)])
}

// compare holds what callers see in each Region to the model.
func (l *life) compare(t tb) {
	for _, name := range l.w.regions() {
		if got, want := showEngine(t, l.w, l.w.sites[name]), l.m.show(name); got != want {
			t.Fatalf("%s: callers see\n%s\nthe model says\n%s", name, got, want)
		}
	}
}

// replayBytes reads a Region's log back from its bytes into an empty store.
func replayBytes(t tb, s *site) {
	replayed := new(rows.Memory)
	for _, e := range s.log {
		back, err := codec.Decode(codec.Encode(e))
		if err != nil {
			t.Fatal(err)
		}
		keyengine.Evolve(replayed, s.place, back)
	}
	if got, want := dump(replayed), dump(s.rows); got != want {
		t.Fatalf("%s: replay differs:\n%s\nfrom:\n%s", s.place.Region, got, want)
	}
}

// TestModelKnowsEveryMutation finds operations of the service model that change something and that no
// random life calls.
func TestModelKnowsEveryMutation(t *testing.T) {
	keyStores := []string{
		"ConnectCustomKeyStore", "CreateCustomKeyStore", "DeleteCustomKeyStore", "DescribeCustomKeyStores", "DisconnectCustomKeyStore", "UpdateCustomKeyStore",
	}
	for op := range kmsapi.Operations() {
		w := newWorld("us-east-1")
		at := w.sites["us-east-1"]
		w.must(t, "us-east-1", "CreateKey", `{}`)
		w.grant(at)
		in := op.New()
		if err := in.UnmarshalJSON([]byte(w.expand(body(op.Name)))); err != nil {
			t.Fatal(err)
		}
		_, changes := w.command(at, op.Name, in)
		if known := slices.Contains(modelOperations(), op.Name); changes != known {
			t.Errorf("%s changes something: %t, the model knows it: %t", op.Name, changes, known)
		}
		if changes != slices.Contains(mutations(), op.Name) {
			t.Errorf("%s changes something: %t, but is it in TestRandomLives?", op.Name, changes)
		}
		if changes || op.Name == "GenerateRandom" || slices.Contains(keyStores, op.Name) {
			continue
		}
		if _, _, err := w.call(at, account, op.Name, w.expand(body(op.Name))); err != nil && outcomeOf(err) == err.Error() {
			t.Errorf("%s is neither a read nor a mutation of these tests: %v", op.Name, err)
		}
	}
}
