package kmsapi

import (
	"encoding/base64"
	"strconv"
)

// structure is implemented by every structure that a caller can send.
type structure interface {
	// decodeMember reads or skips the value of the named member.
	decodeMember(r *reader, name string)
}

// decodeBody decodes a request body. An empty one stands for no members, as some clients send it.
func decodeBody(body []byte, into structure) error {
	if len(body) == 0 {
		return nil
	}
	r := reader{data: body}
	if !r.object(into.decodeMember) {
		r.wrongType("a structure")
	}
	if r.end(); r.fault != nil {
		return r.fault
	}
	return nil
}

// The readers of members below answer nil for null, which is the same as absence, and on failure.

func readText[S ~string](r *reader) *S {
	if r.null() {
		return nil
	}
	s, ok := r.text()
	if !ok {
		r.wrongType("a string")
		return nil
	}
	return new(S(s))
}

func readInteger(r *reader) *int32 {
	if r.null() {
		return nil
	}
	number, ok := r.number()
	if !ok {
		r.wrongType("an integer")
		return nil
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil {
		r.fail("%s is not an integer of 32 bits", bounded(number))
		return nil
	}
	return new(int32(n))
}

func readBoolean(r *reader) *bool {
	switch {
	case r.null():
		return nil
	case r.literal("true"):
		return new(true)
	case r.literal("false"):
		return new(false)
	}
	r.wrongType("a boolean")
	return nil
}

func readTimestamp(r *reader) *Timestamp {
	if r.null() {
		return nil
	}
	number, ok := r.number()
	if !ok {
		r.wrongType("a timestamp in seconds")
		return nil
	}
	t, ok := parseTimestamp(number)
	if !ok {
		r.fail("%s is not a timestamp in seconds", bounded(number))
		return nil
	}
	return &t
}

// readBlob never returns nil for a blob that is there, even if it is empty.
func readBlob(r *reader) []byte {
	if r.null() {
		return nil
	}
	s, ok := r.text()
	if !ok {
		r.wrongType("a base64 string")
		return nil
	}
	blob := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	// The decoder skips line breaks, which is harmless, and refuses all other strangers.
	n, err := base64.StdEncoding.Decode(blob, []byte(s))
	if err != nil {
		r.fail("a blob is not base64")
		return nil
	}
	return blob[:n]
}

func readStruct[T any, P interface {
	*T
	structure
}](r *reader) *T {
	if r.null() {
		return nil
	}
	value := new(T)
	if !r.object(P(value).decodeMember) {
		r.wrongType("a structure")
		return nil
	}
	return value
}

// Elements of lists and values of maps have no way to be absent, so null is refused there.

func readStructs[T any, P interface {
	*T
	structure
}](r *reader) []T {
	return readList(r, func(list []T) []T {
		list = append(list, *new(T))
		if !r.object(P(&list[len(list)-1]).decodeMember) {
			r.wrongType("a structure")
		}
		return list
	})
}

func readTexts[S ~string](r *reader) []S {
	return readList(r, func(list []S) []S {
		s, ok := r.text()
		if !ok {
			r.wrongType("a string")
		}
		return append(list, S(s))
	})
}

func readList[T any](r *reader, element func([]T) []T) []T {
	if r.null() {
		return nil
	}
	list := []T{}
	if !r.array(func() { list = element(list) }) {
		r.wrongType("a list")
	}
	return list
}

func readMap(r *reader) map[string]string {
	if r.null() {
		return nil
	}
	values := map[string]string{}
	if !r.object(func(r *reader, name string) { values[name] = r.scalar() }) {
		r.wrongType("a map")
	}
	return values
}

// scalar reads a value of a map of strings. The service takes numbers and booleans for their text.
func (r *reader) scalar() string {
	switch r.peek() {
	case 't', 'f':
		for _, word := range []string{"true", "false"} {
			if r.literal(word) {
				return word
			}
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		number, _ := r.number()
		return number
	}
	s, ok := r.text()
	if !ok {
		r.wrongType("a string")
	}
	return s
}
