package check

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"meridian/cluster/history"
)

const defaultSearch = 30 * time.Second

// Linearizable judges whether each object's calls fit into one order. Its example is of the first object, by name,
// that has none.
func Linearizable(h *history.History, o Options) Verdict {
	parts, counted := objects(h)
	v := Verdict{Judge: "linearizable", Checked: counted}
	var bad, open []object
	for _, id := range sorted(parts) {
		switch search(parts[id], o) {
		case porcupine.Illegal:
			bad = append(bad, id)
		case porcupine.Unknown:
			open = append(open, id)
		}
	}
	v.Notes = []string{fmt.Sprintf("%d keys, aliases and grants", len(parts))}
	if len(open) > 0 {
		v.Undecided = fmt.Sprintf("the search for an order took too long for %d objects, such as %s", len(open), open[0])
	}
	if len(bad) > 0 {
		v.Violation = fmt.Sprintf("no order of these calls explains all answers about %s (%d objects in all)", bad[0], len(bad))
		v.Example = entriesOf(shrink(parts[bad[0]], o))
	}
	return v
}

func (o object) String() string { return fmt.Sprintf("%s %s in %s", o.Kind, o.ID, o.Region) }

func sorted(parts map[object][]step) []object {
	return slices.SortedFunc(maps.Keys(parts), func(a, b object) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
}

// model is what porcupine searches with: one object, a state and what each call makes of it.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{} },
		Step: func(s, in, _ any) (bool, any) {
			after, ok := next(s.(state), in.(step))
			return ok, after
		},
		Equal: func(a, b any) bool { return a == b },
		DescribeOperation: func(in, _ any) string {
			e := in.(step).entry
			return fmt.Sprintf("%s %s %s", e.Operation, e.Outcome, e.Code)
		},
		DescribeState: func(s any) string { return fmt.Sprintf("%+v", s) },
	}
}

// operations is an object's history as porcupine has it. What is unknown may happen at any time after its
// start, or never, which is the same as last.
func operations(steps []step) []porcupine.Operation {
	clients, ops := map[string]int{}, make([]porcupine.Operation, 0, len(steps))
	for _, s := range steps {
		if _, ok := clients[s.entry.Client]; !ok {
			clients[s.entry.Client] = len(clients)
		}
		end := s.entry.End
		if s.entry.Outcome == history.Unknown {
			end = math.MaxInt64
		}
		ops = append(ops, porcupine.Operation{
			ClientId: clients[s.entry.Client], Input: s, Call: s.entry.Start, Output: s, Return: end,
		})
	}
	return ops
}

// search looks for an order.
func search(steps []step, o Options) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model(), operations(steps), cmp.Or(o.Search, defaultSearch))
}

// Picture writes porcupine's page of one object's calls as HTML: the one of a verdict's example, or else the
// one with the most calls. It reports which.
func Picture(w io.Writer, h *history.History, o Options) (string, error) {
	parts, _ := objects(h)
	var shown object
	for _, id := range sorted(parts) {
		if search(parts[id], o) == porcupine.Illegal {
			shown = id
			break
		}
		if len(parts[id]) > len(parts[shown]) {
			shown = id
		}
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("the history has no write and no strong read, so there is nothing to draw")
	}
	m := model()
	_, info := porcupine.CheckOperationsVerbose(m, operations(parts[shown]), cmp.Or(o.Search, defaultSearch))
	var marks []porcupine.Annotation
	for _, mark := range h.Marks {
		marks = append(marks, porcupine.Annotation{Tag: "faults", Start: mark.At, Description: mark.Text})
	}
	info.AddAnnotations(marks)
	return shown.String(), porcupine.Visualize(m, info, w)
}

func entriesOf(steps []step) []history.Entry {
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.entry.Start, b.entry.Start) })
	var list []history.Entry
	for _, s := range steps {
		list = append(list, *s.entry)
	}
	return list
}
