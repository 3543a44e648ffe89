package region_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
	"meridian/keyengine/rows"
	"meridian/region"
)

// ledger is a state whose changes are noted, as a store notes them.
type ledger struct {
	*rows.Memory
	changed [][]byte
}

func (l *ledger) Put(key, value []byte) {
	l.Memory.Put(key, value)
	l.changed = append(l.changed, key)
}

func (l *ledger) Delete(key []byte) {
	l.Memory.Delete(key)
	l.changed = append(l.changed, key)
}

const (
	ledgerAccount = "111122223333"
	granteeUser   = "arn:aws:iam::111122223333:user/alice"
	granteeRole   = "arn:aws:iam::111122223333:role/app"
	granteeOne    = "arn:aws:sts::111122223333:assumed-role/app/one"
	granteeRoot   = "arn:aws:iam::111122223333:root"
)

// keptWorld is one key with grants, and what is kept of it.
type keptWorld struct {
	t      *rapid.T
	state  *ledger
	kept   *region.Kept
	key    keyengine.Ref
	grants []string
	made   int
}

func newKeptWorld(t *rapid.T) *keptWorld {
	w := &keptWorld{t: t, state: &ledger{Memory: new(rows.Memory)}}
	w.kept = region.NewKept(w.state, place)
	id := arn.NewKeyID([16]byte{1}, false)
	w.key = keyengine.Ref{Account: ledgerAccount, KeyID: id}
	w.decide(w.state, keyengine.CreateKey{
		Request: new(kmsapi.CreateKeyRequest), KeyID: id, Material: keyengine.NewMaterial{ID: family.MaterialID{1}},
	})
	return w
}

// decide decides and evolves a command of the Region itself.
func (w *keptWorld) decide(state rows.Writer, c keyengine.Command) {
	w.t.Helper()
	d, err := keyengine.Decide(keyengine.NewView(state, place), facts(nil), c)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range d.Events {
		keyengine.Evolve(state, place, e)
	}
	if state == rows.Writer(w.state) {
		w.kept.Changed(w.state.changed)
		w.state.changed = nil
	}
}

func facts(a *keyengine.Asker) keyengine.Facts {
	return keyengine.Facts{Now: 1_000_000, Caller: kmsapi.Principal{Account: ledgerAccount, ARN: granteeRoot}, Asker: a}
}

// drawContext draws an encryption context of few names, some of which differ in case alone.
func drawContext(t *rapid.T) map[string]string {
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "A", "b", "c"}), rapid.SampledFrom([]string{"1", "2"}), 0, 3).Draw(t, "context")
}

func (w *keptWorld) grantRequest() *kmsapi.CreateGrantRequest {
	in := &kmsapi.CreateGrantRequest{
		KeyId: new(w.key.KeyID), GranteePrincipal: new(rapid.SampledFrom([]string{granteeUser, granteeRole, granteeOne, granteeRoot}).Draw(w.t, "grantee")),
		Operations: rapid.SliceOfNDistinct(rapid.SampledFrom([]kmsapi.GrantOperation{"Encrypt", "Decrypt", "DescribeKey", "CreateGrant"}), 1, 3, rapid.ID).Draw(w.t, "operations"),
	}
	switch context := drawContext(w.t); {
	case len(context) == 0:
	case rapid.Bool().Draw(w.t, "equals"):
		in.Constraints = &kmsapi.GrantConstraints{EncryptionContextEquals: context}
	default:
		in.Constraints = &kmsapi.GrantConstraints{EncryptionContextSubset: context}
	}
	return in
}

func (w *keptWorld) grant(state rows.Writer) {
	w.made++
	sum := sha256.Sum256(fmt.Append(nil, w.made)) // so that ids are not in the order in which they are made
	id := hex.EncodeToString(sum[:])
	w.decide(state, keyengine.CreateGrant{Request: w.grantRequest(), GrantID: id})
	if state == rows.Writer(w.state) {
		w.grants = append(w.grants, id)
	}
}

func (w *keptWorld) revoke(state rows.Writer) {
	if len(w.grants) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.grants)-1).Draw(w.t, "which")
	id := w.grants[i]
	if state == rows.Writer(w.state) {
		w.grants = slices.Delete(w.grants, i, i+1)
	} else if _, there := keyengine.NewView(state, place).Grant(keyengine.GrantRef{Key: w.key, ID: id}); !there {
		return
	}
	w.decide(state, keyengine.RevokeGrant{Request: &kmsapi.RevokeGrantRequest{KeyId: new(w.key.KeyID), GrantId: &id}})
}

var keptPolicies = []string{
	`{"Effect":"Allow","Principal":{"AWS":"` + granteeRoot + `"},"Action":"kms:*","Resource":"*"}`,
	`{"Effect":"Allow","Principal":{"AWS":"` + granteeUser + `"},"Action":"kms:Encrypt","Resource":"*"}`,
	`{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}`,
}

func (w *keptWorld) policy(state rows.Writer) {
	text := document(rapid.SampledFrom(keptPolicies).Draw(w.t, "policy"))
	w.decide(state, keyengine.PutKeyPolicy{Request: &kmsapi.PutKeyPolicyRequest{KeyId: &w.key.KeyID, Policy: &text}})
}

// change does one of the things that change a decision.
func (w *keptWorld) change(state rows.Writer) {
	switch rapid.IntRange(0, 5).Draw(w.t, "change") {
	case 0:
		w.revoke(state)
	case 1:
		w.policy(state)
	default:
		w.grant(state)
	}
}

// question is a call that is to be decided.
type question struct {
	who     policy.Principal
	op      string
	context map[string]string
	child   *kmsapi.CreateGrantRequest
}

func (w *keptWorld) question() question {
	q := question{op: rapid.SampledFrom([]string{"Encrypt", "Decrypt", "DescribeKey", "CreateGrant", "EnableKey"}).Draw(w.t, "op"), context: drawContext(w.t), child: w.grantRequest()}
	q.who = rapid.SampledFrom([]policy.Principal{
		{Kind: policy.User, Account: ledgerAccount, ARN: granteeUser},
		{Kind: policy.RoleSession, Account: ledgerAccount, ARN: granteeOne, Role: granteeRole},
		{Kind: policy.Root, Account: ledgerAccount, ARN: granteeRoot},
		{Kind: policy.FederatedUser, Account: ledgerAccount, ARN: "arn:aws:sts::111122223333:federated-user/bob", User: granteeUser},
	}).Draw(w.t, "who")
	return q
}

// ask is how a view decides it.
func (q question) ask(v *keyengine.View, key keyengine.Ref) (said keyengine.Judgement) {
	a := &keyengine.Asker{Who: &q.who, Policies: new(policy.Policies), Decided: func(j keyengine.Judgement) { said = j }}
	f, id := facts(a), &key.KeyID
	switch q.op {
	case "Encrypt":
		a.Input = &kmsapi.EncryptRequest{KeyId: id, EncryptionContext: q.context}
		_, _ = v.Use(f, q.op, *id) // the judgement says it
	case "Decrypt":
		a.Input = &kmsapi.DecryptRequest{KeyId: id, EncryptionContext: q.context}
		_, _ = v.Use(f, q.op, *id)
	case "DescribeKey":
		in := &kmsapi.DescribeKeyRequest{KeyId: id}
		a.Input = in
		_, _ = v.DescribeKey(f, in)
	case "CreateGrant":
		q.child.DryRun = new(true)
		a.Input = q.child
		_, _ = keyengine.Decide(v, f, keyengine.CreateGrant{Request: q.child, GrantID: hex.EncodeToString(make([]byte, 32))})
	case "EnableKey":
		in := &kmsapi.EnableKeyRequest{KeyId: id}
		a.Input = in
		_, _ = keyengine.Decide(v, f, keyengine.EnableKey{Request: in})
	}
	return said
}

// TestWhatIsKeptDecidesNothing: each call is decided alike, by the same grant, with what a node keeps and from the rows
// alone: on the newest state, over it by a proposer's batch, and on a state that was frozen before.
func TestWhatIsKeptDecidesNothing(t *testing.T) {
	allowed := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newKeptWorld(t)
		frozen := w.frozen()
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				frozen = w.frozen()
			case 1:
				w.kept.Clear()
			default:
				w.change(w.state)
			}
			q := w.question()
			newest := q.ask(keyengine.NewestView(w.state, place, w.kept), w.key)
			if want := q.ask(keyengine.NewView(w.state, place), w.key); !reflect.DeepEqual(newest, want) {
				t.Fatalf("%+v:\n%+v, and by the rows\n%+v", q, newest, want)
			}
			if newest.Reason == policy.ByGrant {
				allowed++
			}
			was := q.ask(keyengine.FrozenView(frozen, place, w.kept), w.key)
			if want := q.ask(keyengine.NewView(frozen, place), w.key); was.Allowed != want.Allowed || was.Reason != want.Reason {
				t.Fatalf("%+v before:\n%+v, and by the rows\n%+v", q, was, want)
			}
			draft := rows.NewOverlay(w.state)
			for range rapid.IntRange(1, 3).Draw(t, "drafted") {
				w.change(draft)
			}
			over := q.ask(keyengine.NewestView(draft, place, w.kept), w.key)
			if want := q.ask(keyengine.NewView(draft, place), w.key); !reflect.DeepEqual(over, want) {
				t.Fatalf("%+v in a batch:\n%+v, and by the rows\n%+v", q, over, want)
			}
		}
	})
	if allowed == 0 {
		t.Error("no call was ever allowed by a grant")
	}
}

func (w *keptWorld) frozen() *rows.Memory {
	m := new(rows.Memory)
	for k, v := range w.state.Scan(nil, nil) {
		m.Put(k, v)
	}
	return m
}

// TestAGrantCountsFromItsAnswerToItsEnd: who has heard that a grant was made may use the key where it was made, and who
// has heard that it ended may not, while others make and use grants of the same grantee without pause.
func TestAGrantCountsFromItsAnswerToItsEnd(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	var made kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{}`, &made)
	key := *made.KeyMetadata.KeyId
	caller := &identity.Caller{Who: policy.Principal{Kind: policy.User, Account: "000000000000", ARN: benchUser, UserName: "alice"}}
	encrypt := func(context string) error {
		call := &kmsapi.Call{
			RequestID: "r", Caller: caller.Principal(), Identity: caller, Consistency: "eventual",
			Raw: kmsapi.Raw{Body: fmt.Appendf(nil, `{"KeyId":%q,"Plaintext":"eA==","EncryptionContext":{"of":%q}}`, key, context)},
		}
		_, err := w.dispatch(t.Context(), 0, "Encrypt", call)
		return err
	}
	grant := func(context string) string {
		var out kmsapi.CreateGrantResponse
		w.do(0, "CreateGrant", fmt.Sprintf(
			`{"KeyId":%q,"GranteePrincipal":%q,"Operations":["Encrypt"],"Constraints":{"EncryptionContextSubset":{"of":%q}}}`, key, benchUser, context,
		), &out)
		return *out.GrantId
	}
	revoke := func(id string) { w.do(0, "RevokeGrant", fmt.Sprintf(`{"KeyId":%q,"GrantId":%q}`, key, id), nil) }
	stop := make(chan struct{})
	var others sync.WaitGroup
	for _, busy := range []func(){
		func() { _ = encrypt("both") }, // whose grants come and go: either answer is right
		func() { revoke(grant("both")) },
	} {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					busy()
				}
			}
		})
	}
	for range 60 {
		id := grant("mine")
		if err := encrypt("mine"); err != nil {
			t.Errorf("with the grant: %v", err)
		}
		revoke(id)
		if err := encrypt("mine"); code(err) != kmsapi.AccessDeniedException {
			t.Errorf("after its end: %v", err)
		}
	}
	close(stop)
	others.Wait()
}
