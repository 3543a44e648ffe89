package chaos

import (
	"bufio"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a schedule's text.
const (
	maxFaults = 100_000
	maxText   = 16 << 20
)

// A Schedule is the faults of a run, in the order of their beginnings. Faults may overlap.
type Schedule []Fault

// String is the schedule as text: a line for each fault, which ParseSchedule reads.
func (s Schedule) String() string {
	var b strings.Builder
	for _, f := range s {
		fmt.Fprintf(&b, "%-8s %s\n", f.At, f)
	}
	return b.String()
}

// Kinds counts the different kinds of faults.
func (s Schedule) Kinds() int {
	kinds := map[Kind]bool{}
	for _, f := range s {
		kinds[f.Kind] = true
	}
	return len(kinds)
}

// ParseSchedule reads a schedule: one fault a line, such as `2s cut us-east-1 eu-west-1 for 5s`. What follows a # is
// a comment.
func ParseSchedule(text string) (Schedule, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("a schedule of %d bytes is too long", len(text))
	}
	var s Schedule
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		f, err := parseFault(words)
		if err == nil {
			err = f.Validate()
		}
		if err == nil && len(s) == maxFaults {
			err = fmt.Errorf("more than %d faults", maxFaults)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the schedule: %w", n, err)
		}
		s = append(s, f)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the schedule: %w", err)
	}
	slices.SortStableFunc(s, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return s, nil
}

// parseFault reads the words of a line.
func parseFault(words []string) (f Fault, err error) {
	if len(words) < 2 {
		return f, fmt.Errorf("%q: a line is a time, a fault, and what it is done to", strings.Join(words, " "))
	}
	if f.At, err = time.ParseDuration(words[0]); err != nil {
		return f, err
	}
	f.Kind = Kind(words[1])
	words = words[2:]
	for len(words) > 0 && !slices.Contains([]string{"for", "by", "ahead", "p"}, words[0]) {
		f.Places = append(f.Places, words[0])
		words = words[1:]
	}
	shape, _ := shapeOf(f.Kind)
	for ; len(words) > 0; words = words[2:] {
		switch {
		case len(words) == 1:
			return f, fmt.Errorf("nothing follows %q", words[0])
		case words[0] == "for":
			f.For, err = time.ParseDuration(words[1])
		case words[0] != shape.amount:
			return f, fmt.Errorf("%s takes no %q", f.Kind, words[0])
		case words[0] == "p":
			f.P, err = strconv.ParseFloat(words[1], 64)
		default:
			f.By, err = time.ParseDuration(words[1])
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}
