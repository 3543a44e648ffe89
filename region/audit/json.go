package audit

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// dateForm is how dates stand in requestParameters and responseElements.
const dateForm = "Jan 2, 2006, 3:04:05 PM"

// Records are written by hand: their members have an order, and a record is made for each call.

// appendText writes a JSON string. Most are plain and need no escapes.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always has a form
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

func appendInt(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) }

// appendMap writes a map of strings by its keys.
func appendMap(b []byte, v reflect.Value) []byte {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, k.String())
		b = append(b, ':')
		b = appendText(b, v.MapIndex(k).String())
	}
	return append(b, '}')
}

// object is a JSON object that is being written.
type object struct{ b []byte }

// name begins a member.
func (o *object) name(name string) {
	if n := len(o.b); n > 0 && o.b[n-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

// text writes a member that is left out when empty.
func (o *object) text(name, value string) {
	if value != "" {
		o.name(name)
		o.b = appendText(o.b, value)
	}
}

func (o *object) boolean(name string, value bool) {
	o.name(name)
	o.b = appendBool(o.b, value)
}

func (o *object) number(name string, value int64) {
	o.name(name)
	o.b = appendInt(o.b, value)
}

// raw writes a member that is JSON already; nothing is null.
func (o *object) raw(name string, value []byte) {
	o.name(name)
	if len(value) == 0 {
		value = []byte("null")
	}
	o.b = append(o.b, value...)
}

func (o *object) begin(name string) {
	if name != "" {
		o.name(name)
	}
	o.b = append(o.b, '{')
}

func (o *object) end() { o.b = append(o.b, '}') }
