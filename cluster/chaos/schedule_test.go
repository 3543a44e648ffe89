package chaos

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

func three() Shape {
	return Shape{Regions: []string{"us-east-1", "eu-west-1", "ap-southeast-2"}, Nodes: 3}
}

// TestSeedGivesFaultsAndCalls holds the faults and the first calls of a seed in a file: they are the same tomorrow.
func TestSeedGivesFaultsAndCalls(t *testing.T) {
	var b strings.Builder
	b.WriteString("# seed 7, a minute\n" + Draw(7, three(), time.Minute).String())
	for client := range 2 {
		script := NewScript(7, client, three(), DefaultPace)
		for range 12 {
			s := script.Next()
			b.WriteString(strings.Join([]string{"#", s.Text + ":", s.Operation, string(s.Class), s.Region, s.Other, s.Alias, s.Pause.Round(time.Microsecond).String()}, " ") + "\n")
		}
	}
	file := filepath.Join("testdata", "seed7.txt")
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
		t.Errorf("seed 7 gives something else than %s; -update writes it anew:\n%s", file, b.String())
	}
	if reflect.DeepEqual(Draw(7, three(), time.Minute), Draw(8, three(), time.Minute)) {
		t.Error("seeds 7 and 8 give the same faults")
	}
}

// TestDrawnSchedules are what a run accepts: valid, within the time, of many kinds, and never two faults at a time on
// nodes.
func TestDrawnSchedules(t *testing.T) {
	for seed := range uint64(300) {
		shape, length := three(), 25*time.Second+time.Duration(seed)*time.Second
		if seed%3 == 1 {
			shape.Nodes = 1
		}
		s := Draw(seed, shape, length)
		if shape.Nodes == 3 && s.Kinds() < 5 {
			t.Errorf("seed %d: only %d kinds of faults in %s:\n%s", seed, s.Kinds(), length, s)
		}
		var busy time.Duration // until when nodes are
		for _, f := range s {
			if err := f.Validate(); err != nil {
				t.Errorf("seed %d: %s: %v", seed, f, err)
			}
			if f.At+f.For > length-calm {
				t.Errorf("seed %d: %s at %s goes on too long for a load of %s", seed, f, f.At, length)
			}
			if f.Kind == Clock || len(f.regions()) > 0 {
				if f.At < busy {
					t.Errorf("seed %d: %s begins at %s, before the one before has ended", seed, f, f.At)
				}
				busy = f.At + f.For
			}
		}
		again, err := ParseSchedule(s.String())
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("seed %d: read again it is another schedule (%v):\n%s%s", seed, err, s, again)
		}
	}
}

// TestScriptsDoEverything finds each operation of the mix in the steps of a client, and no text twice.
func TestScriptsDoEverything(t *testing.T) {
	texts, ops := map[string]bool{}, map[string]int{}
	for client := range 3 {
		script := NewScript(1, client, three(), 0)
		for range 1000 {
			s := script.Next()
			if texts[s.Text] {
				t.Fatalf("%q twice", s.Text)
			}
			texts[s.Text] = true
			ops[string(s.Class)+s.Operation]++
			if home := three().Regions[client/2]; client%2 == 0 && s.Region != home {
				t.Fatalf("client %d, who stays in %s, calls %s", client+1, home, s.Region)
			}
			if s.Region == s.Other || !slices.Contains(three().Regions, s.Other) {
				t.Fatalf("%+v", s)
			}
		}
	}
	for _, w := range mix() {
		if ops[string(w.class)+w.op] == 0 {
			t.Errorf("no %s of a %s key in 3000 steps", w.op, w.class)
		}
	}
}

// TestParseScheduleRefuses names the line and what is wrong with it.
func TestParseScheduleRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"1s":                                      "a line is a time",
		"soon kill us-east-1/1 for 1s":            "invalid duration",
		"1s explode us-east-1":                    `no fault "explode"`,
		"1s kill us-east-1/1":                     "needs a time to last",
		"1s kill for 1s":                          "takes 1 place(s), not 0",
		"1s cut us-east-1 for 1s":                 "takes 2 place(s), not 1",
		"1s cut us-east-1 us-east-1 for 1s":       "twice",
		"1s cut a b/c/d for 1s":                   "is no place",
		"1s isolate us-east-1/majority for 1s":    "cannot be done",
		"1s replace us-east-1":                    "cannot be done",
		"1s roll us-east-1 for 3s":                "ends by itself",
		"1s delay a b for 3s":                     "a delay of 0s",
		"1s drop a b p 2 for 3s":                  "probability 2",
		"1s drop a b p NaN for 3s":                "probability NaN",
		"1s drop a b by 2s for 3s":                `takes no "by"`,
		"1s clock ahead 9000h":                    "a jump of",
		"1s cut a b for":                          `nothing follows "for"`,
		"-1s cut a b for 1s":                      "is not a time",
		"# fine\n\n1s cut a b for 1s\n2s cut a\n": "line 4",
	} {
		if _, err := ParseSchedule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzParseSchedule never breaks, and what it accepts it prints and reads the same.
func FuzzParseSchedule(f *testing.F) {
	f.Add(Draw(7, three(), time.Minute).String())
	f.Add("1s drop a b p 0.25 for 3s # a comment\n0s swizzle for 1ms\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := ParseSchedule(s.String())
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("%q became %q: %v", s, again, err)
		}
	})
}
