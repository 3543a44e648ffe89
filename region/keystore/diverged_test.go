package keystore

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/keyengine/canonical"
)

// stating is an entry with a record that states a digest.
func stating(index uint64, h *eventlog.StateHash) eventlog.Entry {
	return eventlog.Entry{Index: index, Term: 1, Data: logtest.Framed(canonical.Marshal(eventlog.Record{
		Version: eventlog.RecordVersion, Term: 1, Events: []eventlog.Event{logtest.Event(logtest.Add, "a")}, Hash: h,
	}))}
}

// TestDiverged: a node whose digest is not the one that its leader states stops before it applies the record, and
// again whenever it comes back; one that agrees goes on.
func TestDiverged(t *testing.T) {
	fs := vfs.NewMem()
	var reason error
	c := config(fs)
	c.Fatal = func(err error) { reason = err }
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(i uint64) eventlog.Entry {
		return eventlog.Entry{Index: i, Term: 1, Data: logtest.AddTo(1, "a")}
	}
	s.Apply([]eventlog.Entry{entry(1), entry(2)})
	second := s.StateHash()
	s.Apply([]eventlog.Entry{entry(3)})
	third := s.StateHash()
	s.Apply([]eventlog.Entry{stating(4, &third), stating(5, &second)}) // the newest record, and one before it
	if at := s.Applied().Seq; at != 5 || reason != nil {
		t.Fatalf("a node that agrees is at %d, %v", at, reason)
	}
	other := s.StateHash()
	other.Digest[31]++
	ahead := s.StateHash()
	ahead.Seq++
	for what, h := range map[string]eventlog.StateHash{"another digest": other, "a record that this node has not": ahead} {
		for range 2 {
			reason = nil
			if !panics(func() { s.Apply([]eventlog.Entry{stating(6, &h)}) }) || !errors.Is(reason, ErrDiverged) {
				t.Errorf("%s: %v", what, reason)
			}
			if at := s.Applied().Seq; at != 5 {
				t.Errorf("%s: applied up to %d", what, at)
			}
			s.current.Load().refs.Store(1) // the batch of the call that never returned
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
