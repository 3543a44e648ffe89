package auditor

import "meridian/cluster/sim"

// Invariant names a promise; those of the protocol are the constants of package sim.
type Invariant = sim.Invariant

// The invariants that only logs show.
const (
	// SeqDense: a Region's records are numbered from 1 without a gap.
	SeqDense Invariant = "SeqDense"
	// TimeMonotone: Region time never goes back.
	TimeMonotone Invariant = "TimeMonotone"
	// RecordHasWriter: a record that a Region accepted is one that its writer wrote.
	RecordHasWriter Invariant = "RecordHasWriter"
	// StatusIsTrue: a status that a primary believed is one that the member had under that number.
	StatusIsTrue Invariant = "StatusIsTrue"
	// GoneIsDead: a member that its primary took for gone, and no operator fenced, had ended.
	GoneIsDead Invariant = "GoneIsDead"
)

// Finding is a broken invariant.
type Finding struct {
	Invariant Invariant `json:"invariant"`
	Region    string    `json:"region"` // whose log shows it
	Seq       uint64    `json:"seq"`
	Key       string    `json:"key,omitempty"` // account/key id
	Text      string    `json:"text"`
}

// Report is what an Auditor has seen and found.
type Report struct {
	OK       bool              `json:"ok"` // nothing was found
	Seqs     map[string]uint64 `json:"seqs"`
	Events   uint64            `json:"events"`
	Keys     int               `json:"keys"`
	Checked  uint64            `json:"checked"`        // single checks that were made
	Open     int               `json:"open"`           // claims that wait for another Region's log
	Findings []Finding         `json:"findings"`       // the first of them
	More     int               `json:"more,omitempty"` // findings that were not kept
}
