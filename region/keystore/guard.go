package keystore

import (
	"errors"
	"io"
	"os"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guard is a file system whose first failed read or write ends the process, before the database
// sees the error: some it would try again, which after a failed sync only looks like success, and on
// some it panics. It is armed when the store is open; until then errors are returned as they are.
type guard struct {
	vfs.FS
	armed atomic.Bool
	fatal func(error) error
}

// check passes err on, and ends the process for one that is the disk's.
func (g *guard) check(err error) error {
	switch {
	case err == nil, !g.armed.Load(), errors.Is(err, io.EOF), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrExist):
		return err
	}
	return g.fatal(err)
}

func (g *guard) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, g.check(err)
	}
	return &guardedFile{f, g}, nil
}

func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(g.FS.Create(name, c))
}

func (g *guard) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	return g.file(g.FS.Open(name, o...))
}

func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return g.file(g.FS.OpenReadWrite(name, c, o...))
}

func (g *guard) OpenDir(name string) (vfs.File, error) { return g.file(g.FS.OpenDir(name)) }

func (g *guard) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(g.FS.ReuseForWrite(from, to, c))
}

func (g *guard) Link(from, to string) error   { return g.check(g.FS.Link(from, to)) }
func (g *guard) Rename(from, to string) error { return g.check(g.FS.Rename(from, to)) }

func (g *guard) MkdirAll(dir string, perm os.FileMode) error {
	return g.check(g.FS.MkdirAll(dir, perm))
}

func (g *guard) Unwrap() vfs.FS { return g.FS }

type guardedFile struct {
	vfs.File
	g *guard
}

func (f *guardedFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	return n, f.g.check(err)
}

func (f *guardedFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(b, at)
	return n, f.g.check(err)
}

func (f *guardedFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	return n, f.g.check(err)
}

func (f *guardedFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(b, at)
	return n, f.g.check(err)
}

func (f *guardedFile) Sync() error     { return f.g.check(f.File.Sync()) }
func (f *guardedFile) SyncData() error { return f.g.check(f.File.SyncData()) }

func (f *guardedFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.g.check(err)
}
