package keyengine_test

import (
	"fmt"
	"os"
	"strings"
)

// published is what AWS's page of key states says: outcomes by operation and state.
type published map[string]map[string]string

func readPublished() published {
	text, err := os.ReadFile("testdata/states/published.txt")
	if err != nil {
		panic(err)
	}
	cells := published{}
	var states []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case f[0] == "#":
		case states == nil:
			states = f[1:]
		case len(f) != len(states)+1:
			panic(fmt.Sprintf("published.txt: %d cells in %q", len(f)-1, line))
		default:
			cells[f[0]] = map[string]string{}
			for i, state := range states {
				cells[f[0]][state] = f[i+1]
			}
		}
	}
	return cells
}

// cell is what AWS says of an operation and a state: an outcome, and where there is one the outcome of a
// key of the wrong kind.
func (p published) cell(op, state string) (outcome, wrongKind string) {
	if state == "PendingDeletion" || state == "PendingReplicaDeletion" {
		state = "PD"
	}
	outcome, wrongKind, _ = strings.Cut(p[op][state], "|")
	return outcome, wrongKind
}
