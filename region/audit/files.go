package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// suffix is how the names of files end; before it stands a number of 8 digits.
const suffix = ".jsonl"

// fileName is the name of a file by its number.
func fileName(n uint64) string { return fmt.Sprintf("%08d%s", n, suffix) }

// numbers returns the numbers of the files in a folder, in order. A folder that is not there has none.
func numbers(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []uint64
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), suffix)
		n, err := strconv.ParseUint(digits, 10, 64)
		if ok && err == nil && e.Type().IsRegular() && e.Name() == fileName(n) {
			found = append(found, n)
		}
	}
	slices.Sort(found)
	return found, nil
}

// files are the files of a Log, open at the newest.
type files struct {
	dir    string
	most   int   // files
	room   int64 // bytes of one
	logger *slog.Logger

	number uint64
	file   *os.File
	size   int64
	failed bool // the last write was not whole
}

// openFiles opens the newest file of a folder, or the first.
func openFiles(c *Config) (*files, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	there, err := numbers(c.Dir)
	if err != nil {
		return nil, err
	}
	f := &files{dir: c.Dir, most: c.MaxFiles, room: c.MaxFile, logger: c.Logger, number: 1}
	if len(there) > 0 {
		f.number = there[len(there)-1]
	}
	return f, f.open()
}

// open opens the file with the current number at its end, and ends a line that a dying process left.
func (f *files) open() error {
	file, err := os.OpenFile(filepath.Join(f.dir, fileName(f.number)), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil && size > 0 {
		last := make([]byte, 1)
		if _, err = file.ReadAt(last, size-1); err == nil && last[0] != '\n' {
			_, err = file.Write([]byte("\n"))
			size++
		}
	}
	if err != nil {
		file.Close()
		return err
	}
	f.file, f.size = file, size
	return nil
}

// write appends whole lines. It reports whether they are in the file.
func (f *files) write(lines []byte) bool {
	err := f.turn(int64(len(lines)))
	if err == nil {
		var n int
		n, err = f.file.Write(lines)
		f.size += int64(n)
	}
	if err != nil && !f.failed { // said once, not for each call
		f.logger.Error("calls cannot be recorded; they are counted", "dir", f.dir, "err", err)
	}
	if err != nil && f.file != nil { // what is half written ends where the file is opened again
		f.file.Close()
		f.file = nil
	}
	f.failed = err != nil
	return err == nil
}

// turn goes to the next file where the current one has no room, and removes the oldest.
func (f *files) turn(more int64) error {
	if f.file == nil {
		return f.open()
	}
	if f.size == 0 || f.size+more <= f.room {
		return nil
	}
	f.file.Close()
	f.file = nil
	f.number++
	if err := f.open(); err != nil {
		return err
	}
	there, err := numbers(f.dir)
	if err != nil {
		return err
	}
	for _, n := range there[:max(len(there)-f.most, 0)] {
		if err := os.Remove(filepath.Join(f.dir, fileName(n))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *files) close() {
	if f.file != nil {
		f.file.Close()
	}
}
