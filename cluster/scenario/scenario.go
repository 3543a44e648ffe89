package scenario

import (
	"context"
	"slices"

	"meridian/cluster/world"
)

// Limits of a scenario's text.
const (
	maxBytes  = 64 << 10
	maxLine   = 4 << 10
	maxSteps  = 500
	maxRepeat = 1000
)

// Scenario is a parsed scenario.
type Scenario struct {
	Name    string            // of the file, without its ending
	Title   string            // one line
	Teaches string            // a sentence: what one learns
	AWS     string            // the page of AWS's documentation that says so, and what it says
	Regions []string          // empty: three
	Nodes   int               // nodes of a Region that it needs at least
	Not     map[string]string // worlds in which it makes no sense, with the reason
	Text    string
	steps   []step
}

// step is one step of a scenario.
type step struct {
	line int
	text string
	act  act
}

// act is what a step does. Its error is what went wrong, as a *wrong where the answer was not as expected.
type act interface {
	needs() []world.Feature
	do(ctx context.Context, r *runner) error
}

// DefaultRegions are the Regions of a scenario that names none.
func DefaultRegions() []string { return []string{"us-east-1", "eu-west-1", "ap-southeast-2"} }

// Needs are the features that a world must have.
func (s *Scenario) Needs() []world.Feature {
	var all []world.Feature
	for _, st := range s.steps {
		all = append(all, st.act.needs()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
