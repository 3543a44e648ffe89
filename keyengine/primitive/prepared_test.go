package primitive_test

import (
	"errors"
	"fmt"
	"testing"

	"meridian/keyengine/primitive"
)

func TestPreparedLivesAsLongAsItsMaterial(t *testing.T) {
	m := primitive.NewMaterial([]byte(marker))
	p, err := primitive.Prepare(m, func(raw []byte) (string, error) { return string(raw), nil })
	if err != nil {
		t.Fatal(err)
	}
	use := func() (got string, err error) {
		err = p.Use(func(key string) error { got = key; return nil })
		return got, err
	}
	if got, err := use(); err != nil || got != marker {
		t.Errorf("%q, %v", got, err)
	}
	want := errors.New("mine")
	if err := p.Use(func(string) error { return want }); err != want {
		t.Error(err)
	}
	m.Destroy()
	if got, err := use(); err != primitive.ErrDestroyed || got != "" {
		t.Errorf("after Destroy: %q, %v", got, err)
	}
	if err := (primitive.Prepared[string]{}).Use(nil); err != primitive.ErrDestroyed {
		t.Errorf("the zero Prepared: %v", err)
	}
}

func TestPreparedRefusesWhatDoesNotParse(t *testing.T) {
	parse := func(raw []byte) (string, error) { return "", errors.New("no") }
	for _, m := range []primitive.Material{{}, primitive.NewMaterial([]byte("x"))} {
		if _, err := primitive.Prepare(m, parse); err != primitive.ErrMaterial {
			t.Errorf("%d bytes: %v", m.Len(), err)
		}
	}
}

func TestNothingPrintsPrepared(t *testing.T) {
	p, err := primitive.Prepare(primitive.NewMaterial([]byte(marker)), func(raw []byte) (string, error) { return string(raw), nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{p, &p, struct{ hidden primitive.Prepared[string] }{p}} {
			if s := fmt.Sprintf(verb, v); shows(s) {
				t.Errorf("%s: %s", verb, s)
			}
		}
	}
}
