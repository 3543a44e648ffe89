package scenario

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// text marks a value whose bytes are meant, as in Plaintext=text:hello.
const text = "text:"

// literal reads a value as it is written: JSON, text:BYTES, or bare words, which are a string.
func literal(word string) any {
	if b, ok := strings.CutPrefix(word, text); ok {
		return base64.StdEncoding.EncodeToString([]byte(unquote(b)))
	}
	var v any
	if json.Unmarshal([]byte(word), &v) == nil {
		return v
	}
	return word
}

func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return s
}

// resolve puts the values of variables in their places.
func resolve(v any, vars map[string]any) any {
	switch v := v.(type) {
	case string:
		if value, ok := vars[v]; ok {
			return value
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = resolve(v[i], vars)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = resolve(v[k], vars)
		}
		return out
	}
	return v
}

// variablesIn are the variables that a value names.
func variablesIn(v any) (names []string) {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "$") {
			names = append(names, v)
		}
	case []any:
		for _, e := range v {
			names = append(names, variablesIn(e)...)
		}
	case map[string]any:
		for _, e := range v {
			names = append(names, variablesIn(e)...)
		}
	}
	return names
}

// at follows a path such as KeyMetadata.MultiRegionConfiguration.ReplicaKeys.0.Region; # is how many there are.
func at(v any, path string) (any, bool) {
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = x[part]; !ok {
				return nil, false
			}
		case []any:
			if part == "#" {
				v = float64(len(x))
				continue
			}
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// equal compares two values as JSON has them.
func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// show prints a value for people, with the names of variables in place of what they hold.
func show(v any, vars map[string]any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	s := string(b)
	for name, value := range vars {
		if text, ok := value.(string); ok && len(text) >= 8 {
			s = strings.ReplaceAll(s, text, name)
		}
	}
	if u := unquote(s); !strings.ContainsAny(u, " \t\n") {
		s = u
	}
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}
