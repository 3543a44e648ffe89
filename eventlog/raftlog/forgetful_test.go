package raftlog_test

import (
	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/keyengine/canonical"
	"meridian/region/keystore"
)

// forgetful is a store with the defect that its applied position is not written with its rows: after a start it has
// applied nothing, as far as it knows, and takes entries again that its rows hold.
type forgetful struct {
	*keystore.Store
	index uint64
}

// Applied implements eventlog.StateMachine.
func (f *forgetful) Applied() eventlog.Position {
	return eventlog.Position{Index: f.index, Term: f.Store.Applied().Term, Seq: f.Store.Applied().Seq}
}

// Apply implements eventlog.StateMachine. What the store would know again is given another place in the log.
func (f *forgetful) Apply(entries []eventlog.Entry) []eventlog.Result {
	var results []eventlog.Result
	for _, e := range entries {
		at := f.Store.Applied()
		if e.Index > f.index {
			f.index = e.Index
			results = append(results, f.Store.Apply([]eventlog.Entry{elsewhere(e, at)})...)
			continue
		}
		results = append(results, eventlog.Result{Seq: at.Seq})
	}
	return results
}

// elsewhere is the entry behind a position, in a term that is not before it.
func elsewhere(e eventlog.Entry, at eventlog.Position) eventlog.Entry {
	moved := eventlog.Entry{Index: at.Index + 1, Term: max(e.Term, at.Term)}
	if e.Data == nil {
		return moved
	}
	raw, _, err := logtest.Counters{}.Split(e.Data)
	if err != nil {
		panic(err)
	}
	record, err := logtest.Counters{}.Decode(raw)
	if err != nil {
		panic(err)
	}
	if record.Term == e.Term { // a stale record stays one
		record.Term = moved.Term
	}
	moved.Data = logtest.Framed(canonical.Marshal(record))
	return moved
}
