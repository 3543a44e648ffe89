// Package rowstest is the conformance suite of row stores: the test of every rows.Writer calls Run.
//
// It promises that a store which passes shows the same rows in the same order as an ordered map
// would. It does not test durability. It starts no goroutines.
package rowstest

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meridian/keyengine/rows"
)

// Row is a row of a test.
type Row struct{ Key, Value string }

// All collects a scan.
func All(r rows.Reader, prefix, after []byte) []Row {
	var got []Row
	for k, v := range r.Scan(prefix, after) {
		got = append(got, Row{string(k), string(v)})
	}
	return got
}

// Run checks a Writer. Each call of fresh returns one that is empty.
func Run(t *testing.T, fresh func() rows.Writer) {
	for name, test := range map[string]func(*testing.T, rows.Writer){
		"empty":                  empty,
		"put, get, delete":       putGetDelete,
		"prefix and after":       prefixAndAfter,
		"bytes, not text":        byteOrder,
		"break":                  breaks,
		"change what is at hand": changeAtHand,
		"scan in a scan":         nested,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh()) })
	}
	t.Run("as a map", func(t *testing.T) { asMap(t, fresh) })
}

func fill(w rows.Writer, keys ...string) {
	for _, k := range keys {
		w.Put([]byte(k), []byte("of "+k))
	}
}

func expect(t *testing.T, r rows.Reader, prefix string, after []byte, keys ...string) {
	t.Helper()
	var got []string
	for _, row := range All(r, []byte(prefix), after) {
		got = append(got, row.Key)
		if row.Value != "of "+row.Key {
			t.Errorf("row %q has the value %q", row.Key, row.Value)
		}
	}
	if !slices.Equal(got, keys) {
		t.Errorf("scan of %q after %q: %q, want %q", prefix, after, got, keys)
	}
}

func empty(t *testing.T, w rows.Writer) {
	if v, ok := w.Get([]byte("a")); ok || v != nil {
		t.Errorf("a value from nowhere: %q", v)
	}
	w.Delete([]byte("a")) // no error
	expect(t, w, "", nil)
}

func putGetDelete(t *testing.T, w rows.Writer) {
	w.Put([]byte("a"), []byte("1"))
	w.Put([]byte("a"), []byte("2"))
	w.Put([]byte("b"), []byte{})
	w.Put([]byte("c"), nil)
	for k, want := range map[string]string{"a": "2", "b": "", "c": ""} {
		if v, ok := w.Get([]byte(k)); !ok || string(v) != want {
			t.Errorf("%s: %q, %t", k, v, ok)
		}
	}
	for _, k := range []string{"", "a\x00", "A"} {
		if _, ok := w.Get([]byte(k)); ok {
			t.Errorf("%q is there", k)
		}
	}
	w.Delete([]byte("a"))
	if _, ok := w.Get([]byte("a")); ok {
		t.Error("a deleted row is there")
	}
	w.Put([]byte("a"), []byte("3"))
	if v, ok := w.Get([]byte("a")); !ok || string(v) != "3" {
		t.Errorf("put again: %q, %t", v, ok)
	}
}

func prefixAndAfter(t *testing.T, w rows.Writer) {
	fill(w, "b/3", "a/1", "b/1", "c", "b", "b/2", "b/11")
	expect(t, w, "", nil, "a/1", "b", "b/1", "b/11", "b/2", "b/3", "c")
	expect(t, w, "b/", nil, "b/1", "b/11", "b/2", "b/3")
	expect(t, w, "b/1", nil, "b/1", "b/11")
	expect(t, w, "b/", []byte("b/1"), "b/11", "b/2", "b/3")
	expect(t, w, "b/1", []byte("b/1"), "b/11")               // after is the prefix itself
	expect(t, w, "b/", []byte("b/10"), "b/11", "b/2", "b/3") // after a row that is not there
	expect(t, w, "b/", []byte("a"), "b/1", "b/11", "b/2", "b/3")
	expect(t, w, "b/", []byte{}, "b/1", "b/11", "b/2", "b/3")
	expect(t, w, "b/", []byte("b/3"))
	expect(t, w, "b/", []byte("c"))
	expect(t, w, "x", nil)
}

func byteOrder(t *testing.T, w rows.Writer) {
	fill(w, "\xff\xff", "\xff", "\x00", "é", "z", "\xff\x00")
	expect(t, w, "", nil, "\x00", "z", "é", "\xff", "\xff\x00", "\xff\xff")
	expect(t, w, "\xff", nil, "\xff", "\xff\x00", "\xff\xff") // a prefix without an upper bound
	expect(t, w, "\xff\xff", nil, "\xff\xff")
}

func breaks(t *testing.T, w rows.Writer) {
	fill(w, "a", "b", "c")
	n := 0
	for range w.Scan(nil, nil) {
		n++
		if n == 2 {
			break
		}
	}
	expect(t, w, "", nil, "a", "b", "c")
}

// changeAtHand deletes or replaces the row that a scan just yielded.
func changeAtHand(t *testing.T, w rows.Writer) {
	fill(w, "a", "b", "c", "d", "e")
	var seen []string
	for k := range w.Scan(nil, nil) {
		key := bytes.Clone(k)
		seen = append(seen, string(key))
		if len(seen)%2 == 0 {
			w.Delete(key)
		} else {
			w.Put(key, append([]byte("of "), key...))
		}
	}
	if !slices.Equal(seen, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("seen %q", seen)
	}
	expect(t, w, "", nil, "a", "c", "e")
}

func nested(t *testing.T, w rows.Writer) {
	fill(w, "a", "b")
	var seen []string
	for k := range w.Scan(nil, nil) {
		outer := string(k)
		for k := range w.Scan(nil, nil) {
			seen = append(seen, outer+string(k))
		}
	}
	if !slices.Equal(seen, []string{"aa", "ab", "ba", "bb"}) {
		t.Errorf("seen %q", seen)
	}
}

// asMap does the same at random to the store and to a map, with few keys, so that they meet often.
func asMap(t *testing.T, fresh func() rows.Writer) {
	key := rapid.StringMatching(`[ab\x{ff}]{1,3}`)
	rapid.Check(t, func(t *rapid.T) {
		w, model := fresh(), map[string]string{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k, v := key.Draw(t, "key"), rapid.String().Draw(t, "value")
				w.Put([]byte(k), []byte(v))
				model[k] = v
			},
			"delete": func(t *rapid.T) {
				k := key.Draw(t, "key")
				w.Delete([]byte(k))
				delete(model, k)
			},
			"get": func(t *rapid.T) {
				k := key.Draw(t, "key")
				v, ok := w.Get([]byte(k))
				if want, there := model[k]; ok != there || string(v) != want {
					t.Fatalf("%q: %q, %t; want %q, %t", k, v, ok, want, there)
				}
			},
			"scan": func(t *rapid.T) {
				prefix := rapid.StringMatching(`[ab\x{ff}]{0,2}`).Draw(t, "prefix")
				var after []byte
				if rapid.Bool().Draw(t, "from a key") {
					after = []byte(key.Draw(t, "after"))
				}
				if got, want := All(w, []byte(prefix), after), scan(model, prefix, after); !slices.Equal(got, want) {
					t.Fatalf("%q after %q: %q, want %q", prefix, after, got, want)
				}
			},
		})
	})
}

func scan(model map[string]string, prefix string, after []byte) []Row {
	var out []Row
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if bytes.HasPrefix([]byte(k), []byte(prefix)) && (after == nil || k > string(after)) {
			out = append(out, Row{k, model[k]})
		}
	}
	return out
}
