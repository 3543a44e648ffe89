package rows_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meridian/keyengine/rows"
	"meridian/keyengine/rows/rowstest"
)

func TestMemory(t *testing.T) {
	rowstest.Run(t, func() rows.Writer { return &rows.Memory{} })
}

func TestOverlay(t *testing.T) {
	rowstest.Run(t, func() rows.Writer { return rows.NewOverlay(&rows.Memory{}) })
}

// TestOverlayOfWhatIsDeleted runs the suite over a base whose rows are all hidden by deletions.
func TestOverlayOfWhatIsDeleted(t *testing.T) {
	rowstest.Run(t, func() rows.Writer {
		base := &rows.Memory{}
		for _, k := range []string{"a", "ab", "b", "b/1", "b/2", "c", "\xff"} {
			base.Put([]byte(k), []byte("hidden"))
		}
		o := rows.NewOverlay(base)
		for k := range base.Scan(nil, nil) {
			o.Delete(k)
		}
		return o
	})
}

// TestOverlayIsItsBaseWithTheChanges: an overlay shows what the base would show had it been changed
// itself, and the base stays as it was.
func TestOverlayIsItsBaseWithTheChanges(t *testing.T) {
	key := rapid.StringMatching(`[a-d]{1,2}`)
	change := func(t *rapid.T, writers ...rows.Writer) {
		for range rapid.IntRange(0, 12).Draw(t, "changes") {
			k, v := []byte(key.Draw(t, "key")), []byte(rapid.String().Draw(t, "value"))
			del := rapid.Bool().Draw(t, "delete")
			for _, w := range writers {
				if del {
					w.Delete(k)
				} else {
					w.Put(k, v)
				}
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		base, changed := &rows.Memory{}, &rows.Memory{}
		change(t, base, changed)
		before := rowstest.All(base, nil, nil)
		lower := rows.NewOverlay(base)
		change(t, lower, changed)
		o := rows.NewOverlay(lower) // overlays may be stacked
		change(t, o, changed)

		prefix, after := []byte(rapid.StringMatching(`[a-d]?`).Draw(t, "prefix")), []byte(key.Draw(t, "after"))
		for _, a := range [][]byte{nil, after} {
			if got, want := rowstest.All(o, prefix, a), rowstest.All(changed, prefix, a); !slices.Equal(got, want) {
				t.Fatalf("%q after %q: %q, want %q", prefix, a, got, want)
			}
		}
		k := []byte(key.Draw(t, "get"))
		got, ok := o.Get(k)
		want, there := changed.Get(k)
		if ok != there || !bytes.Equal(got, want) {
			t.Fatalf("%q: %q, %t; want %q, %t", k, got, ok, want, there)
		}
		if got := rowstest.All(base, nil, nil); !slices.Equal(got, before) {
			t.Fatalf("the base is now %q, was %q", got, before)
		}
	})
}

// TestScansSeeWhatIsAhead: Memory and Overlay say more than a Reader has to.
func TestScansSeeWhatIsAhead(t *testing.T) {
	base := &rows.Memory{}
	for _, k := range []string{"b", "d", "f"} {
		base.Put([]byte(k), nil)
	}
	memory := &rows.Memory{}
	for k := range base.Scan(nil, nil) {
		memory.Put(k, nil)
	}
	mixed := rows.NewOverlay(base)
	mixed.Put([]byte("d"), nil)
	for name, w := range map[string]rows.Writer{"memory": memory, "overlay": mixed} {
		var seen []string
		for k := range w.Scan(nil, nil) {
			seen = append(seen, string(k))
			if string(k) == "b" {
				w.Put([]byte("a"), nil) // behind: not seen
				w.Put([]byte("c"), nil)
				w.Delete([]byte("d"))
				w.Put([]byte("g"), nil)
			}
		}
		if !slices.Equal(seen, []string{"b", "c", "f", "g"}) {
			t.Errorf("%s: %q", name, seen)
		}
	}
}

// TestChanged: what was put over a base is told from every overlay, and nothing of the base.
func TestChanged(t *testing.T) {
	base := &rows.Memory{}
	base.Put([]byte("a/base"), nil)
	lower := rows.NewOverlay(base)
	lower.Put([]byte("a/lower"), nil)
	lower.Put([]byte("b"), nil)
	upper := rows.NewOverlay(lower)
	upper.Put([]byte("a/upper"), nil)
	upper.Delete([]byte("a/base"))
	var told []string
	for k := range upper.Changed([]byte("a/")) {
		told = append(told, string(k))
	}
	if slices.Sort(told); fmt.Sprint(told) != "[a/lower a/upper]" {
		t.Errorf("changed: %v", told)
	}
}

func TestMemoryKeepsCopies(t *testing.T) {
	m := &rows.Memory{}
	k, v := []byte("key"), []byte("value")
	m.Put(k, v)
	k[0], v[0] = 'x', 'x'
	if got := fmt.Sprint(rowstest.All(m, nil, nil)); got != "[{key value}]" || m.Len() != 1 {
		t.Errorf("%s, %d rows", got, m.Len())
	}
}

func ExampleNewOverlay() {
	var m rows.Memory
	m.Put([]byte("k/1"), []byte("old"))
	trial := rows.NewOverlay(&m)
	trial.Put([]byte("k/1"), []byte("new"))
	trial.Put([]byte("k/2"), []byte("more"))
	for key, value := range trial.Scan([]byte("k/"), nil) {
		fmt.Printf("%s=%s ", key, value)
	}
	value, _ := m.Get([]byte("k/1"))
	fmt.Printf("and below: %s\n", value)
	// Output: k/1=new k/2=more and below: old
}

func BenchmarkScan(b *testing.B) {
	base := &rows.Memory{}
	for i := range 1000 {
		base.Put(fmt.Appendf(nil, "k/%04d", i), nil)
	}
	o := rows.NewOverlay(base)
	o.Put([]byte("k/0500"), nil)
	for name, r := range map[string]rows.Reader{"memory": base, "overlay": o} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for range r.Scan(nil, nil) {
				}
			}
		})
	}
}
