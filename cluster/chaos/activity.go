package chaos

import (
	"slices"

	"meridian/cluster/history"
	"meridian/keyengine/kmsapi"
)

// columns is into how many pieces of time a picture is divided.
const columns = 500

// activity is what one client's calls came to, piece by piece.
type activity struct {
	client               string
	ok, refused, unknown [columns]int
	most                 int // calls in one piece
}

// writes says whether an operation changes something.
func writes(op string) bool {
	o, ok := kmsapi.Lookup(op)
	return ok && o.Mutating()
}

// activities divides the time between begin and end, and counts each call in the piece in which it ended.
func activities(h *history.History, begin, end int64) []activity {
	found := map[string]*activity{}
	var order []string
	width := max((end-begin)/columns, 1)
	for i := range h.Entries {
		e := &h.Entries[i]
		n := int((e.End - begin) / width)
		if e.End < begin || n < 0 {
			continue
		}
		n = min(n, columns-1)
		a := found[e.Client]
		if a == nil {
			a = &activity{client: e.Client}
			found[e.Client] = a
			order = append(order, e.Client)
		}
		switch e.Outcome {
		case history.OK:
			a.ok[n]++
		case history.Fault:
			a.refused[n]++
		default:
			a.unknown[n]++
		}
		a.most = max(a.most, a.ok[n]+a.refused[n]+a.unknown[n])
	}
	slices.Sort(order)
	list := make([]activity, 0, len(order))
	for _, name := range order {
		list = append(list, *found[name])
	}
	return list
}
