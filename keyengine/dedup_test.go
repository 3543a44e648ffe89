package keyengine_test

import (
	"bytes"
	"fmt"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/rows"
)

func dedupKey(n int) []byte { return fmt.Appendf(nil, "%032d", n) }

func TestRepliesAreRememberedForAWhile(t *testing.T) {
	var m rows.Memory
	view := keyengine.NewView(&m, keyengine.Place{Partition: "aws", Region: "us-east-1"})
	keyengine.EvolveCommand(&m, start, dedupKey(1), "CreateKey", []byte("reply"))

	op, reply, ok := view.Remembered(dedupKey(1))
	if !ok || op != "CreateKey" || !bytes.Equal(reply, []byte("reply")) {
		t.Fatalf("remembered %q %q %v", op, reply, ok)
	}
	if _, _, ok := view.Remembered(dedupKey(2)); ok {
		t.Fatal("remembered what never was")
	}
	if _, _, ok := view.Remembered(nil); ok {
		t.Fatal("remembered what has no key")
	}

	keyengine.EvolveCommand(&m, start+keyengine.RememberedFor-1, nil, "RunDue", nil)
	if _, _, ok := view.Remembered(dedupKey(1)); !ok {
		t.Fatal("forgotten too early")
	}
	keyengine.EvolveCommand(&m, start+keyengine.RememberedFor, nil, "RunDue", nil)
	if _, _, ok := view.Remembered(dedupKey(1)); ok {
		t.Fatal("not forgotten")
	}
	if m.Len() != 0 {
		t.Fatalf("%d rows left", m.Len())
	}
}

func TestForgettingIsBoundedAndCatchesUp(t *testing.T) {
	var m rows.Memory
	for i := range 100 {
		keyengine.EvolveCommand(&m, start, dedupKey(i), "CreateKey", nil)
	}
	late := int64(start + 2*keyengine.RememberedFor)
	before := m.Len()
	keyengine.EvolveCommand(&m, late, nil, "RunDue", nil)
	if removed := before - m.Len(); removed == 0 || removed > 20 {
		t.Fatalf("one command removed %d rows", removed)
	}
	for i := range 60 { // new replies come in, the old ones go faster
		keyengine.EvolveCommand(&m, late, dedupKey(1000+i), "CreateKey", nil)
	}
	if m.Len() != 2*60 {
		t.Fatalf("%d rows left", m.Len())
	}
}

func TestARepeatedKeyIsRememberedFromTheLastTime(t *testing.T) {
	var m rows.Memory
	view := keyengine.NewView(&m, keyengine.Place{Partition: "aws", Region: "us-east-1"})
	keyengine.EvolveCommand(&m, start, dedupKey(1), "CreateKey", []byte("first"))
	keyengine.EvolveCommand(&m, start+1000, dedupKey(1), "CreateKey", []byte("second"))
	keyengine.EvolveCommand(&m, start+keyengine.RememberedFor, nil, "RunDue", nil)
	if _, reply, _ := view.Remembered(dedupKey(1)); !bytes.Equal(reply, []byte("second")) {
		t.Fatalf("remembered %q", reply)
	}
	if m.Len() != 2 {
		t.Fatalf("%d rows", m.Len())
	}
}
