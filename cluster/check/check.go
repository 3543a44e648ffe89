package check

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"meridian/cluster/history"
)

// Options of a judgement.
type Options struct {
	// Search is how long the search for an order may take for one object; zero: 30 s. An object whose search
	// takes longer is undecided.
	Search time.Duration
}

// A Verdict is what one judge says of a history.
type Verdict struct {
	Judge     string          `json:"judge"`
	Checked   int             `json:"checked"`             // calls that were looked at, or what Unit names
	Unit      string          `json:"unit,omitempty"`      // what was looked at; empty: calls
	Violation string          `json:"violation,omitempty"` // what is wrong, in a sentence; empty: nothing
	Undecided string          `json:"undecided,omitempty"` // what the judge could not find out
	Notes     []string        `json:"notes,omitempty"`     // figures
	Example   []history.Entry `json:"example,omitempty"`   // calls that cannot all be right
}

// OK reports whether the judge found nothing wrong and left nothing open.
func (v Verdict) OK() bool { return v.Violation == "" && v.Undecided == "" }

// Word is the verdict in a word. Who had nothing to look at found nothing out.
func (v Verdict) Word() string {
	switch {
	case v.Violation != "":
		return "VIOLATED"
	case v.Undecided != "":
		return "undecided"
	case v.Checked == 0:
		return "unjudged"
	}
	return "ok"
}

// String is the verdict for people, over several lines.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-13s %-9s %7d %s", v.Judge, v.Word(), v.Checked, cmp.Or(v.Unit, "calls"))
	for _, note := range v.Notes {
		fmt.Fprintf(&b, "\n    %s", note)
	}
	for _, text := range []string{v.Violation, v.Undecided} {
		if text != "" {
			fmt.Fprintf(&b, "\n    %s", text)
		}
	}
	for _, e := range v.Example {
		fmt.Fprintf(&b, "\n      %s", e)
	}
	return b.String()
}

// All asks every judge.
func All(h *history.History, o Options) []Verdict {
	return []Verdict{Linearizable(h, o), Sessions(h), Fresh(h), Decrypts(h), Converged(h)}
}
