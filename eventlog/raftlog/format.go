package raftlog

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// adopt looks at the log's format before anything else is read: it refuses a newer one, brings an older
// one to this build's, and says whether there is one.
func (g *guard) adopt() (marked bool, err error) {
	format, err := g.format()
	switch {
	case err != nil && absent(err):
		return false, nil
	case err != nil:
		return false, err
	case format < Format:
		if err := g.frameAll(); err != nil {
			return false, fmt.Errorf("bring the log to format %d: %w", Format, err)
		}
	}
	return true, nil
}

// format reads the version of the log: a plain number, that any build can read. A newer one is ErrNewer.
func (g *guard) format() (v uint64, err error) {
	err = g.do("read its format", func() (err error) {
		v, err = g.stable.GetUint64(formatKey)
		return err
	})
	if err == nil && v > Format {
		err = fmt.Errorf("%w: it has format %d, this build reads up to %d", ErrNewer, v, Format)
	}
	return v, err
}

func (g *guard) setFormat(v uint64) error {
	return g.do("write its format", func() error { return g.stable.SetUint64(formatKey, v) })
}

// frameAll gives every entry and value of a log of format 1 its checksum. A crash on the way leaves
// some that have theirs: those are recognized and kept, and the next start goes on.
func (g *guard) frameAll() error {
	for _, key := range framedKeys() {
		err := g.do("frame "+string(key), func() error {
			value, err := g.stable.Get(key)
			if err != nil && absent(err) {
				return nil
			}
			if _, framed := unsealValue(key, value); err != nil || framed == nil {
				return err
			}
			return g.stable.Set(key, sealedValue(key, value))
		})
		if err != nil {
			return err
		}
	}
	if err := g.frameEntries(); err != nil {
		return err
	}
	return g.setFormat(Format)
}

func (g *guard) frameEntries() error {
	return g.each(func(i uint64) error {
		return g.do(fmt.Sprintf("frame entry %d", i), func() error {
			var l raft.Log
			if err := g.logs.GetLog(i, &l); err != nil {
				return err
			}
			if was := l; unseal(i, &was) == nil {
				return nil
			}
			return g.logs.StoreLogs([]*raft.Log{sealed(&l)})
		})
	})
}

// framedKeys are the keys of the stable store whose values have checksums: this package's and Raft's own.
func framedKeys() [][]byte {
	return [][]byte{serverKey, []byte("CurrentTerm"), []byte("LastVoteTerm"), []byte("LastVoteCand")}
}

// readAll reads every value and every entry once, so that a damaged one is found at the start and not
// when this node votes, or leads and has to send it.
func (g *guard) readAll() error {
	for _, key := range framedKeys() {
		if _, err := g.Get(key); err != nil && !absent(err) {
			return err
		}
	}
	return g.each(func(i uint64) error { return g.GetLog(i, new(raft.Log)) })
}

func (g *guard) each(f func(index uint64) error) error {
	first, err := g.FirstIndex()
	if err != nil {
		return err
	}
	last, err := g.LastIndex()
	if err != nil {
		return err
	}
	for i := first; i <= last && i > 0; i++ {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}
