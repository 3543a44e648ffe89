package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// In a compiled pattern these bytes stand for the wildcards, so that an escaped * is a plain one. No
// text of a policy may contain them.
const (
	anyRun = '\x00' // *
	anyOne = '\x01' // ?
)

// maxPatternBytes bounds what matching a hostile pattern can cost: its length times that of the value.
const maxPatternBytes = 4096

// pattern is a value of a policy in the form in which it is compared.
type pattern struct {
	text  string // with wildcards as anyRun and anyOne; without variables
	wild  bool
	parts []part // instead of text where there are variables
}

// part is a stretch of a pattern: text, or a variable.
type part struct {
	text     string
	variable string // name of a condition key, lower case
	fallback *string
}

// compile reads a value. The wildcards * and ?, and the variables ${…}, count only where they are
// said to.
func compile(s string, wildcards, variables bool) (pattern, error) {
	switch {
	case len(s) > maxPatternBytes:
		return pattern{}, fmt.Errorf("a value has %d bytes, at most %d are allowed", len(s), maxPatternBytes)
	case strings.ContainsAny(s, "\x00\x01"):
		return pattern{}, errors.New("a value contains a control character")
	}
	var p pattern
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case wildcards && s[i] == '*':
			text.WriteByte(anyRun)
			p.wild = true
		case wildcards && s[i] == '?':
			text.WriteByte(anyOne)
			p.wild = true
		case variables && strings.HasPrefix(s[i:], "${"):
			inner, _, closed := strings.Cut(s[i+2:], "}")
			if !closed {
				return pattern{}, fmt.Errorf("the policy variable in %.64q is not closed", s)
			}
			i += len(inner) + 2
			if inner == "*" || inner == "?" || inner == "$" {
				text.WriteString(inner)
				continue
			}
			v, err := readVariable(inner)
			if err != nil {
				return pattern{}, err
			}
			p.parts = append(p.parts, part{text: text.String()}, v)
			text.Reset()
		default:
			text.WriteByte(s[i])
		}
	}
	if p.parts == nil {
		p.text = text.String()
	} else {
		p.parts = append(p.parts, part{text: text.String()})
	}
	return p, nil
}

// readVariable reads what stands between ${ and }: the name of a key and maybe , 'a default'.
func readVariable(inner string) (part, error) {
	name, rest, has := strings.Cut(inner, ",")
	name = strings.TrimSpace(name)
	if !conditionKey.MatchString(name) {
		return part{}, fmt.Errorf("invalid policy variable %.64q", inner)
	}
	v := part{variable: strings.ToLower(name)}
	if has {
		rest = strings.TrimSpace(rest)
		if len(rest) < 2 || rest[0] != '\'' || rest[len(rest)-1] != '\'' {
			return part{}, fmt.Errorf("the default of the policy variable %.64q is not in single quotes", inner)
		}
		v.fallback = new(rest[1 : len(rest)-1])
	}
	return v, nil
}

// expand returns the pattern's text for this call; false if a variable has no single value here. The
// value of a variable never acts as a wildcard.
func (p *pattern) expand(e *evaluation) (string, bool) {
	if p.parts == nil {
		return p.text, true
	}
	var b strings.Builder
	for _, q := range p.parts {
		if q.variable == "" {
			b.WriteString(q.text)
			continue
		}
		var one [1]string
		values := e.lookup(q.variable, &one)
		switch {
		case len(values) == 1 && !strings.ContainsAny(values[0], "\x00\x01"):
			b.WriteString(values[0])
		case len(values) == 0 && q.fallback != nil:
			b.WriteString(*q.fallback)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// matches reports whether a value is what the pattern describes.
func (p *pattern) matches(e *evaluation, value string) bool {
	text, ok := p.expand(e)
	if !ok {
		return false
	}
	if !p.wild {
		return text == value
	}
	return glob(text, value, false)
}

// glob matches a value against a text with wildcards. With fold, ASCII letters of the value count as
// lower case; the text has to be in lower case.
func glob(text, value string, fold bool) bool {
	t, v := 0, 0
	star, mark := -1, 0 // where the last * stands, and up to where it reaches
	for v < len(value) {
		if t < len(text) {
			c := value[v]
			if fold {
				c = lowerASCII(c)
			}
			switch {
			case text[t] == anyRun:
				star, mark = t, v
				t++
				continue
			case text[t] == anyOne:
				_, n := utf8.DecodeRuneInString(value[v:])
				t, v = t+1, v+n
				continue
			case text[t] == c:
				t, v = t+1, v+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		_, n := utf8.DecodeRuneInString(value[mark:])
		mark += n
		t, v = star+1, mark
	}
	for t < len(text) && text[t] == anyRun {
		t++
	}
	return t == len(text)
}
