package sim

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
	"meridian/keyengine/rows"
)

// mirrorSeeds is how many histories the engine follows.
const mirrorSeeds = 60

// TestEngineFollows lets the engine of a Region decide every message of a simulated history, on rows as a node has them,
// while callers change what is each Region's own: aliases, policies, tags, grants, descriptions. The engine must decide
// what the protocol decided, change nothing of a living member's own by it, and leave all members with one record.
func TestEngineFollows(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(mirrorSeeds) {
		m := newMirror(t, seed, seen)
		Run(Options{Base: seed, Seeds: 1, Hostile: seed%3 > 0, Workers: 1, Watch: m})
		m.converged()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, needed := range []string{
		"ReceiveRecord", "ReceiveStatus", "FinishCreate", "born", "own compared", "records compared",
		"CreateAlias", "UpdateAlias", "DeleteAlias", "PutKeyPolicy", "TagResource", "CreateGrant", "UpdateKeyDescription",
	} {
		if seen[needed] == 0 {
			t.Errorf("never: %s", needed)
		}
	}
	t.Log(seen)
}

const mirrorAccount = "111122223333"

// realNames are what the engine takes for names. Their order is that of the simulation's.
var realNames = map[string]string{
	"A": "ap-southeast-2", "B": "eu-west-1", "C": "sa-east-1", "D": "us-east-1", "meridian": "aws",
	"0": "mrk-00000000000000000000000000000000", "1": "mrk-00000000000000000000000000000001",
}

// mirror is the engines of all Regions of a history. It stops where a Region is backed up: the engine does that
// with its whole rows.
type mirror struct {
	t    *testing.T
	rng  *rand.Rand
	seen map[string]int
	rows map[string]*rows.Memory
	over bool
	n    int
}

func newMirror(t *testing.T, seed uint64, seen map[string]int) *mirror {
	m := &mirror{t: t, rng: rand.New(rand.NewPCG(seed, 7)), seen: seen, rows: map[string]*rows.Memory{}}
	for _, name := range regionNames {
		m.rows[realNames[name]] = new(rows.Memory)
	}
	return m
}

// BackedUp implements Watcher.
func (m *mirror) BackedUp(string) { m.over = true }

// Restored implements Watcher.
func (m *mirror) Restored(string, uint64) { m.over = true }

// Decided implements Watcher.
func (m *mirror) Decided(region string, at int64, keyID string, c family.Command, events []family.Event) {
	if m.over {
		return
	}
	region, ref := realNames[region], keyengine.Ref{Account: mirrorAccount, KeyID: realNames[keyID]}
	command, isMessage := m.message(ref, c)
	var want []family.Event
	for _, e := range events {
		want = append(want, realOf(e))
	}
	if !isMessage {
		m.evolve(region, ref, at, want)
	} else {
		m.decide(region, ref, at, command, want)
	}
	m.callSomebody(at)
}

// bringer is a Region in whichever life it is.
func bringer(name string) keyengine.Sender {
	return keyengine.Sender{Region: realNames[name], Life: math.MaxUint64}
}

// message is the engine's command for what arrived from another Region.
func (m *mirror) message(ref keyengine.Ref, c family.Command) (keyengine.Command, bool) {
	switch c := c.(type) {
	case family.ReceiveRecord:
		c = realOf(c)
		return keyengine.ReceiveRecord{Record: c.Record, Certificates: c.Certificates, Carried: wrapped(c.Carried), Refuse: c.Refuse, By: bringer(c.From)}, true
	case family.ReceiveStatus:
		c = realOf(c)
		return keyengine.ReceiveStatus{Ref: ref, Status: c.Status, Carried: wrapped(c.Carried)}, true
	case family.FinishCreate:
		return keyengine.FinishCreate{Ref: ref, Of: c.Of, Materials: wrapped(c.Materials), By: bringer(c.From)}, true
	}
	return nil, false
}

func wrapped(ids []family.MaterialID) (out []keyengine.NewMaterial) {
	for _, id := range ids {
		out = append(out, keyengine.NewMaterial{ID: id, Leaf: 1})
	}
	return out
}

func (m *mirror) view(region string) *keyengine.View {
	return keyengine.NewView(m.rows[region], keyengine.Place{Partition: "aws", Region: region})
}

func (m *mirror) member(region string, ref keyengine.Ref) *family.Local {
	if l, ok := m.view(region).Family(ref); ok {
		return l
	}
	return new(family.Local)
}

// evolve applies what callers, operators and time did.
func (m *mirror) evolve(region string, ref keyengine.Ref, at int64, events []family.Event) {
	for _, e := range events {
		m.apply(region, keyengine.FamilyEvent{Ref: ref, Event: e})
		if _, ok := e.(family.FamilyCreated); ok {
			m.apply(region, keyengine.KeyCreated{Account: ref.Account, KeyID: ref.KeyID, Key: keyengine.Key{
				CreatedAt: at, Policy: policy.Default("aws", ref.Account),
			}})
		}
	}
}

func (m *mirror) apply(region string, e keyengine.Event) {
	keyengine.Evolve(m.rows[region], keyengine.Place{Partition: "aws", Region: region}, e)
}

func (m *mirror) facts(at int64) keyengine.Facts {
	return keyengine.Facts{
		Now: at, RequestID: "r", HandoffTimeout: handoffTimeout, Regions: slices.Sorted(maps.Keys(m.rows)),
		Caller: kmsapi.Principal{Account: mirrorAccount, ARN: "arn:aws:iam::" + mirrorAccount + ":root"},
	}
}

// decide has the engine decide a message, and compares.
func (m *mirror) decide(region string, ref keyengine.Ref, at int64, c keyengine.Command, want []family.Event) {
	m.seen[c.Operation()]++
	before, unchanged := m.member(region, ref), m.own(region)
	d, err := keyengine.Decide(m.view(region), m.facts(at), c)
	if err != nil {
		m.t.Errorf("%s in %s: %v", c.Operation(), region, err)
		return
	}
	var got []family.Event
	for _, e := range d.Events {
		if e, ok := e.(keyengine.FamilyEvent); ok {
			got = append(got, e.Event)
		}
		m.apply(region, e)
	}
	if !same(got, want) {
		m.t.Errorf("%s in %s: the engine decides\n%v\nthe protocol\n%v", c.Operation(), region, described(got), described(want))
	}
	after := m.member(region, ref)
	switch {
	case before.Live() && after.Live() && before.Inc == after.Inc:
		m.seen["own compared"]++
		if now := m.own(region); !maps.Equal(now, unchanged) {
			m.t.Errorf("%s in %s changes what is the Region's own: %v, was %v", c.Operation(), region, now, unchanged)
		}
	case after.Live():
		m.seen["born"]++
	}
}

func same(got, want []family.Event) bool {
	return slices.EqualFunc(got, want, func(a, b family.Event) bool {
		return reflect.TypeOf(a) == reflect.TypeOf(b) && bytes.Equal(canonical.Marshal(a), canonical.Marshal(b))
	})
}

func described(events []family.Event) (out []string) {
	for _, e := range events {
		out = append(out, family.Describe(e))
	}
	return out
}

// own is what a Region alone says about its keys: keys, aliases, grants, counters.
func (m *mirror) own(region string) map[string]string {
	out := map[string]string{}
	for k, v := range m.rows[region].Scan(nil, nil) {
		if name := string(k); !slices.ContainsFunc([]string{"f/", "m/", "o/", "t/", "c/leaf"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
			out[name] = string(v)
		}
	}
	return out
}

// callSomebody changes what is a Region's own, now and then.
func (m *mirror) callSomebody(at int64) {
	region := realNames[regionNames[m.rng.IntN(regionCount)]]
	ref := keyengine.Ref{Account: mirrorAccount, KeyID: realNames[string(rune('0'+m.rng.IntN(keyCount)))]}
	if !m.member(region, ref).Live() || m.rng.IntN(3) > 0 {
		return
	}
	m.n++
	text, alias, id := fmt.Sprintf("%s %d", region, m.n), fmt.Sprintf("alias/%d", m.rng.IntN(3)), &ref.KeyID
	root := "arn:aws:iam::" + mirrorAccount + ":root"
	calls := []keyengine.Command{
		keyengine.CreateAlias{Request: &kmsapi.CreateAliasRequest{AliasName: &alias, TargetKeyId: id}},
		keyengine.UpdateAlias{Request: &kmsapi.UpdateAliasRequest{AliasName: &alias, TargetKeyId: id}},
		keyengine.DeleteAlias{Request: &kmsapi.DeleteAliasRequest{AliasName: &alias}},
		keyengine.TagResource{Request: &kmsapi.TagResourceRequest{KeyId: id, Tags: []kmsapi.Tag{{TagKey: new("team"), TagValue: &text}}}},
		keyengine.UpdateKeyDescription{Request: &kmsapi.UpdateKeyDescriptionRequest{KeyId: id, Description: &text}},
		keyengine.CreateGrant{GrantID: fmt.Sprintf("%064x", m.n), Request: &kmsapi.CreateGrantRequest{
			KeyId: id, GranteePrincipal: &root, Operations: []kmsapi.GrantOperation{"Encrypt"},
		}},
		keyengine.PutKeyPolicy{Request: &kmsapi.PutKeyPolicyRequest{
			KeyId: id, BypassPolicyLockoutSafetyCheck: new(true), Policy: new(strings.Replace(policy.Default("aws", mirrorAccount), "key-default-1", text, 1)),
		}},
	}
	c := calls[m.rng.IntN(len(calls))]
	d, err := keyengine.Decide(m.view(region), m.facts(at), c)
	if err != nil {
		return // the key's state, or the alias, does not allow it
	}
	m.seen[c.Operation()]++
	for _, e := range d.Events {
		m.apply(region, e)
	}
}

// converged holds, after the healing, that all living members say the same of what they share.
func (m *mirror) converged() {
	if m.over {
		return
	}
	for _, key := range []string{"0", "1"} {
		var first []byte
		for _, region := range slices.Sorted(maps.Keys(m.rows)) {
			l := m.member(region, keyengine.Ref{Account: mirrorAccount, KeyID: realNames[key]})
			if !l.Live() {
				continue
			}
			record := canonical.Marshal(l.Record)
			if m.seen["records compared"]++; first == nil {
				first = record
			}
			if !bytes.Equal(first, record) {
				m.t.Errorf("key %s: %s has another record", key, region)
			}
		}
	}
}

// realOf returns a copy of x with the engine's names for the simulation's.
func realOf[T any](x T) T {
	out := realValue(reflect.ValueOf(&x).Elem())
	return out.Interface().(T)
}

func realValue(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		name := v.String()
		if other, ok := realNames[name]; ok {
			name = other
		}
		out.SetString(name)
	case reflect.Struct:
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(realValue(v.Field(i)))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return out
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(realValue(v.Index(i)))
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return out
		}
		inner := realValue(v.Elem())
		if v.Kind() == reflect.Interface {
			out.Set(inner)
			return out
		}
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(inner)
	default:
		out.Set(v)
	}
	return out
}
