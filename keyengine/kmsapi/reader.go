package kmsapi

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a body. The deepest shape of the model needs four.
const maxDepth = 64

// reader reads JSON (RFC 8259) from outside. It is stricter than encoding/json where leniency would
// let two different requests mean the same or one request mean two things: member names match
// exactly, text is valid UTF-8 without lone surrogates, and a list is no blob. Of a repeated member
// the last one counts.
//
// The first failure sticks: after it every method does nothing and answers false.
type reader struct {
	data  []byte
	pos   int
	depth int
	fault *Fault
}

func (r *reader) fail(format string, args ...any) {
	if r.fault == nil {
		r.fault = Errorf(SerializationException, format, args...)
	}
}

// wrongType fails because the value at hand is not what was expected.
func (r *reader) wrongType(expected string) {
	found := "nothing"
	switch c := r.peek(); {
	case c == '"':
		found = "a string"
	case c == '{':
		found = "a structure"
	case c == '[':
		found = "a list"
	case c == 't', c == 'f':
		found = "a boolean"
	case c == 'n':
		found = "null"
	case c == '-', '0' <= c && c <= '9':
		found = "a number"
	case c != 0:
		r.malformed()
		return
	}
	r.fail("expected %s, found %s", expected, found)
}

func (r *reader) malformed() { r.fail("the body is not JSON: unexpected input at byte %d", r.pos) }

// peek skips white space and returns the next byte, 0 at the end or after a failure.
func (r *reader) peek() byte {
	if r.fault != nil {
		return 0
	}
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return c
		}
	}
	return 0
}

// accept consumes c if it is next.
func (r *reader) accept(c byte) bool {
	if r.peek() != c || r.fault != nil || r.pos >= len(r.data) {
		return false
	}
	r.pos++
	return true
}

// end fails if anything but white space is left.
func (r *reader) end() {
	if r.peek(); r.fault == nil && r.pos != len(r.data) {
		r.malformed()
	}
}

// literal consumes word if it is next.
func (r *reader) literal(word string) bool {
	if r.peek(); r.fault != nil || len(r.data)-r.pos < len(word) || string(r.data[r.pos:r.pos+len(word)]) != word {
		return false
	}
	r.pos += len(word)
	return true
}

func (r *reader) null() bool { return r.literal("null") }

// object consumes an object; member must consume the value of each member. It answers false and
// consumes nothing if no object is next.
func (r *reader) object(member func(r *reader, name string)) bool {
	return r.nest('{', '}', func() {
		name, ok := r.text()
		if !ok || !r.accept(':') {
			r.malformed()
			return
		}
		member(r, name)
	})
}

// array consumes an array; element must consume each element.
func (r *reader) array(element func()) bool { return r.nest('[', ']', element) }

func (r *reader) nest(open, closing byte, part func()) bool {
	if !r.accept(open) {
		return false
	}
	if r.depth++; r.depth > maxDepth {
		r.fail("the body is nested too deeply")
		return false
	}
	defer func() { r.depth-- }()
	if r.accept(closing) {
		return true
	}
	for r.fault == nil {
		if part(); r.accept(',') {
			continue
		}
		if !r.accept(closing) {
			r.malformed()
		}
		break
	}
	return r.fault == nil
}

// skip consumes any value.
func (r *reader) skip() {
	switch c := r.peek(); c {
	case '{':
		r.object(func(r *reader, _ string) { r.skip() })
	case '[':
		r.array(r.skip)
	case '"':
		r.text()
	case 't', 'f', 'n':
		if !r.literal("true") && !r.literal("false") && !r.literal("null") {
			r.malformed()
		}
	default:
		if _, ok := r.number(); !ok {
			r.malformed()
		}
	}
}

// number consumes a number and returns its text.
func (r *reader) number() (string, bool) {
	c := r.peek()
	if c != '-' && (c < '0' || c > '9') {
		return "", false
	}
	start := r.pos
	if c == '-' {
		r.pos++
	}
	if !r.digits(true) {
		return "", false
	}
	if r.pos < len(r.data) && r.data[r.pos] == '.' {
		r.pos++
		if !r.digits(false) {
			return "", false
		}
	}
	if r.pos < len(r.data) && r.data[r.pos]|0x20 == 'e' {
		r.pos++
		if r.pos < len(r.data) && (r.data[r.pos] == '+' || r.data[r.pos] == '-') {
			r.pos++
		}
		if !r.digits(false) {
			return "", false
		}
	}
	return string(r.data[start:r.pos]), true
}

// digits consumes one digit at least; an integer part has no needless zero in front.
func (r *reader) digits(integer bool) bool {
	start := r.pos
	for r.pos < len(r.data) && '0' <= r.data[r.pos] && r.data[r.pos] <= '9' {
		r.pos++
	}
	if n := r.pos - start; n == 0 || integer && n > 1 && r.data[start] == '0' {
		r.malformed()
		return false
	}
	return true
}

// text consumes a string.
func (r *reader) text() (string, bool) {
	if !r.accept('"') {
		return "", false
	}
	start := r.pos
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; {
		case c == '"':
			s := r.data[start:r.pos]
			if !utf8.Valid(s) {
				r.fail("the body is not UTF-8")
				return "", false
			}
			r.pos++
			return string(s), true
		case c == '\\':
			return r.escapedText(start)
		case c < 0x20:
			r.malformed()
			return "", false
		}
		r.pos++
	}
	r.malformed()
	return "", false
}

// escapedText goes on with a string at its first escape.
func (r *reader) escapedText(start int) (string, bool) {
	s := append(make([]byte, 0, 2*(r.pos-start)+16), r.data[start:r.pos]...)
	for r.pos < len(r.data) {
		c := r.data[r.pos]
		switch {
		case c == '"':
			if !utf8.Valid(s) {
				r.fail("the body is not UTF-8")
				return "", false
			}
			r.pos++
			return string(s), true
		case c < 0x20:
			r.malformed()
			return "", false
		case c != '\\':
			s = append(s, c)
			r.pos++
			continue
		}
		var ok bool
		if s, ok = r.escape(s); !ok {
			r.malformed()
			return "", false
		}
	}
	r.malformed()
	return "", false
}

// escape consumes an escape sequence and appends what it stands for.
func (r *reader) escape(s []byte) ([]byte, bool) {
	if r.pos+1 >= len(r.data) {
		return nil, false
	}
	c := r.data[r.pos+1]
	if c == 'u' {
		return r.unicodeEscape(s)
	}
	r.pos += 2
	switch c {
	case '"', '\\', '/':
		return append(s, c), true
	case 'b':
		return append(s, '\b'), true
	case 'f':
		return append(s, '\f'), true
	case 'n':
		return append(s, '\n'), true
	case 'r':
		return append(s, '\r'), true
	case 't':
		return append(s, '\t'), true
	}
	return nil, false
}

func (r *reader) unicodeEscape(s []byte) ([]byte, bool) {
	char, ok := r.hex4()
	if !ok {
		return nil, false
	}
	if utf16.IsSurrogate(char) {
		low, ok := r.hex4()
		if !ok {
			return nil, false
		}
		if char = utf16.DecodeRune(char, low); char == utf8.RuneError {
			return nil, false
		}
	}
	return utf8.AppendRune(s, char), true
}

// hex4 consumes \uXXXX.
func (r *reader) hex4() (rune, bool) {
	if len(r.data)-r.pos < 6 || r.data[r.pos] != '\\' || r.data[r.pos+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(r.data[r.pos+2:r.pos+6]), 16, 16)
	if err != nil {
		return 0, false
	}
	r.pos += 6
	return rune(n), true
}
