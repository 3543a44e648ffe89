package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

var (
	_ raft.LogStore    = (*guard)(nil)
	_ raft.StableStore = (*guard)(nil)
)

// guard stands before the log's disk and lets no failure pass but once: the first calls fatal, and
// all calls after it fail. A failed fsync may have dropped the pages it could not write, so to try
// again would only look like success. A panic of the database (a page freed twice, a mapped file
// that is shorter than its pages say) counts as a failure, and so does a wrong checksum: what passes
// is framed on its way to the disk and checked on its way back.
type guard struct {
	logs   raft.LogStore
	stable raft.StableStore
	fatal  func(error)
	failed atomic.Pointer[error]
	// wrote, if set, is told of each synced write of entries.
	wrote func(entries int, took time.Duration)
}

func (g *guard) do(doing string, f func() error) (err error) {
	if e := g.failed.Load(); e != nil {
		return *e
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // the database maps its file
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if err != nil && !absent(err) {
			err = g.fail(fmt.Errorf("raft log: %s: %w", doing, err))
		}
	}()
	return f()
}

func (g *guard) fail(err error) error {
	if g.failed.CompareAndSwap(nil, &err) {
		g.fatal(err)
	}
	return err
}

// absent recognizes the answers that mean that there is nothing. For a key Raft knows no error value,
// only its text.
func absent(err error) bool {
	return errors.Is(err, raft.ErrLogNotFound) || err.Error() == "not found"
}

// FirstIndex implements raft.LogStore.
func (g *guard) FirstIndex() (i uint64, err error) {
	err = g.do("first entry", func() (err error) {
		i, err = g.logs.FirstIndex()
		return err
	})
	return i, err
}

// LastIndex implements raft.LogStore.
func (g *guard) LastIndex() (i uint64, err error) {
	err = g.do("last entry", func() (err error) {
		i, err = g.logs.LastIndex()
		return err
	})
	return i, err
}

// GetLog implements raft.LogStore.
func (g *guard) GetLog(index uint64, log *raft.Log) error {
	return g.do(fmt.Sprintf("read entry %d", index), func() error {
		if err := g.logs.GetLog(index, log); err != nil {
			return err
		}
		return unseal(index, log)
	})
}

// StoreLog implements raft.LogStore.
func (g *guard) StoreLog(log *raft.Log) error { return g.StoreLogs([]*raft.Log{log}) }

// StoreLogs implements raft.LogStore.
func (g *guard) StoreLogs(logs []*raft.Log) error {
	framed := make([]*raft.Log, len(logs))
	for i, l := range logs {
		framed[i] = sealed(l)
	}
	began := time.Now()
	err := g.do("write entries", func() error { return g.logs.StoreLogs(framed) })
	if err == nil && g.wrote != nil {
		g.wrote(len(logs), time.Since(began))
	}
	return err
}

// DeleteRange implements raft.LogStore.
func (g *guard) DeleteRange(first, last uint64) error {
	return g.do("delete entries", func() error { return g.logs.DeleteRange(first, last) })
}

// Set implements raft.StableStore.
func (g *guard) Set(key, value []byte) error {
	return g.do("write "+string(key), func() error { return g.stable.Set(key, sealedValue(key, value)) })
}

// Get implements raft.StableStore.
func (g *guard) Get(key []byte) (value []byte, err error) {
	err = g.do("read "+string(key), func() (err error) {
		if value, err = g.stable.Get(key); err == nil {
			value, err = unsealValue(key, value)
		}
		return err
	})
	return value, err
}

// SetUint64 implements raft.StableStore.
func (g *guard) SetUint64(key []byte, value uint64) error {
	return g.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 implements raft.StableStore.
func (g *guard) GetUint64(key []byte) (uint64, error) {
	b, err := g.Get(key)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, g.fail(fmt.Errorf("raft log: read %s: %d bytes are no number", key, len(b)))
	}
	return binary.BigEndian.Uint64(b), nil
}
