package fault

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestTableChanges(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cut := Rule{Kind: Partition, A: "a", B: "b"}
	slow := Rule{Kind: Delay, A: "a", B: "c", Latency: time.Second}
	over := Rule{Kind: Partition, A: "x", B: "y", Until: now}
	var tab Table
	steps := []struct {
		name string
		do   func(Table) Table
		want []Rule
	}{
		{"add", func(t Table) Table { return t.With(cut, now) }, []Rule{cut}},
		{"add one that ends now", func(t Table) Table { return t.With(over, now) }, []Rule{cut, over}},
		{"ended rules go", func(t Table) Table { return t.With(slow, now) }, []Rule{cut, slow}},
		{"the same again, named the other way", func(t Table) Table {
			return t.With(Rule{Kind: Partition, A: "b", B: "a", Until: now.Add(1)}, now)
		}, []Rule{slow, {Kind: Partition, A: "b", B: "a", Until: now.Add(1)}}},
		{"one way stands beside", func(t Table) Table {
			return t.With(Rule{Kind: Delay, A: "a", B: "c", OneWay: true, Latency: 1}, now.Add(1))
		}, []Rule{slow, {Kind: Delay, A: "a", B: "c", OneWay: true, Latency: 1}}},
		{
			"heal another pair", func(t Table) Table { return t.Without("a", "b", now) },
			[]Rule{slow, {Kind: Delay, A: "a", B: "c", OneWay: true, Latency: 1}},
		},
		{"heal a pair, either order", func(t Table) Table { return t.Without("c", "a", now) }, []Rule{}},
		{"add again", func(t Table) Table { return t.With(cut, now) }, []Rule{cut}},
		{"heal everything", func(t Table) Table { return t.Without("", "", now) }, []Rule{}},
	}
	for i, step := range steps {
		tab = step.do(tab)
		if len(tab.Rules) != len(step.want) || len(tab.Rules) > 0 && !reflect.DeepEqual(tab.Rules, step.want) {
			t.Fatalf("%s: rules are %v, want %v", step.name, tab.Rules, step.want)
		}
		if tab.Version != uint64(i+1) || tab.Format != Format {
			t.Fatalf("%s: version %d of format %d", step.name, tab.Version, tab.Format)
		}
	}
}

func TestRuleValidate(t *testing.T) {
	for _, r := range []Rule{
		{Kind: "melt", A: "a", B: "b"},
		{Kind: Partition, A: "", B: "b"},
		{Kind: Partition, A: "a/1/2", B: "b"},
		{Kind: Delay, A: "a", B: "b"},
		{Kind: Delay, A: "a", B: "b", Latency: time.Hour},
		{Kind: Delay, A: "a", B: "b", Latency: 1, Jitter: 2},
		{Kind: Drop, A: "a", B: "b"},
		{Kind: Drop, A: "a", B: "b", P: 1.5},
	} {
		if r.Validate() == nil {
			t.Errorf("%+v was accepted", r)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faults.json")
	if tab, err := Load(path); err != nil || tab.Version != 0 || tab.Validate() != nil {
		t.Errorf("a file that is not there: %+v, %v", tab, err)
	}
	for name, content := range map[string]string{
		"newer":   `{"format":2,"version":1,"rules":[]}`,
		"garbage": `{"format":`,
	} {
		os.WriteFile(path, []byte(content), 0o600)
		if _, err := Load(path); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format":1,"version":3,"rules":[{"kind":"partition","a":"us-east-1","b":"eu-west-1/2","oneWay":true}]}`))
	f.Add([]byte(`{"format":1,"version":3,"rules":[{"kind":"delay","a":"a","b":"b","latencyNanos":5,"until":"2026-01-02T03:04:05Z"}]}`))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, err := Parse(b)
		if err != nil {
			return
		}
		enc, err := json.Marshal(tab)
		if err != nil {
			t.Fatalf("an accepted table cannot be written: %v", err)
		}
		again, err := Parse(enc)
		if err != nil || !reflect.DeepEqual(len(tab.Rules), len(again.Rules)) || tab.Version != again.Version {
			t.Fatalf("round trip: %+v, %v", again, err)
		}
		if err := New("us-east-1/1", func(s string) string { return s }, 1).Set(tab); err != nil {
			t.Fatalf("an accepted table cannot be put in force: %v", err)
		}
	})
}
