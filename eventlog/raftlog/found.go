package raftlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"

	"meridian/eventlog"
)

// Founding is the first state of a group that begins with one.
type Founding struct {
	Members  []Member          // the same for all nodes of the group
	At       eventlog.Position // of the state; the log goes on behind it
	Snapshot io.Reader         // of the state machine
}

// Found makes the folder of a node that begins with a state, in a group in which all nodes begin with the same one.
// The ids must be new: who kept the folder of an older group must not be taken for one of this one.
func Found(dir, id string, f Founding) (err error) {
	if _, err := os.Stat(filepath.Join(dir, "raft.db")); err == nil {
		return fmt.Errorf("found log: there is one in %s", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("found log: %w", err)
	}
	bolt, files, err := openFiles(dir, false)
	if err != nil {
		return fmt.Errorf("found log: %w", err)
	}
	defer func() {
		if failed := errors.Join(err, bolt.Close()); failed != nil {
			err = fmt.Errorf("found log: %w", failed)
		}
	}()
	at := eventlog.Position{Index: max(f.At.Index, 1), Term: max(f.At.Term, 1)}
	g := &guard{logs: bolt, stable: bolt, fatal: func(error) {}}
	if err := g.setFormat(Format); err != nil {
		return err
	}
	if err := g.Set(serverKey, []byte(id)); err != nil {
		return err
	}
	if err := g.SetUint64([]byte("CurrentTerm"), at.Term); err != nil { // Raft's own
		return err
	}
	_, transport := raft.NewInmemTransport("") // it only encodes the addresses of a form that nobody reads any more
	members := configuration(f.Members)
	sink, err := files.Create(raft.SnapshotVersionMax, at.Index, at.Term, members, at.Index, transport)
	if err != nil {
		return err
	}
	head, err := headOf(&raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, Index: at.Index, Term: at.Term, Configuration: members, ConfigurationIndex: at.Index,
	})
	if err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if _, err := io.Copy(sink, io.MultiReader(bytes.NewReader(head), f.Snapshot)); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Replay brings a state machine as far as the log of a node that does not run reaches: entries that were never known
// to be committed, too. The log is not changed. A leader would have been the node that reaches farthest.
func Replay(dir string, sm eventlog.StateMachine) (err error) {
	defer func() { // what the database does when a page of it is damaged
		if p := recover(); p != nil {
			err = fmt.Errorf("replay log: panic: %v", p)
		}
	}()
	bolt, files, err := openFiles(dir, true)
	if err != nil {
		return fmt.Errorf("replay log: %w", err)
	}
	defer bolt.Close() // nothing was written
	g := &guard{logs: bolt, stable: bolt, fatal: func(error) {}}
	format, err := g.format()
	if err != nil {
		return fmt.Errorf("replay log: format: %w", err)
	}
	logs := raft.LogStore(g)
	if format < Format { // it is not changed, so its entries have no checksums
		logs = bolt
	}
	s := &stores{log: logs, snapshots: checked{files, sm, g}}
	if err := s.restore(sm); err != nil {
		return fmt.Errorf("replay log: %w", err)
	}
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("replay log: %w", err)
	}
	for at := sm.Applied().Index + 1; at <= last; {
		entries, err := read(logs, at, min(at+maxAppendEntries-1, last))
		if err != nil {
			return fmt.Errorf("replay log: %w", err)
		}
		sm.Apply(entries) // a refused record is refused everywhere
		at += uint64(len(entries))
	}
	return nil
}

// read returns entries as the state machine wants them.
func read(logs raft.LogStore, first, last uint64) ([]eventlog.Entry, error) {
	var entries []eventlog.Entry
	for i := first; i <= last; i++ {
		var l raft.Log
		if err := logs.GetLog(i, &l); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		e := eventlog.Entry{Index: l.Index, Term: l.Term}
		if l.Type == raft.LogCommand && len(l.Data) > 0 {
			e.Data = l.Data
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// openFiles opens what is in a node's folder.
func openFiles(dir string, readOnly bool) (*raftboltdb.BoltStore, raft.SnapshotStore, error) {
	path := filepath.Join(dir, "raft.db")
	if err := inspect(path); err != nil {
		return nil, nil, fmt.Errorf("raft.db is damaged: %w", err)
	}
	bolt, err := raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, ReadOnly: readOnly,
		},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("open raft.db: %w", err)
	}
	files, err := raft.NewFileSnapshotStoreWithLogger(dir, keptSnapshots, Logger(nil))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open snapshots: %w", err), bolt.Close())
	}
	return bolt, files, nil
}
