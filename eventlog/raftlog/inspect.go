package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
)

// inspect reads all of the log's database, if there is one, before it is opened to be written. What
// the database itself finds on opening ends the process from a goroutine of its own, with pages of
// stack where one line should be, and of much it finds nothing: it goes back a transaction where its
// newest page does not check, as if what was acknowledged with it had never been.
func inspect(path string) (err error) {
	b, err := metaPages(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return nil // made and never written
	}
	if err := checkMeta(b); err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a file shorter than its pages say
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its pages contradict each other: %.200s", fmt.Sprint(p))
		}
	}()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.View(walk)
}

// Where the database keeps its two meta pages, and what is in them.
const (
	pageHead   = 16
	metaBytes  = 64
	metaMagic  = 0xED0CDAED
	metaTx     = 48 // offset of the transaction's number
	metaSum    = 56 // offset of the checksum, which is over all before it
	minPage    = 1 << 9
	maxPage    = 1 << 16
	pageSizeAt = pageHead + 8
)

// metaPages reads the beginning of the file, as far as the second meta page of the largest page size.
func metaPages(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, maxPage+pageHead+metaBytes)
	n, err := f.ReadAt(b, 0)
	if n > 0 {
		err = nil // the end of a short file; checkMeta tells
	} else if info, e := f.Stat(); e == nil && info.Size() == 0 {
		err = nil
	}
	return b[:n], err
}

// checkMeta wants both meta pages whole and of transactions that follow each other. One is written
// with each commit, into one sector: no crash leaves half of it, so one that is wrong is damage.
func checkMeta(b []byte) error {
	size := os.Getpagesize()
	if len(b) >= pageSizeAt+4 { // if the first page is the damaged one, the machine's size is the likely one
		if n := int(binary.NativeEndian.Uint32(b[pageSizeAt:])); n >= minPage && n <= maxPage && n&(n-1) == 0 {
			size = n
		}
	}
	var tx [2]uint64
	for i := range tx {
		at := i*size + pageHead
		if len(b) < at+metaBytes {
			return fmt.Errorf("meta page %d is cut off", i)
		}
		m := b[at : at+metaBytes]
		h := fnv.New64a()
		h.Write(m[:metaSum])
		if binary.NativeEndian.Uint32(m) != metaMagic || binary.NativeEndian.Uint64(m[metaSum:]) != h.Sum64() {
			return fmt.Errorf("meta page %d: %w", i, errChecksum)
		}
		tx[i] = binary.NativeEndian.Uint64(m[metaTx:])
	}
	if tx[0] != tx[1]+1 && tx[1] != tx[0]+1 {
		return fmt.Errorf("meta pages are of transactions %d and %d, which do not follow each other", tx[0], tx[1])
	}
	return nil
}

// walk reads every page that can be reached. Keys must rise, which also ends a walk in a circle, and
// the log must be without gaps.
func walk(tx *bbolt.Tx) error {
	return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		log := string(name) == "logs"
		var last []byte
		c := b.Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if last != nil && bytes.Compare(k, last) <= 0 {
				return fmt.Errorf("keys of %.20q are out of order", name)
			}
			if log && (len(k) != 8 || last != nil && binary.BigEndian.Uint64(k) != binary.BigEndian.Uint64(last)+1) {
				return fmt.Errorf("entries do not follow each other after %x", last)
			}
			if len(v) > 2*MaxEntry {
				return fmt.Errorf("value of %x is too long", k)
			}
			last = append(last[:0], k...)
		}
		return nil
	})
}
