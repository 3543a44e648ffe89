package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tour is a fault of each sort, close together.
const tour = `
0.5s  kill us-east-1/leader for 1500ms
0.7s  cut eu-west-1 ap-southeast-2 for 2s
2s    pause eu-west-1/leader for 3s
3s    one-way us-east-1 eu-west-1 for 2s
4s    isolate ap-southeast-2/leader for 4s
5.5s  swizzle for 3s
6s    flap us-east-1/leader us-east-1 for 2s
9s    wipe-broker for 500ms
9.5s  kill eu-west-1 for 1s
10s   drop us-east-1 ap-southeast-2 p 0.5 for 2s
11s   clock ahead 200h
12s   duplicate us-east-1 eu-west-1 p 0.5 for 2s
13s   delay us-east-1 ap-southeast-2 by 300ms for 2s
13s   cut us-east-1/1 us-east-1/2 for 2s
15s   replace ap-southeast-2/2
16s   isolate eu-west-1 for 2s
`

// TestChaos breaks the cluster for twenty seconds while clients use it. All judges must be content, and those who judge a
// history in which a write is lost must not.
func TestChaos(t *testing.T) {
	c := breakable(t)
	folder := t.TempDir()
	page, calls := filepath.Join(folder, "chaos.html"), filepath.Join(folder, "chaos.jsonl")
	faults := filepath.Join(folder, "faults.txt")
	ok(t, os.WriteFile(faults, []byte(tour), 0o600))
	out, err := c.run("chaos", "--running", "--for", "20s", "--seed", "7", "--schedule", faults, "--report", page, "--history", calls, "-o", "json")
	var report struct {
		Seed          uint64
		Calls         int
		KindsOfFaults int
		Faults        []struct{ Text, Error string }
		Verdicts      []struct {
			Judge                string
			Checked              int
			Violation, Undecided string
		}
	}
	if broken := json.Unmarshal([]byte(out), &report); broken != nil {
		t.Fatalf("%v; the report: %v", err, broken)
	}
	t.Logf("seed %d: %d calls, %d faults of %d kinds", report.Seed, report.Calls, len(report.Faults), report.KindsOfFaults)
	if err != nil || report.Calls < 500 || report.KindsOfFaults < 10 {
		t.Errorf("seed %d: %d calls, %d kinds of faults: %v", report.Seed, report.Calls, report.KindsOfFaults, err)
	}
	for _, f := range report.Faults {
		if f.Error != "" {
			t.Errorf("fault %s: %s", f.Text, f.Error)
		}
	}
	for _, v := range report.Verdicts {
		if v.Violation != "" || v.Undecided != "" || v.Checked == 0 {
			t.Errorf("judge %s looked at %d calls: %s%s", v.Judge, v.Checked, v.Violation, v.Undecided)
		}
	}
	text, err := os.ReadFile(page)
	ok(t, err)
	for _, want := range []string{"<title>Chaos, seed", "linearizable", "decrypt loop", "</html>"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if out, err := c.run("check", calls); err != nil {
		t.Errorf("the history judged again: %v\n%s", err, out)
	}
	out, err = c.run("chaos", "--running", "--for", "1s", "--seed", "3", "--plant", "--report", page)
	if err == nil || !strings.Contains(out, "a write that is lost") || !strings.Contains(out, "linearizable  VIOLATED") {
		t.Errorf("a planted violation was not found: %v\n%s", err, out)
	}
}
