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
}

// parseJSON reads one JSON value. Unlike json.Unmarshal it takes names as they are written, upper
// and lower case, and refuses an object that says the same name twice: of two readers of such a
// policy, one would see another policy.
func parseJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readValue(d, maxDepth)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

func readValue(d *json.Decoder, depth int) (any, error) {
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

func readObject(d *json.Decoder, depth int) (any, error) {
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
		v, err := readValue(d, depth)
		if err != nil {
			return nil, err
		}
		o = append(o, member{name, v})
	}
	_, err := d.Token() // the closing brace
	return o, err
}

func readList(d *json.Decoder, depth int) (any, error) {
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
