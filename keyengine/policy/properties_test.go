package policy_test

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meridian/keyengine"
	"meridian/keyengine/policy"
)

// world is a drawn call with all its policies, as statements that can still be added to and moved.
type world struct {
	who, op                                   string
	settings                                  []string
	key, identity, boundary, session, control []any
	hasBoundary, hasSession, hasControl       bool
	grant                                     *keyengine.Grant
}

var (
	someone    = []string{"A/root", "A/user/alice", "A/session/app/one", "A/federated/bob", "B/user/eve", "B/root", "svc:s3.amazonaws.com"}
	principals = []string{"*", "A/root", "A", "A/user/alice", "A/role/app", "A/session/app/one", "B/root", "B/user/eve", "A/federated/bob", "svc:s3.amazonaws.com", "not:A/user/alice", "not:A/root,A/user/alice"}
	actions    = []string{"kms:*", "kms:Decrypt", "kms:Encrypt", "kms:De*", "not:kms:Decrypt", "*"}
	resources  = []string{"*", "arn:aws:kms:us-east-1:111122223333:key/*", "arn:aws:kms:eu-west-1:*:key/*", "not:arn:aws:kms:us-east-1:*:key/*"}
	conditions = [][]string{
		nil, nil, nil,
		{"if", "StringEquals", "kms:ViaService", "a"},
		{"if", "StringNotEqualsIfExists", "kms:ViaService", "a"},
		{"if", "Null", "kms:ViaService", "true"},
		{"if", "StringEquals", "kms:EncryptionContextKeys", "x"},
		{"if", "ForAllValues:StringEquals", "kms:EncryptionContextKeys", "x"},
		{"if", "StringEquals", "kms:EncryptionContext:x", "${aws:username}"},
	}
)

func drawStatement(t *rapid.T, kind, effect string) any {
	words := []string{effect}
	if effect == "" {
		words[0] = rapid.SampledFrom([]string{"allow", "allow", "allow", "deny"}).Draw(t, "effect")
	}
	if kind == "key" {
		words = append(words, rapid.SampledFrom(principals).Draw(t, "principal"))
	}
	words = append(words, rapid.SampledFrom(actions).Draw(t, "action"))
	if kind != "key" {
		words = append(words, "on", rapid.SampledFrom(resources).Draw(t, "resource"))
	}
	return readStatement(kind, append(words, rapid.SampledFrom(conditions).Draw(t, "condition")...))
}

func drawWorld(t *rapid.T) *world {
	w := &world{who: rapid.SampledFrom(someone).Draw(t, "who"), op: rapid.SampledFrom([]string{"kms:Decrypt", "kms:Encrypt", "kms:PutKeyPolicy"}).Draw(t, "op")}
	w.settings = rapid.SliceOfN(rapid.SampledFrom([]string{"kms:ViaService=a", "kms:ViaService=b", "ec:x=alice", "ec:y=1"}), 0, 3).Draw(t, "settings")
	list := func(kind, name string, least int) []any {
		var out []any
		for range rapid.IntRange(least, 3).Draw(t, name) {
			out = append(out, drawStatement(t, kind, ""))
		}
		return out
	}
	w.key, w.identity = list("key", "key", 1), list("iam", "identity", 0)
	if w.hasBoundary = rapid.IntRange(0, 3).Draw(t, "has boundary") == 0; w.hasBoundary {
		w.boundary = list("iam", "boundary", 1)
	}
	if w.hasSession = rapid.IntRange(0, 3).Draw(t, "has session") == 0; w.hasSession {
		w.session = list("iam", "session", 1)
	}
	if w.hasControl = rapid.IntRange(0, 3).Draw(t, "has control") == 0; w.hasControl {
		w.control = list("iam", "control", 1)
	}
	if rapid.IntRange(0, 3).Draw(t, "has grant") == 0 {
		w.grant = readGrant([]string{rapid.SampledFrom([]string{"A/user/alice", "A/role/app", "A/root", "B/user/eve"}).Draw(t, "grantee"), "Decrypt,Encrypt"})
	}
	return w
}

// layers are the lists of statements that a property may change.
func (w *world) layers() []*[]any {
	return []*[]any{&w.key, &w.identity, &w.boundary, &w.session, &w.control}
}

// decide parses the policies from text, as anybody's are, and evaluates.
func (w *world) decide(t *rapid.T) policy.Decision {
	parse := func(list []any, by func(string) (*policy.Document, error)) *policy.Document {
		text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": list})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := by(string(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return doc
	}
	d := &tables{}
	r, p := d.call("", w.who, w.op, w.settings)
	p.Resource = parse(w.key, policy.Parse)
	if len(w.identity) > 0 {
		p.Identity = []policy.Attached{{Name: "identity", Document: parse(w.identity, policy.ParseIdentity)}}
	}
	if w.hasBoundary {
		p.Boundary = &policy.Attached{Document: parse(w.boundary, policy.ParseIdentity)}
	}
	if w.hasSession {
		p.Session = []policy.Attached{{Document: parse(w.session, policy.ParseIdentity)}}
	}
	if w.hasControl {
		p.Service = [][]policy.Attached{{{Document: parse(w.control, policy.ParseIdentity)}}}
	}
	if w.grant != nil {
		grants := byGrantee{}
		grants.add("g", w.grant.Grantee, w.grant)
		p.Grants = grants
	}
	return policy.Evaluate(r, p)
}

// add puts a statement into a layer that is there, and says which.
func (w *world) add(t *rapid.T, effect string) {
	i := rapid.SampledFrom(w.present()).Draw(t, "layer")
	kind := "iam"
	if i == 0 {
		kind = "key"
	}
	l := w.layers()[i]
	at := rapid.IntRange(0, len(*l)).Draw(t, "at")
	*l = slices.Insert(slices.Clone(*l), at, drawStatement(t, kind, effect))
}

func (w *world) present() []int {
	there := []int{0, 1}
	for i, has := range []bool{w.hasBoundary, w.hasSession, w.hasControl} {
		if has {
			there = append(there, i+2)
		}
	}
	return there
}

func TestAnAllowNeverTakesAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.decide(t)
		w.add(t, "allow")
		if after := w.decide(t); before.Allowed && !after.Allowed {
			t.Fatalf("allowed by %v; after an Allow was added denied: %v by %v", before.By, after.Reason, after.By)
		}
	})
}

func TestADenyNeverGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.decide(t)
		w.add(t, "deny")
		if after := w.decide(t); !before.Allowed && after.Allowed {
			t.Fatalf("denied: %v; after a Deny was added allowed by %v", before.Reason, after.By)
		}
	})
}

func TestOrderIsIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.decide(t)
		for _, l := range w.layers() {
			*l = rapid.Permutation(*l).Draw(t, "order")
		}
		if after := w.decide(t); before.Allowed != after.Allowed || before.Reason != after.Reason {
			t.Fatalf("%v by %v, in another order %v by %v", before.Reason, before.By, after.Reason, after.By)
		}
	})
}

// A principal who is named by nothing but a Deny reaches nothing.
func TestDeniesAloneAllowNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.grant, w.identity = nil, nil
		w.key = []any{drawStatement(t, "key", "deny")}
		if d := w.decide(t); d.Allowed {
			t.Fatalf("allowed: %+v", d)
		}
	})
}
