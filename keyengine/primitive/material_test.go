package primitive_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/aesgcm"
	"meridian/keyengine/primitive/primitivetest"
)

const marker = "MARKER-OF-SECRET-BYTES"

// shows reports whether s holds the marker, in any form in which Go prints bytes.
func shows(s string) bool {
	b := []byte(marker)
	for _, form := range []string{"%s", "%x", "%X", "%v", "%#v", "%q"} {
		if strings.Contains(s, strings.Trim(fmt.Sprintf(form, b), `[]"`)) {
			return true
		}
	}
	return strings.Contains(s, "4d, 0x41") || strings.Contains(s, "TUFSS0VSLU9G") // %#v in a struct; base64
}

// TestNothingPrintsMaterial prints Materials in every way and place; unexported fields are the
// places where fmt ignores methods.
func TestNothingPrintsMaterial(t *testing.T) {
	m := primitive.NewMaterial([]byte(marker))
	type holder struct {
		Public primitive.Material
		hidden primitive.Material
		list   []primitive.Material
	}
	values := []any{m, &m, []primitive.Material{m}, map[string]primitive.Material{"m": m}, holder{m, m, []primitive.Material{m}}, &holder{m, m, nil}}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t"} {
			if s := fmt.Sprintf(verb, v); shows(s) {
				t.Errorf("%s of %T: %s", verb, v, s)
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		if shows(log.String()) {
			t.Errorf("log of %T: %s", v, log.String())
		}
		j, _ := json.Marshal(v)
		x, _ := xml.Marshal(v)
		c, _ := cbor.Marshal(v)
		var g bytes.Buffer
		_ = gob.NewEncoder(&g).Encode(v)
		if s := string(j) + string(x) + string(c) + g.String(); shows(s) {
			t.Errorf("%T encodes as %q", v, s)
		}
	}
	for _, s := range []string{fmt.Sprint(m), fmt.Sprintf("%#v", m), m.String(), m.GoString(), m.LogValue().String()} {
		if s != "redacted" {
			t.Errorf("%q", s)
		}
	}
	if j, err := json.Marshal(map[string]any{"m": m}); err != nil || string(j) != `{"m":"redacted"}` {
		t.Errorf("%s, %v", j, err)
	}
	if !shows(fmt.Sprint([]byte(marker))) || !shows(fmt.Sprintf("%#v", []byte(marker))) {
		t.Error("this test would not see a secret")
	}
}

func TestBinaryFormsAreRefused(t *testing.T) {
	m := primitive.NewMaterial([]byte(marker))
	if _, err := cbor.Marshal(m); err == nil {
		t.Error("CBOR")
	}
	if _, err := m.MarshalBinary(); err == nil {
		t.Error("binary")
	}
	if err := gob.NewEncoder(&bytes.Buffer{}).Encode(m); err == nil {
		t.Error("gob")
	}
}

func TestMaterialOwnsItsBytes(t *testing.T) {
	raw := []byte(marker)
	m := primitive.NewMaterial(raw)
	clear(raw)
	got := m.Bytes()
	if string(got) != marker || m.Len() != len(marker) {
		t.Fatalf("%q", got)
	}
	clear(got)
	if string(m.Bytes()) != marker {
		t.Error("Bytes shares the bytes")
	}
}

func TestDestroy(t *testing.T) {
	m := primitive.NewMaterial([]byte(marker))
	shared := m
	var seen []byte
	if err := m.Use(func(b []byte) error { seen = b; return nil }); err != nil {
		t.Fatal(err)
	}
	m.Destroy()
	m.Destroy() // twice is no error
	if !bytes.Equal(seen, make([]byte, len(marker))) {
		t.Error("the bytes are not cleared")
	}
	for _, gone := range []primitive.Material{m, shared, {}} {
		if gone.Bytes() != nil || gone.Len() != 0 || gone.Equal(gone) {
			t.Error("destroyed material is usable")
		}
		if err := gone.Use(func([]byte) error { t.Error("used"); return nil }); !errors.Is(err, primitive.ErrDestroyed) {
			t.Errorf("%v", err)
		}
	}
	primitive.Material{}.Destroy()
}

func TestEqual(t *testing.T) {
	a := primitive.NewMaterial([]byte("a"))
	for s, want := range map[string]bool{"a": true, "b": false, "aa": false, "": false} {
		if got := a.Equal(primitive.NewMaterial([]byte(s))); got != want {
			t.Errorf("a equals %q: %t", s, got)
		}
	}
}

func TestUseReturnsTheError(t *testing.T) {
	want := errors.New("mine")
	if err := primitive.NewMaterial([]byte("x")).Use(func([]byte) error { return want }); err != want {
		t.Error(err)
	}
}

func TestSet(t *testing.T) {
	set := primitive.NewSet(aesgcm.Provider{})
	m, err := set.Generate(keyspec.SymmetricDefault, primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Encrypter(keyspec.SymmetricDefault, m); err != nil {
		t.Error(err)
	}
	if _, err := set.Generate("RSA_2048", primitivetest.Rand(1)); !errors.Is(err, primitive.ErrSpec) {
		t.Error(err)
	}
	if _, err := set.Encrypter("RSA_2048", m); !errors.Is(err, primitive.ErrSpec) {
		t.Error(err)
	}
	if _, ok := (primitive.Set{}).Lookup(keyspec.SymmetricDefault); ok {
		t.Error("the empty set has a provider")
	}
	defer func() {
		if recover() == nil {
			t.Error("two providers of one spec")
		}
	}()
	primitive.NewSet(aesgcm.Provider{}, aesgcm.Provider{})
}
