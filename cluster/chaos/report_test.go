package chaos

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"meridian/cluster/check"
	"meridian/cluster/control"
	"meridian/cluster/history"
)

// written is a history of a client that writes and reads a key, and a report of a run in which it came about.
func written() (*history.History, *Report) {
	h := &history.History{}
	call := func(op string, at int64, ask history.Ask, answer history.Answer) {
		h.Entries = append(h.Entries, history.Entry{
			Client: "c1", Region: "us-east-1", Level: "strong", Operation: op, Start: at * 1e9, End: at*1e9 + 1e7, Outcome: history.OK, Ask: ask, Answer: answer,
		})
	}
	key := history.Answer{Key: "k1", State: "Enabled", Description: "one", Material: "m"}
	call("CreateKey", 1, history.Ask{Description: "one"}, key)
	call("DescribeKey", 2, history.Ask{Key: "k1"}, key)
	call("DescribeKey", 20, history.Ask{Key: "k1"}, key)
	r := &Report{
		Seed: 7, Version: "v <1>", Shape: three(), For: "20s", LoadBegin: 0, Schedule: "1s cut us-east-1 eu-west-1 for 2s\n",
		Faults: []Applied{
			{Fault: Fault{Kind: Cut, Places: []string{"us-east-1", "eu-west-1"}, For: 2e9}, Text: "cut us-east-1 eu-west-1 for 2s", Begin: 1e9, End: 3e9},
			{Fault: Fault{Kind: Kill, Places: []string{"us-east-1/leader"}, For: 2e9}, Text: "kill us-east-1/leader for 2s", Nodes: []string{"us-east-1/2"}, Begin: 2e9, End: 5e9},
		},
		Samples: []Sample{
			{At: 1e9, Lags: []control.Lag{{From: "us-east-1", To: "eu-west-1", PendingKeys: 3, OldestMillis: 700}}, Silent: []string{"us-east-1"}},
			{At: 2e9, Lags: []control.Lag{{From: "us-east-1", To: "eu-west-1"}}},
		},
		Loops: []*Loop{{Region: "us-east-1", Calls: 10, Failures: []LoopFailure{}}},
	}
	return h, r
}

// pageOf is the page of a report. It must be well formed, and need nothing else.
func pageOf(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(b.String(), "<!DOCTYPE html>")))
	d.Strict, d.AutoClose, d.Entity = false, []string{"meta"}, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
	}
	for _, outside := range []string{"<script", "src=", "http:", "https:", "url(", "@import"} {
		if strings.Contains(b.String(), outside) {
			t.Errorf("the page has %q: it needs something else", outside)
		}
	}
	return b.String()
}

// TestReport is the page of a run in which all went well.
func TestReport(t *testing.T) {
	h, r := written()
	r.judge(h, check.Options{})
	if r.Word() != "ok" || r.Calls != 3 || r.Writes != 1 || r.Leadless["us-east-1"] != time.Second {
		t.Errorf("%+v", r)
	}
	page := pageOf(t, r)
	for _, want := range []string{
		"<title>Chaos, seed 7: ok</title>", "v &lt;1&gt;", "cut us-east-1 eu-west-1 for 2s", "us-east-1 → eu-west-1",
		`<rect class="band links"`, `<rect class="band nodes"`, "prefers-color-scheme: dark", `role="img"`, "no leader: us-east-1",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestNumbersOfManyFaultsDoNotOverlap: each chip is as wide as its number, or shows none.
func TestNumbersOfManyFaultsDoNotOverlap(t *testing.T) {
	for _, faults := range []int{numbered, 1500} {
		r := &Report{LoadBegin: 0, End: 3600e9}
		for i := range int64(faults) {
			begin := i * (3600e9 / int64(faults))
			r.Faults = append(r.Faults, Applied{Fault: Fault{Kind: Cut}, Begin: begin, End: begin + 2e9 + i%7*20e9})
		}
		chips, _ := r.chips()
		shown := 0
		for _, c := range chips {
			if c.Number != "" {
				shown++
			}
			if c.W < float64(7*len(c.Number)) {
				t.Errorf("%d faults: number %s stands in %.1f units", faults, c.Number, c.W)
			}
		}
		if shown == 0 || (shown == faults) != (faults <= numbered) {
			t.Errorf("%d of %d faults show their number", shown, faults)
		}
	}
}

// TestLostWriteTurnsTheReportRed adds to a good history an acknowledged write that nobody reads afterwards.
func TestLostWriteTurnsTheReportRed(t *testing.T) {
	h, r := written()
	lost := history.Entry{
		Client: "c2", Region: "us-east-1", Operation: "UpdateKeyDescription", Start: 5e9, End: 6e9, Outcome: history.OK,
		Ask: history.Ask{Key: "k1", Description: "two"},
	}
	last := len(h.Entries) - 1
	h.Entries = append(h.Entries[:last:last], lost, h.Entries[last])
	r.judge(h, check.Options{})
	if !r.Violated() {
		t.Fatalf("nobody noticed:\n%s", r)
	}
	page := pageOf(t, r)
	for _, want := range []string{": VIOLATED</title>", `class="banner VIOLATED"`, `<td class="VIOLATED">`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestJudgeLoops excuses a failed Decrypt only where and while its Region had no majority.
func TestJudgeLoops(t *testing.T) {
	fault := func(kind Kind, place string) Applied {
		return Applied{Fault: Fault{Kind: kind, Places: []string{place}}, Begin: 10e9, End: 20e9}
	}
	for _, c := range []struct {
		name    string
		nodes   int
		fault   Applied
		at      int64
		excused bool
	}{
		{"a whole Region is killed", 3, fault(Kill, "us-east-1"), 15e9, true},
		{"a majority stands still", 3, fault(Pause, "us-east-1/majority"), 15e9, true},
		{"it has just come back", 3, fault(Kill, "us-east-1"), 24e9, true},
		{"it came back long ago", 3, fault(Kill, "us-east-1"), 26e9, false},
		{"it is yet to be killed", 3, fault(Kill, "us-east-1"), 5e9, false},
		{"another Region is killed", 3, fault(Kill, "eu-west-1"), 15e9, false},
		{"only the leader is killed", 3, fault(Kill, "us-east-1/leader"), 15e9, false},
		{"the only node is killed", 1, fault(Kill, "us-east-1/1"), 15e9, true},
		{"the Region is cut off", 3, fault(Isolate, "us-east-1"), 15e9, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &Loop{Region: "us-east-1", Calls: 9, Failures: []LoopFailure{{Start: c.at, End: c.at + 1e8, Says: "no"}}}
			v := judgeLoops([]*Loop{l}, []Applied{c.fault}, c.nodes)
			if l.Failures[0].Excused != c.excused || c.excused != (v.Violation == "") {
				t.Errorf("excused %t, violation %q", l.Failures[0].Excused, v.Violation)
			}
		})
	}
}
