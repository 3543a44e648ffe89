package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth is deeper than any policy goes: document, statement, condition, operator, list.
const maxDepth = 8

// object is a JSON object whose members keep their order, so that what is said about a document
// does not depend on the order of a map.
type object []member

type member struct {
	name  string
	value any // object, []any, string, json.Number, bool or nil
	line  int // where the name stands, from 1 on
}

// reader decodes one text and knows at which line it is.
type reader struct {
	*json.Decoder
	text string
	seen int64 // up to where lines were counted
	line int
}

// at returns the line that has been reached.
func (d *reader) at() int {
	now := d.InputOffset()
	d.line += strings.Count(d.text[d.seen:now], "\n")
	d.seen = now
	return d.line
}

// parseJSON reads one JSON value. Unlike json.Unmarshal it takes names as they are written, upper
// and lower case, and refuses an object that says the same name twice: of two readers of such a
// policy, one would see another policy.
func parseJSON(text string) (any, error) {
	d := &reader{Decoder: json.NewDecoder(strings.NewReader(text)), text: text, line: 1}
	d.UseNumber()
	v, err := readValue(d, maxDepth)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("line %d: %w", d.at(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

func readValue(d *reader, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	switch {
	case !ok:
		return t, nil
	case depth == 0:
		return nil, errors.New("nested too deeply")
	case delim == '{':
		return readObject(d, depth-1)
	default:
		return readList(d, depth-1)
	}
}

func readObject(d *reader, depth int) (any, error) {
	o := object{}
	seen := map[string]struct{}{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := t.(string) // the decoder lets nothing else through
		if _, twice := seen[name]; twice {
			return nil, fmt.Errorf("%.64q occurs twice", name)
		}
		seen[name] = struct{}{}
		line := d.at()
		v, err := readValue(d, depth)
		if err != nil {
			return nil, err
		}
		o = append(o, member{name, v, line})
	}
	_, err := d.Token() // the closing brace
	return o, err
}

func readList(d *reader, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := readValue(d, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token() // the closing bracket
	return list, err
}
