package hmac_test

import (
	"testing"

	"meridian/keyengine/primitive/hmac"
	"meridian/keyengine/primitive/primitivetest"
)

func TestConformance(t *testing.T) {
	for _, p := range hmac.Providers() {
		t.Run(p.Spec(), func(t *testing.T) { primitivetest.Run(t, p) })
	}
}

func FuzzImport(f *testing.F) { primitivetest.FuzzImport(f, hmac.Provider{Bits: 256}) }
