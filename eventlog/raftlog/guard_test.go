package raftlog

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// faulty is a store that fails in one way.
type faulty struct {
	*raft.InmemStore
	err   error
	panic any
}

func (f *faulty) StoreLogs(logs []*raft.Log) error {
	if f.panic != nil {
		panic(f.panic)
	}
	if f.err != nil {
		return f.err
	}
	return f.InmemStore.StoreLogs(logs)
}

// TestGuard: the first failure of the disk is reported, once, and nothing works after it; the answer
// that something is not there is no failure.
func TestGuard(t *testing.T) {
	broken := errors.New("input/output error")
	for _, c := range []struct {
		what  string
		store faulty
		fails bool
	}{
		{"sound", faulty{}, false},
		{"error", faulty{err: broken}, true},
		{"panic", faulty{panic: "page 7 already freed"}, true},
	} {
		c.store.InmemStore = raft.NewInmemStore()
		var reported []error
		g := &guard{logs: &c.store, stable: c.store, fatal: func(err error) { reported = append(reported, err) }}
		if err := g.GetLog(7, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
			t.Errorf("%s: read of an absent entry: %v", c.what, err)
		}
		if _, err := g.Get([]byte("absent")); err == nil || err.Error() != "not found" {
			t.Errorf("%s: read of an absent value: %v", c.what, err)
		}
		if err := g.StoreLog(&raft.Log{Index: 1}); (err != nil) != c.fails {
			t.Errorf("%s: write: %v", c.what, err)
		}
		if len(reported) > 0 != c.fails {
			t.Errorf("%s: reported %v", c.what, reported)
		}
		c.store.err, c.store.panic = nil, nil // the disk is well again, and not to be trusted
		if err := g.SetUint64([]byte("k"), 1); (err != nil) != c.fails {
			t.Errorf("%s: write after it: %v", c.what, err)
		}
		if _, err := g.LastIndex(); (err != nil) != c.fails {
			t.Errorf("%s: read after it: %v", c.what, err)
		}
		if len(reported) > 1 {
			t.Errorf("%s: reported more than once: %v", c.what, reported)
		}
	}
}
