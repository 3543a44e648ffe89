package keyring

import (
	"bytes"
	"testing"

	"meridian/keyengine/canonical"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/primitivetest"
)

// TestAdvanceErases looks at the memory of a seed, and at what a keystore would hold.
func TestAdvanceErases(t *testing.T) {
	ring, err := New("cluster", "us-east-1", primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	for step := range uint64(3) {
		if _, err := ring.SealingKey(step); err != nil {
			t.Fatal(err)
		}
	}
	old := ring.chain.seed
	seed := old.Bytes()
	var memory []byte
	if err := old.Use(func(b []byte) error { memory = b; return nil }); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(canonical.Marshal(ring.contents()), seed) {
		t.Fatal("this test would not see the seed")
	}

	if err := ring.AdvanceTo(2); err != nil || old.Len() == 0 {
		t.Fatalf("step 2 erased the seed of step 0: %v", err)
	}
	if err := ring.AdvanceTo(3); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(memory, make([]byte, keyBytes)) || old.Len() != 0 {
		t.Error("the seed of step 0 is in memory at step 3")
	}
	if bytes.Contains(canonical.Marshal(ring.contents()), seed) {
		t.Error("the seed of step 0 is in the keystore at step 3")
	}
	if ring.chain.keys[0] != nil {
		t.Error("the private key of step 0 is kept at step 3")
	}
}

func TestContentsAreChecked(t *testing.T) {
	ring, err := New("cluster", "us-east-1", primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*contents){
		"seed after the step":        func(c *contents) { c.Oldest = 1 },
		"seed that should be erased": func(c *contents) { c.Step = 3 },
		"short key":                  func(c *contents) { c.Master = c.Master[1:] },
		"no key":                     func(c *contents) { c.NKey = nil },
		"no Region":                  func(c *contents) { c.Region = "" },
		"no cluster":                 func(c *contents) { c.ClusterID = "" },
	} {
		c := ring.contents()
		change(c)
		if r, err := decodeContents(canonical.Marshal(c)); err == nil || r != nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if _, err := decodeContents(canonical.Marshal(ring.contents())); err != nil {
		t.Errorf("the good ones: %v", err)
	}
}

// FuzzContents decodes what is inside a keystore: whoever has the root can put anything there.
func FuzzContents(f *testing.F) {
	ring, err := New("cluster", "us-east-1", primitivetest.Rand(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(canonical.Marshal(ring.contents()))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeContents(bytes.Clone(b))
		if (err == nil) != (r != nil) {
			t.Fatal(err)
		}
		if err == nil && !bytes.Equal(canonical.Marshal(r.contents()), b) {
			t.Fatal("a ring of other bytes than were read")
		}
	})
}

func FuzzParseRoot(f *testing.F) {
	f.Add([]byte(rootHeader))
	f.Add([]byte(rootHeader + "abababababababababababababababababababababababababababababababab\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if root, err := parseRoot(text); err == nil && root.Len() != keyBytes {
			t.Fatal("a root of another length")
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	ring, err := New("cluster", "us-east-1", primitivetest.Rand(1))
	if err != nil {
		b.Fatal(err)
	}
	wrapped, err := ring.Wrap(primitivetest.Rand(1), 1, Binding{}, primitive.NewMaterial(make([]byte, 32)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := ring.Unwrap(1, Binding{}, wrapped); err != nil {
			b.Fatal(err)
		}
	}
}
