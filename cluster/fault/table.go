package fault

import "time"

// Kind is what a Rule does.
type Kind string

// The kinds of a rule.
const (
	Partition Kind = "partition" // nothing passes
	Delay     Kind = "delay"     // bytes take Latency ± Jitter longer
	Drop      Kind = "drop"      // a message is lost with probability P
	Duplicate Kind = "duplicate" // a message arrives twice with probability P
)

// Rule is one fault between two places. A and B are names of Regions ("us-east-1") or of nodes
// ("us-east-1/2"). A rule holds both ways unless OneWay, which is A to B: traffic over connections
// that A dialed, answers included.
type Rule struct {
	Kind    Kind          `json:"kind"`
	A       string        `json:"a"`
	B       string        `json:"b"`
	OneWay  bool          `json:"oneWay,omitempty"`
	Latency time.Duration `json:"latency,omitempty"`
	Jitter  time.Duration `json:"jitter,omitempty"`
	P       float64       `json:"p,omitempty"`
	Until   time.Time     `json:"until,omitzero"` // wall clock; zero: until healed
}

// Table is all faults of a cluster: the file faults.json.
type Table struct {
	Format  int    `json:"format"`  // of the file: 1
	Version uint64 `json:"version"` // grows with each change
	Rules   []Rule `json:"rules"`
}
