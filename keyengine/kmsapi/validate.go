package kmsapi

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The checks below word their findings as AWS does:
//
//	1 validation error detected: Value '' at 'keyId' failed to satisfy constraint: Member must …
//
// Findings come in the model's order of members. A path is the members' names in lowerCamelCase; a
// structure in a list is <list>.<number from 1>.member, as in tags.1.member.tagKey. A list of plain
// values is one finding with the list as its value and the element's constraints in brackets. The
// value of a blob or a sensitive shape is left out ("Value at …"). Lengths of text are counted in
// Unicode code points.

const (
	unbounded = math.MaxInt
	// maxFindings is how many findings a message spells out; its count tells them all.
	maxFindings = 10
	// maxShown bounds, in bytes, a caller's value in a message.
	maxShown = 256
)

// constraint is what the model demands of a shape's values.
type constraint struct {
	min, max int // of the length, the size or the value
	source   string
	pattern  *regexp.Regexp // of source, for the whole value
	enum     []string
	mistaken []string // what AWS lists in a message instead of enum, and lets through here
	secret   bool
}

// violations collects findings.
type violations struct {
	count    int
	findings []string
}

func validateInput(x interface{ validate(*violations, string) }) error {
	var v violations
	if x.validate(&v, ""); v.count == 0 {
		return nil
	}
	plural := "s"
	if v.count == 1 {
		plural = ""
	}
	return Errorf(ValidationException, "%d validation error%s detected: %s", v.count, plural, strings.Join(v.findings, "; "))
}

// add notes a finding; shown is the value with quotes, or empty.
func (v *violations) add(at, shown, demand string) {
	if v.count++; v.count > maxFindings {
		return
	}
	if shown != "" {
		shown += " "
	}
	v.findings = append(v.findings, fmt.Sprintf("Value %sat '%s' failed to satisfy constraint: %s", shown, at, demand))
}

func (v *violations) require(at string, present bool) {
	if !present {
		v.add(at, "null", "Member must not be null")
	}
}

// item is the path of a structure in a list.
func item(list string, i int) string { return list + "." + strconv.Itoa(i+1) + ".member." }

func checkText[S ~string](v *violations, at string, s *S, c *constraint) {
	if s != nil {
		v.addAll(at, c.show(string(*s)), c.broken(string(*s)))
	}
}

func checkTexts[S ~string](v *violations, at string, list []S, c *constraint) {
	if slices.ContainsFunc(list, func(s S) bool { return c.broken(string(s)) != nil }) {
		v.add(at, showAll(list, c), "Member must satisfy constraint: ["+strings.Join(c.demands(), ", ")+"]")
	}
}

func checkInteger(v *violations, at string, n *int32, c *constraint) {
	if n != nil {
		v.addAll(at, func() string { return "'" + strconv.Itoa(int(*n)) + "'" }, c.outside(int(*n), "value"))
	}
}

func checkBlob(v *violations, at string, blob []byte, c *constraint) {
	if blob != nil {
		v.addAll(at, c.show(""), c.outside(len(blob), "length"))
	}
}

// checkSize checks the number of a list's elements; such lists hold text in this model.
func checkSize[S ~string](v *violations, at string, list []S, c *constraint) {
	if list != nil {
		v.addAll(at, func() string { return showAll(list, c) }, c.outside(len(list), "length"))
	}
}

// addAll notes one finding per demand. The value is rendered only if there are any.
func (v *violations) addAll(at string, shown func() string, demands []string) {
	for _, demand := range demands {
		v.add(at, shown(), demand)
	}
}

// broken lists the demands that s does not meet, nil if it meets all.
func (c *constraint) broken(s string) []string {
	demands := c.outside(utf8.RuneCountInString(s), "length")
	if c.pattern != nil && !c.pattern.MatchString(s) {
		demands = append(demands, c.patternDemand())
	}
	if c.enum != nil && !slices.Contains(c.enum, s) && !slices.Contains(c.mistaken, s) {
		demands = append(demands, c.enumDemand())
	}
	return demands
}

// outside lists the bounds that n breaks; what is "length" or "value".
func (c *constraint) outside(n int, what string) []string {
	switch {
	case n > c.max:
		return []string{c.maxDemand(what)}
	case n < c.min:
		return []string{c.minDemand(what)}
	}
	return nil
}

// demands lists everything demanded of a text.
func (c *constraint) demands() []string {
	var all []string
	if c.max != unbounded {
		all = append(all, c.maxDemand("length"), c.minDemand("length"))
	}
	if c.pattern != nil {
		all = append(all, c.patternDemand())
	}
	if c.enum != nil {
		all = append(all, c.enumDemand())
	}
	return all
}

func (c *constraint) maxDemand(what string) string {
	return fmt.Sprintf("Member must have %s less than or equal to %d", what, c.max)
}

func (c *constraint) minDemand(what string) string {
	return fmt.Sprintf("Member must have %s greater than or equal to %d", what, c.min)
}

func (c *constraint) patternDemand() string {
	return "Member must satisfy regular expression pattern: " + c.source
}

func (c *constraint) enumDemand() string {
	values := c.enum
	if c.mistaken != nil {
		values = c.mistaken
	}
	return "Member must satisfy enum value set: [" + strings.Join(values, ", ") + "]"
}

// show renders a value for a message, as nothing if it is secret.
func (c *constraint) show(s string) func() string {
	return func() string {
		if c.secret {
			return ""
		}
		return "'" + bounded(s) + "'"
	}
}

func showAll[S ~string](list []S, c *constraint) string {
	if c.secret {
		return ""
	}
	var all strings.Builder
	for i, s := range list {
		if i > 0 {
			all.WriteString(", ")
		}
		if all.WriteString(bounded(string(s))); all.Len() > maxShown {
			break
		}
	}
	return "'[" + bounded(all.String()) + "]'"
}

// bounded cuts s, between characters, to what a message shows.
func bounded(s string) string {
	if len(s) <= maxShown {
		return s
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}
