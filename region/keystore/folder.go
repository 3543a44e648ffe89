package keystore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// folder is state/: generations, and the file CURRENT, which names one of them.
type folder struct {
	fs   vfs.FS
	root string
}

const (
	currentFile   = "CURRENT"
	currentMagic  = "meridian-state"
	generationTag = "gen-"
	maxCurrent    = 256 // bytes
)

func (d folder) at(name string) string { return d.fs.PathJoin(d.root, name) }

// prepare makes the folder and has its name survive a power loss.
func (d folder) prepare() error {
	if err := d.fs.MkdirAll(d.root, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return d.syncDir(d.fs.PathDir(d.root))
}

func (d folder) syncDir(path string) error {
	f, err := d.fs.OpenDir(path)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// current is the name of the current generation; empty: there is none yet.
func (d folder) current() (string, error) {
	f, err := d.fs.Open(d.at(currentFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", currentFile, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxCurrent))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("read %s: %w", currentFile, err)
	}
	return parseCurrent(string(b))
}

// parseCurrent reads "meridian-state <format> <generation>\n".
func parseCurrent(text string) (string, error) {
	var (
		magic, name string
		format      int
	)
	if _, err := fmt.Sscanf(text, "%s %d %s\n", &magic, &format, &name); err != nil || magic != currentMagic {
		return "", fmt.Errorf("%s is damaged", currentFile)
	}
	if format > Format {
		return "", fmt.Errorf("%w: it has format %d, this build reads up to %d", ErrNewer, format, Format)
	}
	if _, ok := generationNumber(name); !ok || format < 1 {
		return "", fmt.Errorf("%s is damaged", currentFile)
	}
	return name, nil
}

// point makes name the current generation: all of it, or, at whatever instant the power goes,
// nothing.
func (d folder) point(name string) error {
	temporary := d.at(currentFile + ".new")
	f, err := d.fs.Create(temporary, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("write %s: %w", currentFile, err)
	}
	_, err = fmt.Fprintf(f, "%s %d %s\n", currentMagic, Format, name)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", currentFile, err)
	}
	if err := d.fs.Rename(temporary, d.at(currentFile)); err != nil {
		return fmt.Errorf("write %s: %w", currentFile, err)
	}
	return d.syncDir(d.root)
}

// next is a name that no generation has, later than all.
func (d folder) next() (string, error) {
	names, err := d.fs.List(d.root)
	if err != nil {
		return "", fmt.Errorf("list folder: %w", err)
	}
	var last uint64
	for _, name := range names {
		if n, ok := generationNumber(name); ok {
			last = max(last, n)
		}
	}
	return fmt.Sprintf("%s%06d", generationTag, last+1), nil
}

// sweep removes all generations but the one to keep.
func (d folder) sweep(keep string) error {
	names, err := d.fs.List(d.root)
	if err != nil {
		return fmt.Errorf("list folder: %w", err)
	}
	for _, name := range names {
		if _, ok := generationNumber(name); ok && name != keep {
			err = errors.Join(err, d.fs.RemoveAll(d.at(name)))
		}
	}
	return err
}

func generationNumber(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, generationTag)
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, ok && err == nil
}
