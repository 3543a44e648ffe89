package codec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

var update = flag.Bool("update", false, "write golden files for events that have none")

// sample is an event of a kind with every field filled.
func sample(k kind) keyengine.Event {
	v := reflect.New(reflect.TypeOf(k.example)).Elem()
	n := int64(0)
	fill(v, &n)
	if e, ok := v.Interface().(family.Event); ok {
		ref := keyengine.Ref{Account: "111122223333", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab"}
		return keyengine.FamilyEvent{Ref: ref, Event: e}
	}
	return v.Interface().(keyengine.Event)
}

// fill gives each field another value, so that fields that change places are noticed.
func fill(v reflect.Value, n *int64) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text%d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(1767225600000 + *n)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n)%7 + 1)
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(*n))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n)
			}
		}
	default:
		panic("no value for a " + v.Kind().String())
	}
}

func kinds() []kind { return append(own(), shared()...) }

func goldenFile(k kind, version uint8) string {
	return filepath.Join("testdata", "events", fmt.Sprintf("%03d-%s.v%d.txt", k.number, k.name(), version))
}

// golden is what a file holds: the bytes in hexadecimal, then what people are told.
func golden(e eventlog.Event) (string, error) {
	_, _, content, err := Describe(e)
	return hex.EncodeToString(e.Body) + "\n" + string(content) + "\n", err
}

// TestGoldenEvents: the bytes of every event of today are those written down. A file is never
// changed: an event that changes gets a new version and a second file.
func TestGoldenEvents(t *testing.T) {
	for _, k := range kinds() {
		e := Encode(sample(k))
		if Level(e) > keyengine.LevelCaller { // of a level that does not exist
			continue
		}
		got, err := golden(e)
		if err != nil {
			t.Fatal(err)
		}
		file := goldenFile(k, e.Version)
		want, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) && *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if got != string(want) {
			t.Errorf("%s: the bytes of the event changed:\n%s", file, got)
		}
	}
}

// TestEveryVersionForEver: what was ever written is read, and says what it said.
func TestEveryVersionForEver(t *testing.T) {
	files, err := filepath.Glob("testdata/events/*.txt")
	if err != nil || len(files) < len(kinds()) {
		t.Fatalf("%d files for %d kinds, %v", len(files), len(kinds()), err)
	}
	for _, file := range files {
		var e eventlog.Event
		name, _ := strings.CutSuffix(filepath.Base(file), ".txt")
		number, rest, _ := strings.Cut(name, "-")
		_, version, _ := strings.Cut(rest, ".v")
		if _, err := fmt.Sscanf(number+" "+version, "%d %d", &e.Type, &e.Version); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		body, _, _ := strings.Cut(string(text), "\n")
		if e.Body, err = hex.DecodeString(body); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got, err := golden(e)
		if err != nil || got != string(text) {
			t.Errorf("%s: %v\n%s", file, err, got)
		}
		// What the first level could say is written as it was: a Region's older nodes read it.
		if back, err := Decode(e); err != nil {
			t.Errorf("%s: %v", file, err)
		} else if again := Encode(back); Level(e) == 1 && (again.Version > e.Version && again.Version > byNumber[e.Type].version) {
			t.Errorf("%s: is written as version %d now", file, again.Version)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, k := range kinds() {
		e := sample(k)
		back, err := Decode(Encode(e))
		if err != nil {
			t.Errorf("%s: %v", k.name(), err)
			continue
		}
		if !reflect.DeepEqual(e, back) {
			t.Errorf("%s: %+v became %+v", k.name(), e, back)
		}
	}
}

// TestTableIsComplete: the protocol's own list names no event without a number.
func TestTableIsComplete(t *testing.T) {
	for i, e := range family.Events() {
		if k := kindOf(e); int(k.number) != 100+i {
			t.Errorf("%s has number %d, want %d", k.name(), k.number, 100+i)
		}
	}
	if n := len(family.Events()); n != len(shared()) {
		t.Errorf("%d numbers for %d events", len(shared()), n)
	}
}

func TestUnknownEvents(t *testing.T) {
	good := Encode(keyengine.PeerSeen{Region: "eu-west-1", Life: 1})
	for name, e := range map[string]eventlog.Event{
		"type":         {Type: 9999, Version: 1, Body: good.Body},
		"type zero":    {Version: 1, Body: good.Body},
		"version":      {Type: good.Type, Version: good.Version + 1, Body: good.Body},
		"version zero": {Type: good.Type, Body: good.Body},
	} {
		var unknown *UnknownError
		if _, err := Decode(e); !errors.As(err, &unknown) || unknown.Type != e.Type || unknown.Version != e.Version {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := Name(eventlog.Event{Type: 9999}); got != "event type 9999" {
		t.Errorf("name %q", got)
	}
}

func TestMalformedEvents(t *testing.T) {
	peer := Encode(keyengine.PeerSeen{Region: "eu-west-1", Life: 1})
	thawed := Encode(keyengine.FamilyEvent{Ref: keyengine.Ref{Account: "1", KeyID: "a/b"}, Event: family.Thawed{}})
	for name, e := range map[string]eventlog.Event{
		"empty":         {Type: peer.Type, Version: 1},
		"cut off":       {Type: peer.Type, Version: 1, Body: peer.Body[:len(peer.Body)-1]},
		"trailing":      {Type: peer.Type, Version: 1, Body: append(bytes.Clone(peer.Body), 0)},
		"another type":  {Type: 1, Version: 1, Body: peer.Body},
		"too long":      {Type: peer.Type, Version: 1, Body: make([]byte, MaxEventBytes+1)},
		"no key's name": thawed,
	} {
		var unknown *UnknownError
		if _, err := Decode(e); err == nil || errors.As(err, &unknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func record() *eventlog.Record {
	return &eventlog.Record{
		Version: eventlog.RecordVersion, Term: 3, At: 1767225600000,
		Commands: []eventlog.Command{
			{RequestID: "r1", Dedup: bytes.Repeat([]byte{7}, 32), Operation: "SeePeer", Caller: "meridian", Reply: canonical.Marshal("ok"), Events: 1},
			{RequestID: "r2", Operation: "EnableKey"},
		},
		Events: []eventlog.Event{Encode(keyengine.PeerSeen{Region: "eu-west-1", Life: 2})},
	}
}

// TestGoldenEntry: the frame of an entry of the log, byte for byte.
func TestGoldenEntry(t *testing.T) {
	secrets := []eventlog.Secret{{ID: [32]byte{1, 2, 3}, Leaf: 9, Wrapped: []byte{4, 5, 6}}}
	entry := EncodeEntry(record(), secrets)
	const file = "testdata/entry.hex"
	got := hex.EncodeToString(entry) + "\n"
	if want, err := os.ReadFile(file); errors.Is(err, os.ErrNotExist) && *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if err != nil || got != string(want) {
		t.Errorf("%v: the bytes of an entry changed:\n%s", err, got)
	}

	raw, back, err := SplitEntry(entry)
	if err != nil || !reflect.DeepEqual(back, secrets) {
		t.Fatalf("split: %v, %v", back, err)
	}
	rec, err := DecodeRecord(raw)
	if err != nil || !reflect.DeepEqual(rec, record()) {
		t.Fatalf("decode: %+v, %v", rec, err)
	}
}

func TestEntryWithoutSecrets(t *testing.T) {
	raw, secrets, err := SplitEntry(EncodeEntry(record(), nil))
	if err != nil || len(secrets) != 0 || !bytes.Equal(raw, canonical.Marshal(record())) {
		t.Errorf("%v, %v", secrets, err)
	}
}

func TestMalformedEntries(t *testing.T) {
	entry := EncodeEntry(record(), nil)
	for n := range len(entry) {
		if _, _, err := SplitEntry(entry[:n]); !errors.Is(err, ErrEntry) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	huge := eventlog.Secret{Wrapped: make([]byte, MaxWrappedBytes+1)}
	for name, data := range map[string][]byte{
		"trailing":       append(bytes.Clone(entry), 0),
		"too long":       make([]byte, MaxEntryBytes+1),
		"huge secret":    EncodeEntry(record(), []eventlog.Secret{huge}),
		"many secrets":   EncodeEntry(record(), make([]eventlog.Secret, MaxSecrets+1)),
		"length of hell": bytes.Repeat([]byte{0xff}, 64),
	} {
		if _, _, err := SplitEntry(data); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformedRecords(t *testing.T) {
	for name, spoil := range map[string]func(*eventlog.Record){
		"version zero":    func(r *eventlog.Record) { r.Version = 0 },
		"newer version":   func(r *eventlog.Record) { r.Version++ },
		"event too many":  func(r *eventlog.Record) { r.Events = append(r.Events, r.Events[0]) },
		"event too few":   func(r *eventlog.Record) { r.Events = nil },
		"negative events": func(r *eventlog.Record) { r.Commands[0].Events, r.Commands[1].Events = 2, -1 },
		"short dedup key": func(r *eventlog.Record) { r.Commands[0].Dedup = []byte{1} },
		"huge reply":      func(r *eventlog.Record) { r.Commands[0].Reply = canonical.Marshal(make([]byte, maxReplyBytes)) },
		"many commands":   func(r *eventlog.Record) { r.Commands = make([]eventlog.Command, MaxCommands+1) },
	} {
		r := record()
		spoil(r)
		if _, err := DecodeRecord(canonical.Marshal(r)); err == nil {
			t.Errorf("%s: decodes", name)
		}
	}
}

// TestDescribe: ids as text, empty fields left out.
func TestDescribe(t *testing.T) {
	e := keyengine.FamilyEvent{
		Ref: keyengine.Ref{Account: "111122223333", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab"},
		Event: family.StatusReceived{Status: family.Status{
			From: "eu-west-1", Inc: family.Version{Epoch: 1, Seq: 2}, SV: 3, State: family.Enabled,
			Held: []family.MaterialID{{0xab}},
		}},
	}
	name, key, content, err := Describe(Encode(e))
	want := `{"status":{"from":"eu-west-1","inc":"1.2","sv":3,"state":"Enabled","held":["ab` + strings.Repeat("00", 31) + `"]}}`
	if err != nil || name != "StatusReceived" || key != e.Ref.KeyID || string(content) != want {
		t.Errorf("%s %s %v\n%s\n%s", name, key, err, content, want)
	}
	if name, _, _, err := Describe(eventlog.Event{Type: 9999, Version: 1}); err == nil || name != "event type 9999" {
		t.Errorf("unknown: %s %v", name, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, k := range kinds() {
		e := Encode(sample(k))
		f.Add(e.Type, e.Version, []byte(e.Body))
	}
	f.Fuzz(func(t *testing.T, number uint16, version uint8, body []byte) {
		in := eventlog.Event{Type: number, Version: version, Body: body}
		e, err := Decode(in)
		if err != nil {
			return
		}
		again := Encode(e)
		back, err := Decode(again)
		if err != nil || !bytes.Equal(Encode(back).Body, again.Body) {
			t.Fatalf("%s: its own bytes do not decode: %v", Name(in), err)
		}
		if _, _, _, err := Describe(again); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzSplitEntry(f *testing.F) {
	f.Add(EncodeEntry(record(), nil))
	f.Add(EncodeEntry(record(), []eventlog.Secret{{Leaf: 1, Wrapped: []byte{1}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, secrets, err := SplitEntry(data)
		if err != nil {
			return
		}
		if len(raw) > len(data) || len(secrets) > MaxSecrets {
			t.Fatalf("%d bytes, %d secrets of %d bytes", len(raw), len(secrets), len(data))
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(canonical.Marshal(record()))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := DecodeRecord(data)
		if err != nil {
			return
		}
		if _, err := DecodeRecord(canonical.Marshal(rec)); err != nil {
			t.Fatalf("its own bytes do not decode: %v", err)
		}
	})
}
