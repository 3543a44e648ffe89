package strictyaml

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"gopkg.in/yaml.v3"
)

// maxFaults is how many defects one error names.
const maxFaults = 20

// Reader collects what is wrong with a file. The zero Reader is ready.
type Reader struct{ faults []fault }

// fault is what is wrong in a line.
type fault struct {
	line int
	text string
}

// Open parses a file of one document and of at most so many bytes, and returns its root.
func (r *Reader) Open(text []byte, most int) (*yaml.Node, error) {
	if len(text) > most {
		return nil, fmt.Errorf("%d bytes, at most %d", len(text), most)
	}
	var root yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(text))
	err := documents.Decode(&root)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("line 1: the file is empty")
	}
	if err != nil {
		return nil, err // of the form «yaml: line 3: …»
	}
	var second yaml.Node
	if err := documents.Decode(&second); !errors.Is(err, io.EOF) {
		r.Fail(&second, "the file holds more than one document")
	}
	return root.Content[0], nil
}

// Fail notes what is wrong with a node.
func (r *Reader) Fail(n *yaml.Node, format string, args ...any) { r.FailAt(n.Line, format, args...) }

// FailAt notes what is wrong in a line.
func (r *Reader) FailAt(line int, format string, args ...any) {
	r.faults = append(r.faults, fault{line, fmt.Sprintf(format, args...)})
}

// Err is all that is wrong, in the order of the lines; nil: nothing.
func (r *Reader) Err() error {
	slices.SortStableFunc(r.faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	var errs []error
	for i, f := range r.faults {
		if i == maxFaults {
			errs = append(errs, fmt.Errorf("and %d more", len(r.faults)-i))
			break
		}
		errs = append(errs, fmt.Errorf("line %d: %s", f.line, f.text))
	}
	return errors.Join(errs...)
}
