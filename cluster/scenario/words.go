package scenario

import (
	"fmt"
	"strings"
	"time"
)

// split parts a line into words. Quotes and brackets hold a word together.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	depth, quoted, escaped := 0, false, false
	for _, r := range line {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '[' || r == '{':
			depth++
		case r == ']' || r == '}':
			depth--
		case (r == ' ' || r == '\t') && depth <= 0:
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
			continue
		}
		word.WriteRune(r)
	}
	if quoted || depth != 0 {
		return nil, fmt.Errorf("a quote or a bracket is not closed")
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words, nil
}

// parseDuration reads 90s, 5m, 2h, 30d.
func parseDuration(s string) (time.Duration, error) {
	days, ok := strings.CutSuffix(s, "d")
	unit := s
	if ok {
		unit = days + "h"
	}
	d, err := time.ParseDuration(unit)
	if ok {
		d *= 24
	}
	if err != nil || d <= 0 || d > maxSpan {
		return 0, fmt.Errorf("%q is no time such as 500ms, 90s, 2h or 30d", s)
	}
	return d, nil
}

// maxSpan is the longest time that a scenario may name.
const maxSpan = 20 * 365 * 24 * time.Hour

// unknown says that a word is not known, and which one may be meant.
func unknown(what, word string, known []string) error {
	if near := nearest(word, known); near != "" {
		return fmt.Errorf("unknown %s %q; did you mean %q?", what, word, near)
	}
	return fmt.Errorf("unknown %s %q; known are %s", what, word, strings.Join(known, ", "))
}

// nearest is the known word that differs least, if it is near at all.
func nearest(word string, known []string) (best string) {
	least := max(2, len(word)/3) + 1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's, of words of a sane length.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above+1, row[j]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}
