package lagprofile

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestPresets shows what each profile that is built in means.
func TestPresets(t *testing.T) {
	var b strings.Builder
	for _, name := range Presets() {
		p, err := Preset(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.Name != name {
			t.Errorf("the file of %s is called %q", name, p.Name)
		}
		fmt.Fprintf(&b, "%s: at most %v, a hand-off may take %v\n", name, p.Longest(), p.Handoff(30*time.Second))
		for _, c := range Classes() {
			if d, ok := p.Classes[c]; ok {
				fmt.Fprintf(&b, "  %-10s p1 %-8v p50 %-8v p99 %-9v %v\n", c, d.At(0.01), d.At(0.5), d.At(0.99), d)
			}
		}
		fmt.Fprintf(&b, "  %-10s p1 %-8v p50 %-8v p99 %v\n", "grants", p.Grants.At(0.01), p.Grants.At(0.5), p.Grants.At(0.99))
	}
	file := filepath.Join("testdata", "presets.txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("presets differ from %s; run with -update if that is meant:\n%s", file, b.String())
	}
}

func TestDefectsAreNamedWithTheirLines(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "line 1: the file is empty"},
		{"name: x\nclases: {}\n", "line 2: a lag profile has no member \"clases\" (did you mean classes?)"},
		{"classes:\n  creation: soon\n", "line 2: must be a delay such as"},
		{"classes:\n  creation: -3s\n", "line 2: must be a delay such as"},
		{"classes:\n  creation: 200h\n", "line 2: must be a delay such as"},
		{"classes:\n  birth: 3s\n", "line 2: classes has no member \"birth\""},
		{"classes:\n  creation: {uniform: [3s, 1s]}\n", "line 2: uniform: the delays do not grow"},
		{"classes:\n  creation: {uniform: [3s]}\n", "line 2: uniform has 2 delay(s), not 1"},
		{"classes:\n  creation: {uniform: [1s, 2s], constant: 3s}\n", "line 2: a distribution has one shape, not 2"},
		{"classes:\n  creation: {}\n", "line 2: a distribution has one shape, not 0"},
		{"classes:\n  creation: {exponential: 3s}\n", "line 2: exponential needs `most`"},
		{"classes:\n  creation: {lognormal: [0s, 1s], most: 9s}\n", "line 2: lognormal: 0s is no middle"},
		{"classes:\n  creation: {percentiles: {p50: 1s, p100: 2s}}\n", "line 2: percentiles needs 2 to 32 points"},
		{"classes:\n  creation: {percentiles: {p0: 1s, p0: 2s, p100: 3s}}\n", "line 2: percentiles: the points do not grow"},
		{"classes:\n  creation: {percentiles: {p0: 1s, half: 2s, p100: 3s}}\n", "line 2: \"half\" is no percentile"},
		{"links:\n- from: us-east-1\n  classes: {creation: 1s}\n", "line 2: a link needs from and to"},
		{"seed: -1\n", "line 1: seed must be a whole number"},
		{"name: " + strings.Repeat("n", 65), "a name of 65 bytes"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
}

func TestExceptionsOfLinks(t *testing.T) {
	p, err := Parse([]byte(`
classes: {properties: 1s, status: 2s}
links:
- {from: us-east-1, to: "*", classes: {properties: 5s}}
- {from: us-east-1, to: eu-west-1, both: true, classes: {properties: 9s}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		class    Class
		want     time.Duration
	}{
		{"eu-west-1", "ap-southeast-2", Properties, time.Second},
		{"us-east-1", "ap-southeast-2", Properties, 5 * time.Second},
		{"ap-southeast-2", "us-east-1", Properties, time.Second},
		{"us-east-1", "eu-west-1", Properties, 9 * time.Second},
		{"eu-west-1", "us-east-1", Properties, 9 * time.Second},
		{"eu-west-1", "us-east-1", Status, 2 * time.Second},
		{"eu-west-1", "us-east-1", Creation, 0},
	} {
		if got := p.Delay(Link{c.from, c.to}, c.class, "k", "v"); got != c.want {
			t.Errorf("%s -> %s %s: %v, want %v", c.from, c.to, c.class, got, c.want)
		}
	}
	q := p.With(Link{"eu-west-1", "us-east-1"}, false, Properties, Of(time.Minute))
	q = q.With(Link{"eu-west-1", "us-east-1"}, false, Properties, Of(time.Hour))
	if got := q.Delay(Link{"eu-west-1", "us-east-1"}, Properties, "k", "v"); got != time.Hour || len(q.Links) != 3 || len(p.Links) != 2 {
		t.Errorf("after a change: %v by %d links; the profile before has %d", got, len(q.Links), len(p.Links))
	}
	q = q.With(Link{}, true, "", Of(0))
	if q.Delay(Link{"eu-west-1", "us-east-1"}, Properties, "k", "v") != 0 {
		t.Error("a change of all links leaves one out")
	}
}

// TestDelaysFollowTheirDistribution: over many keys, delays lie where the distribution says, and are the same when
// asked again.
func TestDelaysFollowTheirDistribution(t *testing.T) {
	l := Link{"us-east-1", "eu-west-1"}
	for _, name := range Presets()[1:] {
		p, _ := Preset(name)
		for _, c := range Classes() {
			var delays []time.Duration
			for i := range 4000 {
				key := fmt.Sprint("mrk-", i)
				d := p.Delay(l, c, key, "1.1")
				if d != p.Delay(l, c, key, "1.1") {
					t.Fatalf("%s %s: the same question has two answers", name, c)
				}
				if d < 0 || d > p.Dist(l, c).Longest() {
					t.Fatalf("%s %s: %v is out of bounds", name, c, d)
				}
				delays = append(delays, d)
			}
			slices.Sort(delays)
			d := p.Dist(l, c)
			if got, low, high := delays[2000], d.At(0.45), d.At(0.55); got < low || got > high {
				t.Errorf("%s %s: the median %v is not between %v and %v", name, c, got, low, high)
			}
		}
		other := p
		other.Seed++
		same := 0
		for i := range 100 {
			if p.Delay(l, Properties, fmt.Sprint(i), "1.1") == other.Delay(l, Properties, fmt.Sprint(i), "1.1") {
				same++
			}
		}
		if same > 50 {
			t.Errorf("%s: another seed gives %d of 100 keys the same delay", name, same)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range Presets() {
		text, err := PresetText(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("classes: &a {creation: {percentiles: {p0: 1s, p100: 2s}}}\nlinks: [{from: a, to: b, classes: *a}]"))
	f.Add([]byte("classes: {status: {lognormal: [1s, 1s], most: 2s}, primary: {lognormal: [1ns, 168h], most: 168h}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("a profile that was read is none: %v", err)
		}
		for _, c := range Classes() {
			for _, u := range []float64{0, 0.3, 0.5, 0.999999, 1 - 1.0/(1<<53)} {
				d := p.Dist(Link{"a", "b"}, c)
				if got := d.At(u); got < 0 || got > d.Longest() {
					t.Fatalf("%v at %v is %v", d, u, got)
				}
			}
		}
		if p.Longest() > MaxDelay || p.Handoff(0) != 4*p.Longest() {
			t.Fatalf("longest %v, hand-off %v", p.Longest(), p.Handoff(0))
		}
	})
}
