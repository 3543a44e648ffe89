package timeline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"meridian/cluster/control"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorded reads the logs of a story that was played on real nodes: one event a line.
func recorded(t testing.TB) (events []control.Event, regions []string) {
	t.Helper()
	f, err := os.Open("testdata/story.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := json.NewDecoder(f); lines.More(); {
		var e control.Event
		if err := lines.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if events = append(events, e); !slices.Contains(regions, e.Region) {
			regions = append(regions, e.Region)
		}
	}
	return events, regions
}

// merge puts whole logs in order.
func merge(t testing.TB, events []control.Event, regions []string) (entries []Entry) {
	t.Helper()
	m := New(regions...)
	for _, e := range events {
		m.Push(e)
	}
	for _, r := range regions {
		m.Close(r)
	}
	for {
		e, ok := m.Next(Whole)
		if !ok {
			break
		}
		entries = append(entries, e)
	}
	if len(entries) != len(events) {
		t.Fatalf("%d events of %d", len(entries), len(events))
	}
	return entries
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || !bytes.Equal(want, got) {
		t.Errorf("%s: %v\n%s", file, err, got)
	}
}

func TestGolden(t *testing.T) {
	events, regions := recorded(t)
	entries := merge(t, events, regions)
	for name, show := range map[string]func(*bytes.Buffer) func(*Entry) error{
		"story.120.txt":   func(b *bytes.Buffer) func(*Entry) error { return NewDiagram(b, regions, 120, false, false).Draw },
		"story.80.txt":    func(b *bytes.Buffer) func(*Entry) error { return NewDiagram(b, regions, 80, false, false).Draw },
		"story.60.txt":    func(b *bytes.Buffer) func(*Entry) error { return NewDiagram(b, regions, 60, false, true).Draw },
		"story.colour":    func(b *bytes.Buffer) func(*Entry) error { return NewDiagram(b, regions, 100, true, true).Draw },
		"story.mermaid":   func(b *bytes.Buffer) func(*Entry) error { return export(t, b, "mermaid", regions).Add },
		"story.shiviz":    func(b *bytes.Buffer) func(*Entry) error { return export(t, b, "shiviz", regions).Add },
		"story.out.jsonl": func(b *bytes.Buffer) func(*Entry) error { return export(t, b, "json", regions).Add },
	} {
		var b bytes.Buffer
		draw := show(&b)
		for i := range entries {
			if err := draw(&entries[i]); err != nil {
				t.Fatal(err)
			}
		}
		golden(t, name, b.Bytes())
	}
}

func export(t *testing.T, b *bytes.Buffer, format string, regions []string) *Export {
	t.Helper()
	x, ok := NewExport(b, format, regions, false)
	if !ok {
		t.Fatalf("no export %s", format)
	}
	return x
}

// TestNoColumnIsLeft: a line is as wide as the terminal, at the most.
func TestNoColumnIsLeft(t *testing.T) {
	for _, width := range []int{80, 120} {
		file, err := os.Open(fmt.Sprintf("testdata/story.%d.txt", width))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if n := len([]rune(lines.Text())); n > width {
				t.Errorf("%d characters of %d: %s", n, width, lines.Text())
			}
		}
	}
}

// TestShiviz: the log is one that ShiViz's own expression takes apart, and its clocks are vector clocks: each host
// counts its events, and knows of no event that comes later.
func TestShiviz(t *testing.T) {
	log, err := os.ReadFile("testdata/story.shiviz")
	if err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile(`(\S*) (\{.*\})\n(.*)\n`).FindAllStringSubmatch(string(log), -1)
	if n := strings.Count(string(log), "\n"); n == 0 || len(parts)*2 != n {
		t.Fatalf("%d events in %d lines", len(parts), n)
	}
	count := map[string]uint64{}
	for _, p := range parts {
		clock := map[string]uint64{}
		if err := json.Unmarshal([]byte(p[2]), &clock); err != nil {
			t.Fatal(err)
		}
		count[p[1]]++
		if clock[p[1]] != count[p[1]] {
			t.Errorf("event %d of %s has the clock %v", count[p[1]], p[1], clock)
		}
		for host, n := range clock {
			if n > count[host] {
				t.Errorf("%s knows of event %d of %s, which is not there yet", p[0], n, host)
			}
		}
	}
}

// TestMermaid: only statements of the documented subset.
func TestMermaid(t *testing.T) {
	text, err := os.ReadFile("testdata/story.mermaid")
	if err != nil {
		t.Fatal(err)
	}
	statement := regexp.MustCompile(`^(sequenceDiagram|    participant R\d+ as [\w-]+|    R\d+->>R\d+: ([^;#{}<>%]|#\d+;)+|    Note over R\d+: ([^;#{}<>%]|#\d+;)+)$`)
	for l := range strings.Lines(string(text)) {
		if !statement.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Errorf("not a statement: %q", l)
		}
	}
	if got := mermaidText("a;b #1 end {x}\n"); got != "a#59;b #35;1 (end) #123;x#125;?" {
		t.Errorf("%q", got)
	}
}

// world makes logs of a history with random clocks: Regions write records of a few keys, and are told of them later.
type world struct {
	rand    *rand.Rand
	regions []string
	logs    map[string][]control.Event
	heard   map[string]map[string]int // by Region and key
	wrote   map[string]int            // versions of a key
	clock   map[string]int
	causes  map[place]place
	sent    map[string][]place // by key: where version i+1 was written
}

// place is an event.
type place struct {
	region string
	seq    uint64
}

func (w *world) event(region, kind, key, data string) place {
	w.clock[region] += w.rand.IntN(2000)
	at := uint64(len(w.logs[region]) + 1)
	w.logs[region] = append(w.logs[region], control.Event{
		Region: region, Seq: at, Type: kind, Key: key, Data: json.RawMessage(data),
		Time: fmt.Sprintf("2026-01-01T%02d:%02d:%02d.%03dZ", w.clock[region]/3600000, w.clock[region]/60000%60, w.clock[region]/1000%60, w.clock[region]%1000),
	})
	return place{region, at}
}

func play(seed uint64) *world {
	w := &world{
		rand: rand.New(rand.NewPCG(seed, 1)), regions: []string{"a", "b", "c"}, logs: map[string][]control.Event{},
		heard: map[string]map[string]int{}, wrote: map[string]int{}, clock: map[string]int{}, causes: map[place]place{}, sent: map[string][]place{},
	}
	for _, r := range w.regions {
		w.heard[r], w.clock[r] = map[string]int{}, w.rand.IntN(600_000)
	}
	writers := map[string]string{"k1": "a", "k2": "b", "k3": "a"}
	for range 60 {
		key := fmt.Sprintf("k%d", w.rand.IntN(3)+1)
		region := w.regions[w.rand.IntN(3)]
		switch {
		case region == writers[key]:
			w.wrote[key]++
			w.sent[key] = append(w.sent[key], w.event(region, "RotationSet", key, fmt.Sprintf(`{"record":{"version":"1.%d","writer":"%s"}}`, w.wrote[key], region)))
		case w.heard[region][key] < w.wrote[key]: // perhaps not the newest
			v := w.heard[region][key] + 1 + w.rand.IntN(w.wrote[key]-w.heard[region][key])
			w.heard[region][key] = v
			at := w.event(region, "RecordAccepted", key, fmt.Sprintf(`{"record":{"version":"1.%d","writer":"%s"}}`, v, writers[key]))
			w.causes[at] = w.sent[key][v-1]
		default:
			w.event(region, "KeyEnabled", key, `{}`)
		}
	}
	return w
}

// TestOrderIsALinearExtension: whatever the clocks show and in whatever pieces the logs arrive, the order is that of
// each log, and no message is received before it was written. Clocks say of two events which may know of the other.
func TestOrderIsALinearExtension(t *testing.T) {
	for seed := range uint64(400) {
		w := play(seed)
		m, left := New(w.regions...), maps.Clone(w.logs)
		var entries []Entry
		for len(left) > 0 {
			r := w.regions[w.rand.IntN(3)]
			if log := left[r]; len(log) > 0 {
				m.Push(log[0])
				left[r] = log[1:]
			} else if _, open := left[r]; open {
				m.Close(r)
				delete(left, r)
			}
			for patience := []Patience{Whole, Causes}[seed%2]; ; {
				e, ok := m.Next(patience)
				if !ok {
					break
				}
				entries = append(entries, e)
			}
		}
		for _, r := range w.regions { // one that never had an event
			m.Close(r)
		}
		for {
			e, ok := m.Next(Whole)
			if !ok {
				break
			}
			entries = append(entries, e)
		}
		var whole []control.Event
		for _, r := range w.regions {
			whole = append(whole, w.logs[r]...)
		}
		if seed%2 == 0 && !reflect.DeepEqual(entries, merge(t, whole, w.regions)) {
			t.Fatalf("seed %d: the order depends on how the logs arrive", seed)
		}
		if problem := w.judge(entries); problem != "" {
			t.Fatalf("seed %d: %s", seed, problem)
		}
	}
}

func (w *world) judge(entries []Entry) string {
	done, n := map[place]*Entry{}, 0
	for i := range entries {
		e := &entries[i]
		at := place{e.Region, e.Seq}
		if e.Seq > 1 && done[place{e.Region, e.Seq - 1}] == nil {
			return fmt.Sprintf("%v comes before its predecessor", at)
		}
		if cause, ok := w.causes[at]; ok {
			origin := done[cause]
			if origin == nil {
				return fmt.Sprintf("%v comes before its cause %v", at, cause)
			}
			if e.From == nil || e.From.Region != cause.region || e.From.Seq != cause.seq {
				return fmt.Sprintf("%v is said to come from %+v, not %v", at, e.From, cause)
			}
			for r, k := range origin.Clock {
				if e.Clock[r] < k {
					return fmt.Sprintf("%v has the clock %v, its cause %v", at, e.Clock, origin.Clock)
				}
			}
		}
		if e.Clock[e.Region] != e.Seq {
			return fmt.Sprintf("%v has the clock %v", at, e.Clock)
		}
		done[at] = e
		n++
	}
	for _, log := range w.logs {
		n -= len(log)
	}
	if n != 0 {
		return fmt.Sprintf("%d events too many", n)
	}
	return ""
}

// TestALogThatIsNotThere: a message whose sender cannot be asked, or forgot it, holds nothing up for ever.
func TestALogThatIsNotThere(t *testing.T) {
	accept := func(seq uint64, version string) control.Event {
		return control.Event{
			Region: "b", Seq: seq, Time: "2026-01-01T00:00:00Z", Type: "RecordAccepted", Key: "k",
			Data: json.RawMessage(fmt.Sprintf(`{"record":{"version":%q,"writer":"a"}}`, version)),
		}
	}
	m := New("a", "b")
	m.Push(accept(1, "1.7"))
	if e, ok := m.Next(Causes); ok {
		t.Errorf("did not wait for its cause: %+v", e)
	}
	if e, ok := m.Next(None); !ok || e.From == nil || e.From.Region != "a" || e.From.Seq != 0 {
		t.Errorf("%+v %v", e, ok)
	}
	m.Push(accept(2, "1.8"))
	m.Close("a")
	if e, ok := m.Next(Causes); !ok || e.Seq != 2 {
		t.Errorf("waits for a log that has ended: %+v %v", e, ok)
	}
	m = New("b") // a is not looked at
	m.Push(accept(3, "1.9"))
	if e, ok := m.Next(Whole); !ok || e.From == nil {
		t.Errorf("waits for a Region that is not looked at: %+v %v", e, ok)
	}
}

// TestFrom: what is hidden counts as a cause, and not in clocks.
func TestFrom(t *testing.T) {
	events, regions := recorded(t)
	m := New(regions...)
	m.From = 8
	for _, e := range events {
		m.Push(e)
	}
	for _, r := range regions {
		m.Close(r)
	}
	first := map[string]bool{}
	for {
		e, ok := m.Next(Whole)
		if !ok {
			break
		}
		if e.Hidden != (e.Seq < 8) || !e.Hidden && !first[e.Region] && e.Clock[e.Region] != 1 {
			t.Errorf("%s %d has the clock %v", e.Region, e.Seq, e.Clock)
		}
		if !e.Hidden {
			first[e.Region] = true
		}
	}
	if len(first) == 0 {
		t.Error("nothing is shown")
	}
}

// FuzzDraw: whatever an event says, it is one event, and no byte of it reaches a terminal as a command.
func FuzzDraw(f *testing.F) {
	f.Add("RecordAccepted", "mrk-1", `{"record":{"version":"1.2","writer":"a"}}`, "2026-01-01T00:00:00Z")
	f.Add("AlarmRaised", "\x1b[2J", `{"reason":"\u001b[31m \u202e"}`, "now")
	f.Add("StatusReceived", "", `{"status":{"from":"c","sv":18446744073709551615}}`, "")
	f.Fuzz(func(t *testing.T, name, key, data, at string) {
		m := New("a", "b")
		m.Push(control.Event{Region: "b", Seq: 1, Type: name, Key: key, Time: at, Data: json.RawMessage(data)})
		m.Close("a")
		e, ok := m.Next(Whole)
		if !ok {
			t.Fatal("the event is not there")
		}
		for _, width := range []int{0, 45, 120} {
			var b bytes.Buffer
			if err := NewDiagram(&b, []string{"a", "b"}, width, false, true).Draw(&e); err != nil {
				t.Fatal(err)
			}
			if bytes.ContainsAny(b.Bytes(), "\x1b\r\x07\x00") {
				t.Fatalf("%q", b.Bytes())
			}
		}
		for _, format := range []string{"mermaid", "shiviz"} {
			var b bytes.Buffer
			x, _ := NewExport(&b, format, []string{"a", "b"}, true)
			if err := x.Add(&e); err != nil {
				t.Fatal(err)
			}
			lines := bytes.Count(b.Bytes(), []byte("\n"))
			if want := map[string]int{"mermaid": 4, "shiviz": 2}[format]; lines != want && !(format == "mermaid" && e.From != nil && lines == 5) {
				t.Fatalf("%d lines: %q", lines, b.Bytes())
			}
		}
	})
}
