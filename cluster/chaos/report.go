package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"meridian/cluster"
	"meridian/cluster/check"
	"meridian/cluster/history"
)

// Count is how calls ended.
type Count struct {
	Name    string        `json:"name"`
	OK      int           `json:"ok"`
	Refused int           `json:"refused"` // answered with a fault: the caller knows that nothing was done
	Unknown int           `json:"unknown"` // the caller does not know whether it was done
	Slowest time.Duration `json:"slowestNanos"`
}

func (c *Count) add(e *history.Entry) {
	switch e.Outcome {
	case history.OK:
		c.OK++
	case history.Fault:
		c.Refused++
	default:
		c.Unknown++
	}
	c.Slowest = max(c.Slowest, time.Duration(e.End-e.Start))
}

// A Report is all that is to be said of a run.
type Report struct {
	Version  string    `json:"version"`
	Built    string    `json:"built"` // by which Go, for which system
	Cluster  string    `json:"clusterId"`
	Began    time.Time `json:"began"`
	Seed     uint64    `json:"seed"`
	Clients  int       `json:"clients"`
	Pace     string    `json:"pace"`
	For      string    `json:"for"`
	Shape    Shape     `json:"shape"`
	Planted  bool      `json:"planted,omitempty"`
	Stopped  string    `json:"stoppedAfter,omitempty"` // the load ended early, after so long
	Schedule string    `json:"schedule"`

	LoadBegin int64                    `json:"loadBegin"` // nanoseconds of the history
	LoadEnd   int64                    `json:"loadEnd"`
	End       int64                    `json:"end"`
	Calls     int                      `json:"calls"`
	Writes    int                      `json:"acknowledgedWrites"`
	ByClient  []Count                  `json:"byClient"`
	ByOp      []Count                  `json:"byOperation"`
	Faults    []Applied                `json:"faults"`
	Kinds     int                      `json:"kindsOfFaults"`
	Samples   []Sample                 `json:"samples"`
	Leadless  map[string]time.Duration `json:"longestWithoutLeaderNanos"`
	Loops     []*Loop                  `json:"loops"`
	Verdicts  []check.Verdict          `json:"verdicts"`

	activity []activity
	unknown  []history.Entry
}

func newReport(c *cluster.Cluster, o Options) *Report {
	r := &Report{
		Version: o.Version, Built: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		Cluster: c.File.ID, Began: time.Now().UTC().Truncate(time.Second),
		Seed: o.Seed, Clients: o.Clients, Pace: o.Pace.String(), For: o.For.String(), Shape: ShapeOf(c),
		Planted: o.Plant, Schedule: o.Schedule.String(),
	}
	for _, region := range c.File.Names() {
		r.Loops = append(r.Loops, &Loop{Region: region, Failures: []LoopFailure{}})
	}
	return r
}

// judge asks the judges of histories, and counts.
func (r *Report) judge(h *history.History, o check.Options) {
	r.Verdicts = append(check.All(h, o), r.Verdicts...)
	r.Leadless = silence(r.Samples)
	kinds := map[Kind]bool{}
	for _, a := range r.Faults {
		kinds[a.Fault.Kind] = kinds[a.Fault.Kind] || a.Error == ""
	}
	r.Kinds = len(kinds)
	r.count(h)
}

// maxUnknown bounds the list of calls with an unknown outcome.
const maxUnknown = 100

func (r *Report) count(h *history.History) {
	clients, ops := map[string]*Count{}, map[string]*Count{}
	at := func(m map[string]*Count, name string) *Count {
		if m[name] == nil {
			m[name] = &Count{Name: name}
		}
		return m[name]
	}
	r.Calls = len(h.Entries)
	for i := range h.Entries {
		e := &h.Entries[i]
		r.End = max(r.End, e.End)
		at(clients, strings.TrimSpace(e.Client+" "+e.Level)).add(e)
		at(ops, e.Operation).add(e)
		if e.Outcome == history.OK && writes(e.Operation) {
			r.Writes++
		}
		if e.Outcome == history.Unknown && len(r.unknown) < maxUnknown {
			r.unknown = append(r.unknown, *e)
		}
	}
	r.ByClient, r.ByOp = listed(clients), listed(ops)
	r.activity = activities(h, r.LoadBegin, r.End)
}

func listed(m map[string]*Count) (list []Count) {
	for _, c := range m {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Violated reports whether a judge found something wrong.
func (r *Report) Violated() bool {
	return slices.ContainsFunc(r.Verdicts, func(v check.Verdict) bool { return v.Violation != "" })
}

// Undecided reports whether a judge left something open.
func (r *Report) Undecided() bool {
	return slices.ContainsFunc(r.Verdicts, func(v check.Verdict) bool { return v.Undecided != "" })
}

// Word is the report in a word.
func (r *Report) Word() string {
	switch {
	case r.Violated():
		return "VIOLATED"
	case r.Undecided():
		return "undecided"
	}
	return "ok"
}

// lasted is how long the load lasted.
func (r *Report) lasted() string {
	if r.Stopped != "" {
		return r.Stopped + " of " + r.For + ", when it was stopped"
	}
	return r.For
}

func (r *Report) late() (n int) {
	for _, a := range r.Faults {
		if a.Late != "" {
			n++
		}
	}
	return n
}

// String is the report for people, without its pictures.
func (r *Report) String() string {
	var b strings.Builder
	refused, unknown := 0, 0
	for _, c := range r.ByClient {
		refused, unknown = refused+c.Refused, unknown+c.Unknown
	}
	fmt.Fprintf(&b, "%d calls: %d writes acknowledged, %d refused, %d of unknown outcome\n", r.Calls, r.Writes, refused, unknown)
	fmt.Fprintf(&b, "%d faults of %d kinds in %s; seed %d\n", len(r.Faults), r.Kinds, r.lasted(), r.Seed)
	if late := r.late(); late > 0 {
		fmt.Fprintf(&b, "%d faults took longer than they were to: the page says which\n", late)
	}
	for _, region := range slices.Sorted(maps.Keys(r.Leadless)) {
		fmt.Fprintf(&b, "%s: at most %s without a leader that answered\n", region, r.Leadless[region].Round(100*time.Millisecond))
	}
	for _, v := range r.Verdicts {
		fmt.Fprintln(&b, v)
	}
	fmt.Fprintf(&b, "%s\n", r.Word())
	return b.String()
}
