package cluster

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// maxLine bounds a line of a log in bytes; longer ones are cut into lines.
const maxLine = 64 << 10

// Line is a line of a node's log.
type Line struct {
	Node string
	Text string
	time string // RFC 3339, sorts as time does; empty lines belong to the one before
}

// Logs yields the lines of nodes' logs, merged by time, at most the last of each node (0: all). With follow it goes
// on with new lines, in the order in which they are seen, until ctx ends.
func (c *Cluster) Logs(ctx context.Context, names []string, last int, follow bool, show func(Line) error) error {
	var lines []Line
	readers := make([]*logReader, 0, len(names))
	for _, name := range names {
		r := &logReader{node: name, path: c.Dir.Node(name).Log()}
		defer r.close()
		got, err := r.read()
		if err != nil {
			return err
		}
		if last > 0 && len(got) > last {
			got = got[len(got)-last:]
		}
		lines = append(lines, got...)
		readers = append(readers, r)
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return strings.Compare(a.time, b.time) })
	for {
		for _, l := range lines {
			if err := show(l); err != nil {
				return err
			}
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond): // a file tells nobody that it grew
		}
		lines = lines[:0]
		for _, r := range readers {
			got, err := r.read()
			if err != nil {
				return err
			}
			lines = append(lines, got...)
		}
	}
}

// logReader reads a log that grows.
type logReader struct {
	node, path string
	file       *os.File
	buf        *bufio.Reader
	part       string // of a line without its end
	time       string // of the last line that had one
}

// read returns the lines that were added since the last call.
func (r *logReader) read() (lines []Line, err error) {
	if r.file == nil {
		f, err := os.Open(r.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // it never ran
		}
		if err != nil {
			return nil, err
		}
		r.file, r.buf = f, bufio.NewReaderSize(f, maxLine)
	}
	for {
		piece, err := r.buf.ReadSlice('\n')
		r.part += string(piece)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return lines, err
		}
		text := strings.TrimSuffix(r.part, "\n")
		r.part = ""
		if t := stamp(text); t != "" {
			r.time = t
		}
		lines = append(lines, Line{Node: r.node, Text: text, time: r.time})
	}
}

func (r *logReader) close() {
	if r.file != nil {
		r.file.Close()
	}
}

// stamp returns the time at the start of a line in a form that sorts.
func stamp(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if object, ok := strings.CutPrefix(text, `{"time":"`); ok { // as JSON
		word, _, _ = strings.Cut(object, `"`)
	}
	t, err := time.Parse(time.RFC3339Nano, strings.TrimPrefix(word, "time="))
	if err != nil {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// tail returns the last lines of a file, for an error message.
func tail(path string, n int) string {
	r := &logReader{path: path}
	defer r.close()
	lines, err := r.read()
	if err != nil {
		return "  (" + err.Error() + ")"
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i].Text, startMark) {
			lines = lines[i+1:]
			break
		}
	}
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("  " + l.Text + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
