package keyengine_test

import (
	"strings"
	"testing"

	"meridian/keyengine"
)

// A grant is written as its operations, then =pairs for equality or >pairs for a subset.
func grantOf(text string) *keyengine.Grant {
	words := strings.Fields(text)
	g := &keyengine.Grant{Operations: strings.Split(words[0], ",")}
	for _, w := range words[1:] {
		var pairs []keyengine.Pair
		for p := range strings.SplitSeq(w[1:], ",") {
			name, value, _ := strings.Cut(p, ":")
			pairs = append(pairs, keyengine.Pair{Name: name, Value: value})
		}
		if w[0] == '=' {
			g.Equals = pairs
		} else {
			g.Subset = pairs
		}
	}
	return g
}

func TestGrantMadeByAGrant(t *testing.T) {
	for _, c := range []struct {
		parent, child string
		want          bool
	}{
		{"CreateGrant,Decrypt,Encrypt", "Decrypt", true},
		{"CreateGrant,Decrypt,Encrypt", "Decrypt,CreateGrant", true},
		{"CreateGrant,Decrypt", "Encrypt", false},
		{"CreateGrant,Decrypt", "Decrypt,Encrypt", false},
		{"Decrypt", "Decrypt", false},
		{"CreateGrant,Decrypt", "Decrypt >a:1", true},
		{"CreateGrant,Decrypt >a:1", "Decrypt", false},
		{"CreateGrant,Decrypt >a:1", "Decrypt >a:1", true},
		{"CreateGrant,Decrypt >a:1", "Decrypt >A:1,b:2", true},
		{"CreateGrant,Decrypt >a:1", "Decrypt >a:2", false},
		{"CreateGrant,Decrypt >a:1", "Decrypt =a:1,b:2", true},
		{"CreateGrant,Decrypt >a:1", "Decrypt =b:2", false},
		{"CreateGrant,Decrypt =a:1", "Decrypt =a:1", true},
		{"CreateGrant,Decrypt =a:1", "Decrypt =a:1,b:2", false},
		{"CreateGrant,Decrypt =a:1", "Decrypt >a:1", false},
		{"CreateGrant,Decrypt =a:1,b:2 >a:1", "Decrypt =B:2,a:1", true},
	} {
		if got := grantOf(c.parent).MayMake(grantOf(c.child)); got != c.want {
			t.Errorf("%s makes %s: %t, want %t", c.parent, c.child, got, c.want)
		}
	}
}
