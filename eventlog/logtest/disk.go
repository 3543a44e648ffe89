package logtest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

var (
	_ raft.LogStore    = (*Disk)(nil)
	_ raft.StableStore = (*Disk)(nil)
)

// Disk is Raft's log and stable store on any file system, for one that a test can take the power
// from; raft-boltdb maps a real file.
type Disk struct {
	db   *pebble.DB
	sync *pebble.WriteOptions
}

// OpenDisk opens or makes a Disk. Synced false makes one that breaks Raft's rule that what is
// acknowledged is on disk, to show that a test would notice.
func OpenDisk(fs vfs.FS, dir string, synced bool) (*Disk, error) {
	db, err := pebble.Open(dir, &pebble.Options{
		FS: fs, Logger: quiet{}, MemTableSize: 64 << 10, FormatMajorVersion: pebble.FormatTableFormatV6,
	})
	if err != nil {
		return nil, fmt.Errorf("open disk: %w", err)
	}
	d := &Disk{db: db, sync: pebble.Sync}
	if !synced {
		d.sync = pebble.NoSync
	}
	return d, nil
}

// Close closes the disk.
func (d *Disk) Close() error { return d.db.Close() }

// FirstIndex implements raft.LogStore.
func (d *Disk) FirstIndex() (uint64, error) { return d.edge((*pebble.Iterator).First) }

// LastIndex implements raft.LogStore.
func (d *Disk) LastIndex() (uint64, error) { return d.edge((*pebble.Iterator).Last) }

func (d *Disk) edge(move func(*pebble.Iterator) bool) (index uint64, err error) {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: []byte("l"), UpperBound: []byte("m")})
	if err != nil {
		return 0, err
	}
	if move(it) {
		index = binary.BigEndian.Uint64(it.Key()[1:])
	}
	return index, it.Close()
}

// GetLog implements raft.LogStore.
func (d *Disk) GetLog(index uint64, log *raft.Log) error {
	v, err := d.read(entryKey(index))
	if errors.Is(err, pebble.ErrNotFound) {
		return raft.ErrLogNotFound
	}
	if err != nil {
		return err
	}
	*log = raft.Log{Index: index, Term: binary.BigEndian.Uint64(v), Type: raft.LogType(v[8]), Data: v[9:]}
	return nil
}

// StoreLog implements raft.LogStore.
func (d *Disk) StoreLog(log *raft.Log) error { return d.StoreLogs([]*raft.Log{log}) }

// StoreLogs implements raft.LogStore.
func (d *Disk) StoreLogs(logs []*raft.Log) error {
	b := d.db.NewBatch()
	for _, l := range logs {
		v := append(binary.BigEndian.AppendUint64(nil, l.Term), byte(l.Type))
		if err := b.Set(entryKey(l.Index), append(v, l.Data...), nil); err != nil {
			return err
		}
	}
	return b.Commit(d.sync)
}

// DeleteRange implements raft.LogStore.
func (d *Disk) DeleteRange(first, last uint64) error {
	return d.db.DeleteRange(entryKey(first), entryKey(last+1), d.sync)
}

// Set implements raft.StableStore.
func (d *Disk) Set(key, value []byte) error { return d.db.Set(stableKey(key), value, d.sync) }

// Get implements raft.StableStore.
func (d *Disk) Get(key []byte) ([]byte, error) {
	v, err := d.read(stableKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, errors.New("not found") // the text is what Raft looks at
	}
	return v, err
}

// SetUint64 implements raft.StableStore.
func (d *Disk) SetUint64(key []byte, value uint64) error {
	return d.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 implements raft.StableStore.
func (d *Disk) GetUint64(key []byte) (uint64, error) {
	v, err := d.Get(key)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(v), nil
}

func (d *Disk) read(key []byte) ([]byte, error) {
	v, closer, err := d.db.Get(key)
	if err != nil {
		return nil, err
	}
	v = append([]byte{}, v...)
	return v, closer.Close()
}

func entryKey(index uint64) []byte { return binary.BigEndian.AppendUint64([]byte("l"), index) }
func stableKey(key []byte) []byte  { return append([]byte("s"), key...) }

type quiet struct{}

func (quiet) Infof(string, ...any)              {}
func (quiet) Errorf(string, ...any)             {}
func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
