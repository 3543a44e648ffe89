package builtin_test

import (
	"testing"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/primitive/builtin"
)

// TestEveryBuiltSpecHasAProvider holds the table of key specs against the providers there are.
func TestEveryBuiltSpecHasAProvider(t *testing.T) {
	set := builtin.Set()
	for _, s := range keyspec.All() {
		if _, ok := set.Lookup(s.Name); ok != s.Built {
			t.Errorf("%s: built %t, provider %t", s.Name, s.Built, ok)
		}
	}
	if n := len(builtin.Providers()); n == 0 || n > len(keyspec.All()) {
		t.Errorf("%d providers", n)
	}
}
