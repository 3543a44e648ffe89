package canonical_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

type id [4]byte

type pair struct {
	_     struct{} `cbor:",toarray"`
	Key   string
	Value uint32
}

type value struct {
	ID    id               `cbor:"1,keyasint"`
	Count uint32           `cbor:"2,keyasint,omitempty"`
	Names []string         `cbor:"3,keyasint,omitempty"`
	Next  *value           `cbor:"4,keyasint,omitempty"`
	Pairs []pair           `cbor:"5,keyasint,omitempty"`
	ByID  map[id]int64     `cbor:"6,keyasint,omitempty"`
	Body  canonical.Raw    `cbor:"7,keyasint,omitempty"`
	Tags  map[string]*bool `cbor:"8,keyasint,omitempty"`
	Late  bool             `cbor:"300,keyasint,omitempty"`
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// TestForm fixes the bytes: every stored hash depends on them.
func TestForm(t *testing.T) {
	for want, v := range map[string]any{
		"44 01020304":                     id{1, 2, 3, 4}, // an array of bytes is a byte string
		"5820" + strings.Repeat("00", 32): family.MaterialID{},
		"43 010203":                       []byte{1, 2, 3},
		"40":                              []byte(nil),
		"80":                              []string(nil),
		"a0":                              map[string]int(nil),
		"f6":                              (*value)(nil),
		"a1 01 44 00000000":               value{},
		"a2 01 44 00000000 19012c f5":     value{Late: true},
		"a3 01 01 18ff 02 20 03":          map[any]any{255: 2, -1: 3, 1: 1}, // keys in the order of their bytes
		"a2 61 61 01 62 6161 02":          map[string]int{"aa": 2, "a": 1},
		"82 61 6b 07":                     pair{Key: "k", Value: 7},
		"1b ffffffffffffffff":             uint64(math.MaxUint64),
		"3b 7fffffffffffffff":             int64(math.MinInt64),
		"f9 3e00":                         1.5,
		"f9 7e00":                         math.NaN(),
	} {
		if got := canonical.Marshal(v); !bytes.Equal(got, unhex(want)) {
			t.Errorf("%T %v: %x, want %s", v, v, got, want)
		}
	}
}

func TestMarshalPanicsOnWhatHasNoForm(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	canonical.Marshal(make(chan int))
}

func TestUnmarshal(t *testing.T) {
	yes := true
	want := value{
		ID: id{1}, Count: 300, Names: []string{"", "é"}, Next: &value{ID: id{2}}, Pairs: []pair{{Key: "a", Value: 1}},
		ByID: map[id]int64{{2}: -2, {1}: 1}, Body: canonical.Raw(unhex("83010203")), Tags: map[string]*bool{"a": &yes, "b": nil}, Late: true,
	}
	var got value
	if err := canonical.Unmarshal(canonical.Marshal(want), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestUnmarshalIsStrict(t *testing.T) {
	for what, in := range map[string]string{
		"nothing":                     "",
		"cut off":                     "a1 01 44 010203",
		"trailing byte":               "a1 01 44 01020304 00",
		"two values":                  "a1 01 44 01020304 a1 01 44 01020304",
		"duplicate key":               "a3 01 44 01020304 02 05 02 05",
		"duplicate key of a map":      "a2 01 44 01020304 08 a2 61 61 f5 61 61 f5",
		"unknown field":               "a2 01 44 01020304 18 63 05",
		"unknown field by name":       "a2 01 44 01020304 62 4944 05",
		"number as text key":          "a1 61 31 44 01020304",
		"keys in other order":         "a2 02 05 01 44 01020304",
		"map keys in other order":     "a2 01 44 01020304 08 a2 61 62 f5 61 61 f5",
		"long number":                 "a2 01 44 01020304 02 18 05",
		"long length":                 "a1 01 58 04 01020304",
		"long key":                    "a1 18 01 44 01020304",
		"array too long":              "a1 01 45 0102030405",
		"array too short":             "a1 01 43 010203",
		"bytes as a list":             "a1 01 84 01020304",
		"text as bytes":               "a1 01 64 61616161",
		"zero of an omitted field":    "a2 01 44 01020304 02 00",
		"empty list of one":           "a2 01 44 01020304 03 80",
		"null for a number":           "a2 01 44 01020304 02 f6",
		"undefined":                   "a2 01 44 01020304 02 f7",
		"null for it all":             "f6",
		"left-out field":              "a0",
		"indefinite bytes":            "a1 01 5f 44 01020304 ff",
		"indefinite map":              "bf 01 44 01020304 ff",
		"indefinite list":             "a2 01 44 01020304 03 9f 61 61 ff",
		"tag":                         "a1 01 c2 44 01020304",
		"self-described":              "d9d9f7 a1 01 44 01020304",
		"float for a number":          "a2 01 44 01020304 02 f9 3c00",
		"negative for a number":       "a2 01 44 01020304 02 20",
		"number too great":            "a2 01 44 01020304 02 1b 0000000100000000",
		"invalid UTF-8":               "a2 01 44 01020304 03 81 61 ff",
		"struct array too long":       "a2 01 44 01020304 05 81 83 61 61 01 02",
		"struct array too short":      "a2 01 44 01020304 05 81 81 61 61",
		"struct array as map":         "a2 01 44 01020304 05 81 a0",
		"a list":                      "80",
		"reserved additional info":    "1c",
		"promises a list of 2^64":     "a2 01 44 01020304 03 9b ffffffffffffffff",
		"promises bytes of 2^63":      "a1 01 5b 7fffffffffffffff",
		"promises a map of a million": "ba 00100000",
	} {
		var got value
		if err := canonical.Unmarshal(unhex(in), &got); err == nil {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestOtherFormsAreNamed(t *testing.T) {
	var v value
	if err := canonical.Unmarshal(unhex("a1 01 45 0102030405"), &v); !errors.Is(err, canonical.ErrForm) {
		t.Errorf("%v", err)
	}
}

// TestBombs: what is small and becomes large is refused before it becomes large.
func TestBombs(t *testing.T) {
	for what, b := range map[string][]byte{
		"deep lists":  append(bytes.Repeat([]byte{0x81}, canonical.MaxNesting+1), 0),
		"far deeper":  bytes.Repeat([]byte{0x81}, 1<<20),
		"deep maps":   append(bytes.Repeat([]byte{0xa1, 0x01}, canonical.MaxNesting+1), 0),
		"a long list": append([]byte{0x9a, 0, 2, 0, 1}, make([]byte, canonical.MaxItems+1)...),
	} {
		var v any
		if err := canonical.Unmarshal(b, &v); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	var v any
	if err := canonical.Unmarshal(append(bytes.Repeat([]byte{0x81}, canonical.MaxNesting-1), 0), &v); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
}

// drawValue draws a value; depth bounds the chain of Next.
func drawValue(t *rapid.T, depth int) value {
	v := value{
		ID:    id(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "id")),
		Count: rapid.Uint32().Draw(t, "count"),
		Names: rapid.SliceOf(rapid.String()).Draw(t, "names"),
		ByID:  map[id]int64{},
		Late:  rapid.Bool().Draw(t, "late"),
	}
	for n := range rapid.IntRange(0, 5).Draw(t, "map") {
		v.ByID[id{byte(n), rapid.Byte().Draw(t, "key")}] = rapid.Int64().Draw(t, "value")
	}
	for range rapid.IntRange(0, 3).Draw(t, "pairs") {
		v.Pairs = append(v.Pairs, pair{Key: rapid.String().Draw(t, "k"), Value: rapid.Uint32().Draw(t, "v")})
	}
	if depth > 0 && rapid.Bool().Draw(t, "more") {
		next := drawValue(t, depth-1)
		v.Next = &next
	}
	return v
}

// TestEqualValuesHaveEqualBytes and other values other bytes.
func TestEqualValuesHaveEqualBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawValue(t, 3), drawValue(t, 3)
		x := canonical.Marshal(a)
		for range 3 { // the order of Go's maps differs each time
			if !bytes.Equal(canonical.Marshal(a), x) {
				t.Fatal("two forms of one value")
			}
		}
		var back value
		if err := canonical.Unmarshal(x, &back); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(canonical.Marshal(back), x) {
			t.Fatal("a value changed on its way")
		}
		if len(a.Names) == 0 {
			a.Names = nil
		}
		if len(b.Names) == 0 {
			b.Names = nil
		}
		if bytes.Equal(canonical.Marshal(b), x) != reflect.DeepEqual(a, b) {
			t.Fatal("other values have equal bytes, or equal values other bytes")
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(canonical.Marshal(value{ID: id{1}, Names: []string{"a"}, Next: &value{}, ByID: map[id]int64{{1}: 1}}))
	f.Add(canonical.Marshal(map[string]any{"a": []any{1, "b", nil, []byte{1}}}))
	f.Add(canonical.Marshal(family.Record{KeyID: "k", Members: []family.Member{{Region: "us-east-1"}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{new(value), new(any), new(family.Record), new(family.Local)} {
			if canonical.Unmarshal(b, v) == nil && !bytes.Equal(canonical.Marshal(v), b) {
				t.Fatalf("%T takes a form that it does not have", v)
			}
		}
	})
}

func BenchmarkUnmarshal(b *testing.B) {
	r := family.Record{
		Partition: "aws", Account: "111122223333", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab",
		Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS",
		Members: []family.Member{{Region: "eu-west-1"}, {Region: "us-east-1"}}, Materials: []family.Material{{Number: 1}},
	}
	encoded := canonical.Marshal(r)
	b.ReportAllocs()
	for b.Loop() {
		var r family.Record
		if err := canonical.Unmarshal(encoded, &r); err != nil {
			b.Fatal(err)
		}
	}
}
