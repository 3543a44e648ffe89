package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Format is the version of the form of a history. A newer one is refused.
const Format = 1

// Limits of a history that is read.
const (
	maxLine    = 1 << 20 // bytes
	maxEntries = 10_000_000
)

// A History is what was recorded.
type History struct {
	Header  Header
	Entries []Entry // in the order of their ends
	Marks   []Mark
}

// Header is the first line of a history.
type Header struct {
	Format  int    `json:"history"`
	Cluster string `json:"cluster,omitempty"` // its id
	Seed    uint64 `json:"seed,omitempty"`    // of the workload that was recorded, if it had one
	About   string `json:"about,omitempty"`
}

// Outcome is what a client knows after a call.
type Outcome string

// Outcomes. Unknown: the call may have been carried out or not, or still be on its way.
const (
	OK      Outcome = "ok"
	Fault   Outcome = "fault"
	Unknown Outcome = "unknown"
)

// An Entry is one call, all its attempts together.
type Entry struct {
	Client    string  `json:"client"`            // one client's entries do not overlap
	Region    string  `json:"region"`            // that it asked
	Node      string  `json:"node,omitempty"`    // that answered
	Account   string  `json:"account,omitempty"` // of the caller; empty: the account of zeros, or not known
	Level     string  `json:"level,omitempty"`   // of consistency that it asked for; empty: none
	Session   string  `json:"session,omitempty"` // the answer's session token
	After     string  `json:"after,omitempty"`   // the session token that was sent: the place that the answer must not be before
	Stale     string  `json:"stale,omitempty"`   // how old the answer says it may be, in milliseconds
	Operation string  `json:"op"`
	Start     int64   `json:"start"` // nanoseconds since the recorder began, monotonic
	End       int64   `json:"end"`
	Outcome   Outcome `json:"outcome"`
	Code      string  `json:"code,omitempty"` // of the fault
	Ask       Ask     `json:"ask,omitzero"`
	Answer    Answer  `json:"answer,omitzero"`
}

// Ask is what a call asked, as far as a judge needs it.
type Ask struct {
	Key         string `json:"key,omitempty"`   // key id
	Alias       string `json:"alias,omitempty"` // name, where the key was named by it or the call is about it
	Target      string `json:"target,omitempty"`
	Description string `json:"description,omitempty"`
	ToRegion    string `json:"toRegion,omitempty"`
	Grant       string `json:"grant,omitempty"`
	Blob        string `json:"blob,omitempty"`  // hash
	Plain       string `json:"plain,omitempty"` // hash
	MultiRegion bool   `json:"multiRegion,omitempty"`
	DryRun      bool   `json:"dryRun,omitempty"`
	Page        bool   `json:"page,omitempty"` // not the first page of a list
}

// Answer is what a call was told, as far as a judge needs it.
type Answer struct {
	Key         string            `json:"key,omitempty"` // key id
	State       string            `json:"state,omitempty"`
	Description string            `json:"description,omitempty"`
	Material    string            `json:"material,omitempty"` // key material id
	MultiRegion bool              `json:"multiRegion,omitempty"`
	Primary     string            `json:"primary,omitempty"`  // Region
	Replicas    []string          `json:"replicas,omitempty"` // Regions, sorted
	Grant       string            `json:"grant,omitempty"`
	Grants      []string          `json:"grants,omitempty"`
	Aliases     map[string]string `json:"aliases,omitempty"` // name to key id
	Blob        string            `json:"blob,omitempty"`    // hash
	Plain       string            `json:"plain,omitempty"`   // hash
	More        bool              `json:"more,omitempty"`    // a list that goes on
}

// A Mark is something that happened beside the calls: a fault, a heal, the beginning of quiet.
type Mark struct {
	Text string `json:"mark"`
	At   int64  `json:"at"` // nanoseconds since the recorder began
}

// Quiet is the text of the mark after which nothing is written and no fault is in force: from there all
// Regions must come to agree.
const Quiet = "quiet"

// line is any line after the header.
type line struct {
	*Entry
	*Mark
}

// Read reads a history. Its error names the line.
func Read(r io.Reader) (*History, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	h, n := &History{}, 0
	for s.Scan() {
		n++
		if err := h.add(n, s.Bytes()); err != nil {
			return nil, fmt.Errorf("line %d of the history: %w", n, err)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("line %d of the history: %w", n+1, err)
	}
	if n == 0 {
		return nil, errors.New("the history is empty: not even a first line that says its form")
	}
	return h, nil
}

// add takes one line.
func (h *History) add(n int, text []byte) error {
	if n == 1 {
		return h.begin(text)
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return nil
	}
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	switch {
	case l.Mark != nil && l.Entry != nil:
		return errors.New("is a call and a mark at once")
	case l.Mark != nil:
		h.Marks = append(h.Marks, *l.Mark)
		return nil
	case l.Entry == nil:
		return errors.New("is neither a call nor a mark")
	}
	if err := l.Entry.check(); err != nil {
		return err
	}
	if len(h.Entries) >= maxEntries {
		return fmt.Errorf("more than %d calls", maxEntries)
	}
	h.Entries = append(h.Entries, *l.Entry)
	return nil
}

// begin takes the first line.
func (h *History) begin(text []byte) error {
	if err := json.Unmarshal(text, &h.Header); err != nil {
		return fmt.Errorf("not the first line of a history: %w", err)
	}
	switch {
	case h.Header.Format == 0:
		return errors.New(`not the first line of a history, which is {"history":1}`)
	case h.Header.Format != Format:
		return fmt.Errorf("the history has form %d; this version of meridian reads form %d", h.Header.Format, Format)
	}
	return nil
}

// check refuses an entry that no recorder writes.
func (e *Entry) check() error {
	switch {
	case e.Operation == "":
		return errors.New("a call without op")
	case e.Client == "" || e.Region == "":
		return errors.New("a call without client or region")
	case e.Start < 0 || e.End < e.Start:
		return fmt.Errorf("a call from %d to %d", e.Start, e.End)
	case e.Outcome != OK && e.Outcome != Fault && e.Outcome != Unknown:
		return fmt.Errorf("outcome %q is none of ok, fault, unknown", e.Outcome)
	case e.Outcome == Fault && e.Code == "":
		return errors.New("a fault without code")
	}
	return nil
}

// String is the entry for people, in one line.
func (e Entry) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %-14s %9.3f–%9.3f ms  %s", e.Client, e.Region, float64(e.Start)/1e6, float64(e.End)/1e6, e.Operation)
	if e.Level != "" {
		fmt.Fprintf(&b, " [%s]", e.Level)
	}
	ask, _ := json.Marshal(e.Ask) // a struct of strings and bools
	fmt.Fprintf(&b, " %s → ", ask)
	switch e.Outcome {
	case OK:
		answer, _ := json.Marshal(e.Answer)
		b.Write(answer)
	case Fault:
		b.WriteString(e.Code)
	default:
		b.WriteString("unknown " + e.Code)
	}
	if e.Node != "" {
		b.WriteString("  from " + e.Node)
	}
	return b.String()
}
