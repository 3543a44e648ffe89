package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"meridian/cluster/world"
	"meridian/replication/lagprofile"
)

// Verdict is how a scenario ended.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"  // something was not as expected
	Late    Verdict = "late"    // something did not come true in time
	Skipped Verdict = "skipped" // the world cannot play it
	Broken  Verdict = "broken"  // the world itself failed
	Stopped Verdict = "stopped" // somebody ended it before its end
)

// Step is what became of one step.
type Step struct {
	Line   int     `json:"line"`
	Text   string  `json:"text"`
	OK     bool    `json:"ok"`
	Want   string  `json:"want,omitempty"`
	Got    string  `json:"got,omitempty"`
	Second float64 `json:"second"` // of the scenario at which it ended
}

// Report is what became of a scenario.
type Report struct {
	Scenario string  `json:"scenario"`
	World    string  `json:"world"`
	Verdict  Verdict `json:"verdict"`
	Reason   string  `json:"reason,omitempty"` // why it was skipped, or how the world failed
	Steps    []Step  `json:"steps"`
	Decrypts int     `json:"decrypts"` // made meanwhile
	Seconds  float64 `json:"seconds"`
}

// wrong is an answer or a state that is not as expected.
type wrong struct {
	want, got string
	late      bool
}

func (w *wrong) Error() string { return "want " + w.want + ", got " + w.got }

// key is a key that a scenario made.
type key struct{ name, id, account string }

// runner plays a scenario.
type runner struct {
	scenario *Scenario
	world    world.World
	out      io.Writer
	began    time.Duration
	report   *Report

	vars     map[string]any
	ciphers  map[string]sealed
	sealedBy map[string]string // ids of keys, by the names of ciphertexts
	keys     []key
	last     world.Call
	lag      lagprofile.Profile // that the scenario put in force, if it did
	lagged   bool
	loseNext bool
	decrypts int
}

// errStop ends a run whose failure is in the report.
var errStop = errors.New("the scenario ended")

// Run plays a scenario in a world, and prints each step to out as it ends.
func Run(ctx context.Context, s *Scenario, w world.World, out io.Writer) Report {
	_, report := run(ctx, s, w, out)
	return report
}

func run(ctx context.Context, s *Scenario, w world.World, out io.Writer) (*runner, Report) {
	r := &runner{
		scenario: s, world: w, out: out, began: w.Now(),
		report: &Report{Scenario: s.Name, World: w.Name(), Verdict: Passed, Steps: []Step{}},
		vars:   map[string]any{}, ciphers: map[string]sealed{}, sealedBy: map[string]string{},
	}
	fmt.Fprintf(out, "%s (%s): %s\n", s.Name, w.Name(), s.Title)
	if why := Unable(s, w); why != "" {
		r.report.Verdict, r.report.Reason = Skipped, why
		fmt.Fprintf(out, "skipped: %s\n", why)
		return r, *r.report
	}
	if err := r.play(ctx, s.steps); err != nil && !errors.Is(err, errStop) {
		r.report.Verdict, r.report.Reason = Broken, err.Error()
	}
	r.report.Decrypts, r.report.Seconds = r.decrypts, (w.Now() - r.began).Seconds()
	if r.report.Verdict != Passed {
		fmt.Fprintf(out, "%s %s\n", r.report.Verdict, r.report.Reason)
		return r, *r.report
	}
	fmt.Fprintf(out, "passed: %d steps, %s\n", len(r.report.Steps), seconds(w.Now()-r.began))
	return r, *r.report
}

// Unable says why a world cannot play a scenario; empty: it can.
func Unable(s *Scenario, w world.World) string {
	if why, ok := s.Not[w.Name()]; ok {
		return why
	}
	for _, region := range s.Regions {
		if len(w.Nodes(region)) == 0 {
			return "there is no Region " + region
		}
		if n := len(w.Nodes(region)); n < s.Nodes {
			return fmt.Sprintf("%s has %d nodes, the scenario needs %d", region, n, s.Nodes)
		}
	}
	for _, f := range s.Needs() {
		if err := w.Can(f); err != nil {
			return err.Error()
		}
	}
	return ""
}

// play plays steps one after the other, and stops at the first that is not as expected.
func (r *runner) play(ctx context.Context, steps []step) error {
	for _, st := range steps {
		err := st.act.do(ctx, r)
		if errors.Is(err, errStop) {
			return err
		}
		result := Step{Line: st.line, Text: st.text, OK: err == nil, Second: (r.world.Now() - r.began).Seconds()}
		var w *wrong
		switch {
		case errors.As(err, &w):
			result.Want, result.Got = w.want, w.got
			r.report.Verdict = Failed
			if w.late {
				r.report.Verdict = Late
			}
			r.report.Reason = fmt.Sprintf("at line %d", st.line)
		case err != nil && ctx.Err() != nil:
			err = errors.New("it was stopped here")
			r.report.Verdict, r.report.Reason = Stopped, fmt.Sprintf("at line %d", st.line)
		case err != nil:
			r.report.Verdict, r.report.Reason = Broken, fmt.Sprintf("at line %d: %v", st.line, err)
		}
		r.report.Steps = append(r.report.Steps, result)
		r.print(st, result, err)
		if err != nil {
			return errStop
		}
	}
	return nil
}

// print prints a step: when it ended, how, and where it is in the text.
func (r *runner) print(st step, result Step, err error) {
	mark := "✓"
	if !result.OK {
		mark = "✗"
	}
	fmt.Fprintf(r.out, "%9s %s %3d  %s\n", seconds(r.world.Now()-r.began), mark, st.line, st.text)
	if err == nil {
		if c := callOf(st.act); c != nil {
			for _, e := range c.expected {
				fmt.Fprintf(r.out, "%9s ✓      %s\n", "", e)
			}
		}
		return
	}
	if result.Want != "" {
		fmt.Fprintf(r.out, "%16swant %s\n%16sgot  %s\n", "", result.Want, "", result.Got)
		return
	}
	fmt.Fprintf(r.out, "%16s%v\n", "", err)
}

// callOf is the call of a step that is one.
func callOf(a act) *call {
	switch a := a.(type) {
	case *call:
		return a
	case *again:
		return &a.call
	case *importing:
		return &a.call
	}
	return nil
}

// String is an expectation as it is written.
func (e expectation) String() string {
	switch {
	case e.code == world.Unavailable:
		return e.code
	case e.said != "":
		return fmt.Sprintf("error %s saying %q", e.code, e.said)
	case e.code != "":
		return "error " + e.code
	case e.op == "exists" || e.op == "absent":
		return e.path + " " + e.op
	}
	b, _ := json.Marshal(e.value) // it was read from JSON
	return e.path + " " + e.op + " " + unquote(string(b))
}

// seconds prints a time as a scenario's clock does.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// invocation names a call: a scenario that is played twice in one world makes other calls.
func (r *runner) invocation() string { return uuid.NewString() }

// describe asks a place about a key.
func (r *runner) describe(ctx context.Context, place, name string) (a world.Answer, out any, err error) {
	a, err = ask(ctx, r.world, place, r.accountOf(name), "DescribeKey", "", map[string]any{"KeyId": r.vars[name]})
	if err == nil && a.Code == "" {
		err = json.Unmarshal(a.Output, &out)
	}
	return a, out, err
}

// accountOf is the account that a key was made in.
func (r *runner) accountOf(name string) string {
	for _, k := range r.keys {
		if k.name == name {
			return k.account
		}
	}
	return ""
}
