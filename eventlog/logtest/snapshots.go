package logtest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

var _ raft.SnapshotStore = (*Snapshots)(nil)

// Snapshots is Raft's snapshot store on any file system. It keeps the two newest.
type Snapshots struct {
	fs   vfs.FS
	root string
}

const kept = 2

// OpenSnapshots opens or makes a snapshot store in dir.
func OpenSnapshots(fs vfs.FS, dir string) (*Snapshots, error) {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Snapshots{fs, dir}, syncDir(fs, fs.PathDir(dir))
}

// Create implements raft.SnapshotStore.
func (s *Snapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, ci uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	meta := raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%020d-%020d", index, term),
		Index: index, Term: term, Configuration: c, ConfigurationIndex: ci,
	}
	f, err := s.fs.Create(s.path("tmp-"+meta.ID), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	return &sink{File: f, store: s, meta: meta}, nil
}

// List implements raft.SnapshotStore.
func (s *Snapshots) List() ([]*raft.SnapshotMeta, error) {
	names, err := s.fs.List(s.root)
	if err != nil {
		return nil, err
	}
	var list []*raft.SnapshotMeta
	for _, name := range names {
		id, ok := strings.CutSuffix(name, ".meta")
		if !ok {
			continue
		}
		b, err := s.read(name)
		if err != nil {
			return nil, err
		}
		meta := &raft.SnapshotMeta{}
		if err := json.Unmarshal(b, meta); err != nil || meta.ID != id {
			return nil, fmt.Errorf("snapshot %s: damaged", id)
		}
		list = append(list, meta)
	}
	slices.SortFunc(list, func(a, b *raft.SnapshotMeta) int { return cmp.Compare(b.ID, a.ID) })
	return list, nil
}

// Open implements raft.SnapshotStore.
func (s *Snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	list, err := s.List()
	if err != nil {
		return nil, nil, err
	}
	for _, meta := range list {
		if meta.ID == id {
			f, err := s.fs.Open(s.path(id))
			return meta, f, err
		}
	}
	return nil, nil, fmt.Errorf("no snapshot %s", id)
}

func (s *Snapshots) path(name string) string { return s.fs.PathJoin(s.root, name) }

func (s *Snapshots) read(name string) ([]byte, error) {
	f, err := s.fs.Open(s.path(name))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

// write makes a file that is there whole or not at all.
func (s *Snapshots) write(name string, b []byte) error {
	f, err := s.fs.Create(s.path("tmp-"+name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return s.rename("tmp-"+name, name)
}

func (s *Snapshots) rename(from, to string) error {
	if err := s.fs.Rename(s.path(from), s.path(to)); err != nil {
		return err
	}
	return syncDir(s.fs, s.root)
}

func (s *Snapshots) reap() error {
	list, err := s.List()
	for i := kept; i < len(list) && err == nil; i++ {
		err = errors.Join(s.fs.Remove(s.path(list[i].ID+".meta")), s.fs.Remove(s.path(list[i].ID)))
	}
	return err
}

type sink struct {
	vfs.File
	store  *Snapshots
	meta   raft.SnapshotMeta
	closed bool
}

func (s *sink) ID() string { return s.meta.ID }

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.File.Write(b)
	s.meta.Size += int64(n)
	return n, err
}

func (s *sink) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if err := errors.Join(s.File.Sync(), s.File.Close()); err != nil {
		return err
	}
	if err := s.store.rename("tmp-"+s.meta.ID, s.meta.ID); err != nil {
		return err
	}
	b, err := json.Marshal(s.meta)
	if err != nil {
		return err
	}
	if err := s.store.write(s.meta.ID+".meta", b); err != nil {
		return err
	}
	return s.store.reap()
}

func (s *sink) Cancel() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.File.Close(), s.store.fs.Remove(s.store.path("tmp-"+s.meta.ID)))
}

func syncDir(fs vfs.FS, path string) error {
	d, err := fs.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
