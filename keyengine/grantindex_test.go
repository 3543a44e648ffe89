package keyengine_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meridian/keyengine"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

func drawPairs(t *rapid.T, what string) (pairs []keyengine.Pair) {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "a", "b", "c"}), 0, 3, rapid.ID).Draw(t, what)
	for _, name := range slices.Sorted(slices.Values(names)) {
		pairs = append(pairs, keyengine.Pair{Name: name, Value: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "value")})
	}
	return pairs
}

func drawGrant(t *rapid.T) *keyengine.Grant {
	g := &keyengine.Grant{Operations: rapid.SliceOfNDistinct(
		rapid.SampledFrom([]string{"Encrypt", "Decrypt", "CreateGrant", "DescribeKey"}), 1, 4, rapid.ID,
	).Draw(t, "operations")}
	switch rapid.IntRange(0, 3).Draw(t, "constrained") {
	case 0:
		g.Equals = drawPairs(t, "equals")
	case 1:
		g.Subset = drawPairs(t, "subset")
	case 2:
		g.Equals, g.Subset = drawPairs(t, "equals"), drawPairs(t, "subset")
	}
	return g
}

// TestGrantIndex: whatever was put in and taken out, an index names every grant that fits, in order, each once, and
// only grants for the operation.
func TestGrantIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x keyengine.GrantIndex
		there := map[string]*keyengine.Grant{}
		for range rapid.IntRange(0, 30).Draw(t, "changes") {
			id := fmt.Sprintf("%02d", rapid.IntRange(0, 20).Draw(t, "id"))
			if rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				x.Remove(id)
				delete(there, id)
				continue
			}
			g := drawGrant(t)
			x.Put(id, g)
			there[id] = g
		}
		ask := keyengine.Fit{Operation: rapid.SampledFrom([]string{"Encrypt", "DescribeKey", "CreateGrant", "EnableKey"}).Draw(t, "op"), Context: map[string]string{}}
		for _, p := range drawPairs(t, "context") {
			ask.Context[p.Name] = p.Value
		}
		if ask.Operation == "CreateGrant" {
			ask.Child = drawGrant(t)
		}
		var want []string
		for id, g := range there {
			if g.Allows(ask.Operation, ask.Context) && (ask.Child == nil || g.MayMake(ask.Child)) {
				want = append(want, id)
			}
		}
		got := slices.Collect(x.Fitting(ask))
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("not in order, each once: %v", got)
		}
		for _, id := range want {
			if !slices.Contains(got, id) {
				t.Fatalf("%+v fits %+v and is not among %v", *there[id], ask, got)
			}
		}
		for _, id := range got {
			if g := there[id]; g == nil || !slices.Contains(g.Operations, ask.Operation) {
				t.Fatalf("%s is not there, or not for %s: %+v", id, ask.Operation, g)
			}
		}
		if x.Len() != len(there) {
			t.Fatalf("%d grants, want %d", x.Len(), len(there))
		}
		for id := range there {
			x.Remove(id)
		}
		if x.Len() != 0 || x.Size() != 0 || len(slices.Collect(x.Fitting(ask))) != 0 {
			t.Fatalf("of nothing %d grants and %d bytes are left", x.Len(), x.Size())
		}
	})
}

// TestGrantIndexLooksAtFew: of many grants that differ in their constraints, the one that a call fits is named alone.
func TestGrantIndexLooksAtFew(t *testing.T) {
	for name, constrain := range map[string]func(n int) keyengine.Grant{
		"equals": func(n int) keyengine.Grant {
			return keyengine.Grant{Equals: []keyengine.Pair{{Name: "id", Value: fmt.Sprint(n)}, {Name: "tenant", Value: "t"}}}
		},
		"a subset with a pair in common": func(n int) keyengine.Grant {
			return keyengine.Grant{Subset: []keyengine.Pair{{Name: "id", Value: fmt.Sprint(n)}, {Name: "tenant", Value: "t"}}}
		},
		"another operation": func(n int) keyengine.Grant {
			if n == 77 {
				return keyengine.Grant{}
			}
			return keyengine.Grant{Operations: []string{"Decrypt"}}
		},
	} {
		var x keyengine.GrantIndex
		for n := range 200 {
			g := constrain(n)
			if g.Operations == nil {
				g.Operations = []string{"Encrypt"}
			}
			x.Put(fmt.Sprintf("%03d", n), &g)
		}
		ask := keyengine.Fit{Operation: "Encrypt", Context: map[string]string{"ID": "77", "tenant": "t"}}
		if got := slices.Collect(x.Fitting(ask)); len(got) > 2 || !slices.Contains(got, "077") {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestGrantIndexKnowsEveryOperation that a grant can hold: what it does not know it would never find.
func TestGrantIndexKnowsEveryOperation(t *testing.T) {
	permissions := []string{"ReEncryptFrom", "ReEncryptTo"}
	for op := range kmsapi.Operations() {
		permissions = append(permissions, op.Name)
	}
	for _, op := range permissions {
		held := false
		for _, class := range []keyspec.Class{keyspec.Symmetric, keyspec.Asymmetric} {
			for _, usage := range []string{keyspec.EncryptDecrypt, keyspec.SignVerify, keyspec.MAC, keyspec.KeyAgreement} {
				held = held || keyengine.Grantable(op, class, usage)
			}
		}
		var x keyengine.GrantIndex
		x.Put("1", &keyengine.Grant{Operations: []string{op}})
		if found := len(slices.Collect(x.Fitting(keyengine.Fit{Operation: op}))) == 1; found != held {
			t.Errorf("%s: found %t, can be held %t", op, found, held)
		}
	}
}
