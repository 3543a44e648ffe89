package rebirth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"meridian/cluster/layout"
	"meridian/eventlog/raftlog"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/rows"
	"meridian/region"
	"meridian/region/keystore"
)

// Domain is what the records of a Region mean.
func Domain(name string) region.Domain {
	return region.Domain{Place: keyengine.Place{Partition: arn.PartitionOf(name), Region: name}}
}

// Extract writes the whole state of a node that does not run to out: entries of its log that it had not applied, or
// not known to be committed, included. It works on a copy in scratch, which must not exist and is removed.
func Extract(d layout.NodeDir, clusterID, name, scratch string, out io.Writer) (m keystore.Meta, err error) {
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return m, err
	}
	defer os.RemoveAll(scratch) // a copy
	copied := filepath.Join(scratch, "state")
	// A node that never ran with what was planted in it has no state yet, and the snapshot in its log.
	if err := os.CopyFS(copied, os.DirFS(d.State())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("copy state: %w", err)
	}
	defer func() { // a store that cannot be read stops what reads it
		if p := recover(); p != nil {
			err = fmt.Errorf("state of %s: %v", d, p)
		}
	}()
	var broken failure
	store, err := keystore.Open(keystore.Config{
		Dir: copied, ClusterID: clusterID, Region: name, Domain: Domain(name), Fatal: broken.set,
	})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, store.Close(), broken.get()) }()
	if err := raftlog.Replay(d.Raft(), store); err != nil {
		return m, err
	}
	return write(store, out)
}

func write(store *keystore.Store, out io.Writer) (keystore.Meta, error) {
	s, err := store.Snapshot()
	if err != nil {
		return keystore.Meta{}, err
	}
	defer s.Release()
	m := store.Meta()
	_, err = s.WriteTo(out)
	return m, err
}

// failure keeps the first error of a store's background work.
type failure struct {
	mu  sync.Mutex
	err error
}

func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Later says whether the state of a is to be preferred to that of b: of a later life, or with more of the log, as
// Raft counts it.
func Later(a, b keystore.Meta) bool {
	switch {
	case a.Life != b.Life:
		return a.Life > b.Life
	case a.Term != b.Term:
		return a.Term > b.Term
	}
	return a.Index > b.Index
}

// Begin reads the snapshot in one file and writes the one that a new history begins with to another. The life is the
// newest that the state tells of: that of the new history must be greater.
func Begin(from, to string, o keystore.Origin) (done keystore.Rewritten, life uint64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return done, 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return done, 0, err
	}
	o.Look = func(r rows.Reader) { life = keyengine.NewView(r, keyengine.Place{}).Life() }
	done, err = keystore.Rewrite(in, to+".scratch", o, out)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return done, 0, errors.Join(fmt.Errorf("%s: %w", from, err), os.Remove(to))
	}
	return done, max(life, done.From.Life), nil
}

// Plant has a node with a new folder begin with the snapshot in file, in a group of all nodes of r.
func Plant(d layout.NodeDir, r layout.Region, id, file string, m keystore.Meta) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	var members []raftlog.Member
	for _, n := range r.Nodes {
		members = append(members, raftlog.Member{ID: n.ID, Addr: n.Internal, Voter: !n.ReadReplica})
	}
	return raftlog.Found(d.Raft(), id, raftlog.Founding{Members: members, At: m.Position(), Snapshot: in})
}
