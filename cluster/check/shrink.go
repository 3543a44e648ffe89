package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"meridian/cluster/history"
)

// shrinkTime bounds how long a smaller example is looked for.
const shrinkTime = 10 * time.Second

// shrink returns a smaller part of an object's history that has no order either. It takes only what cannot make a
// right history wrong: the end; the beginning, up to a moment when no call was under way, with nothing known of the
// state then; calls that changed nothing. A write inside is never taken: the reads of what it wrote would look wrong.
func shrink(steps []step, o Options) []step {
	steps = slices.Clone(steps)
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.entry.Start, b.entry.Start) })
	deadline := time.Now().Add(shrinkTime)
	bad := func(part []step) bool {
		return time.Now().Before(deadline) && search(part, o) == porcupine.Illegal
	}
	steps = shortest(steps, bad)
	steps = latest(steps, bad)
	return without(steps, bad)
}

// shortest cuts the end off: the first n calls, where n is the least that is still wrong.
func shortest(steps []step, bad func([]step) bool) []step {
	lo, hi := 1, len(steps)
	for lo < hi {
		mid := (lo + hi) / 2
		if bad(until(steps, mid)) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if cut := until(steps, hi); bad(cut) {
		return cut
	}
	return steps
}

// until is the history as it was when the call after the first n began: what had not ended is unknown.
func until(steps []step, n int) []step {
	if n >= len(steps) {
		return steps
	}
	now := steps[n].entry.Start
	var part []step
	for _, s := range steps[:n] {
		if s.entry.End > now {
			if !writes(s) {
				continue
			}
			e := *s.entry
			e.Outcome, e.Code, e.Answer = history.Unknown, "", history.Answer{}
			s.entry = &e
		}
		part = append(part, s)
	}
	return part
}

// latest cuts the beginning off at the last moment at which nothing was under way and what follows is still wrong.
// A write whose outcome is unknown is under way for ever and stays.
func latest(steps []step, bad func([]step) bool) []step {
	best := steps
	var pending []step
	var end int64
	for i, s := range steps {
		if i > 0 && s.entry.Start > end {
			part := append(slices.Clone(pending), steps[i:]...)
			for j := range part {
				part[j].fresh = false
			}
			if len(part) < len(best) && bad(part) {
				best = part
			}
		}
		if s.entry.Outcome == history.Unknown {
			pending = append(pending, s)
			continue
		}
		end = max(end, s.entry.End)
	}
	return best
}

// without leaves out what changed nothing, wherever the rest is still wrong.
func without(steps []step, bad func([]step) bool) []step {
	for size := max(1, len(steps)/2); size > 0; size /= 2 {
		for i := 0; i < len(steps); {
			part := slices.Clone(steps[:i])
			for j, s := range steps[i:] {
				if j >= size || writes(s) {
					part = append(part, s)
				}
			}
			if len(part) < len(steps) && bad(part) {
				steps = part
				continue
			}
			i += size
		}
	}
	return steps
}

// writes reports whether a call may have changed its object.
func writes(s step) bool {
	if s.entry.Outcome == history.Fault {
		return false
	}
	switch s.entry.Operation {
	case "DescribeKey", "ListAliases", "ListGrants", "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext":
		return false
	}
	return true
}
