package policy

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// comparison is how an operator compares a value of a policy with one of a call.
type comparison uint8

const (
	sameText comparison = iota + 1
	sameFolded
	likeText
	number
	date
	boolean
	binary
	address
	likeARN
	absence // Null
)

// order is which outcomes of comparing two numbers or dates hold.
type order uint8

const (
	less order = 1 << iota
	equal
	greater
)

// operator is one condition operator without its prefix and without IfExists.
type operator struct {
	compare comparison
	negated bool
	order   order // of numbers and dates
}

// operatorNamed returns the operator of a name. The names are compared with regard to case.
func operatorNamed(name string) (operator, bool) {
	switch name {
	case "StringEquals":
		return operator{compare: sameText}, true
	case "StringNotEquals":
		return operator{compare: sameText, negated: true}, true
	case "StringEqualsIgnoreCase":
		return operator{compare: sameFolded}, true
	case "StringNotEqualsIgnoreCase":
		return operator{compare: sameFolded, negated: true}, true
	case "StringLike":
		return operator{compare: likeText}, true
	case "StringNotLike":
		return operator{compare: likeText, negated: true}, true
	case "Bool":
		return operator{compare: boolean}, true
	case "BinaryEquals":
		return operator{compare: binary}, true
	case "IpAddress":
		return operator{compare: address}, true
	case "NotIpAddress":
		return operator{compare: address, negated: true}, true
	case "ArnEquals", "ArnLike":
		return operator{compare: likeARN}, true
	case "ArnNotEquals", "ArnNotLike":
		return operator{compare: likeARN, negated: true}, true
	case "Null":
		return operator{compare: absence}, true
	}
	if rest, ok := strings.CutPrefix(name, "Numeric"); ok {
		return ordering(number, rest)
	}
	if rest, ok := strings.CutPrefix(name, "Date"); ok {
		return ordering(date, rest)
	}
	return operator{}, false
}

func ordering(c comparison, name string) (operator, bool) {
	switch name {
	case "Equals":
		return operator{compare: c, order: equal}, true
	case "NotEquals":
		return operator{compare: c, order: equal, negated: true}, true
	case "LessThan":
		return operator{compare: c, order: less}, true
	case "LessThanEquals":
		return operator{compare: c, order: less | equal}, true
	case "GreaterThan":
		return operator{compare: c, order: greater}, true
	case "GreaterThanEquals":
		return operator{compare: c, order: greater | equal}, true
	}
	return operator{}, false
}

// operand is a value of a policy, compiled for its operator.
type operand struct {
	pattern pattern  // text, boolean, an ARN that is a variable or *
	arn     resource // an ARN
	isARN   bool
	number  float64
	date    int64 // ms since 1970
	network netip.Prefix
	text    string // binary; true or false of Null
}

// operand compiles a value. What the operator could never compare is an error: a Deny that is never
// true is no Deny.
func (op operator) operand(s string, variables bool) (o operand, err error) {
	bad := func() (operand, error) { return operand{}, fmt.Errorf("invalid value %.64q", s) }
	ok := true
	switch op.compare {
	case sameText, sameFolded:
		o.pattern, err = compile(s, false, variables)
	case likeText:
		o.pattern, err = compile(s, true, variables)
	case likeARN:
		o.isARN = strings.HasPrefix(s, "arn:") && len(splitARN(s, variables)) == arnParts
		if o.isARN {
			o.arn, err = compileResource(s, variables)
		} else {
			o.pattern, err = compile(s, true, variables)
		}
	case number:
		o.number, ok = parseNumber(s)
	case date:
		o.date, ok = parseDate(s)
	case boolean:
		if o.pattern, err = compile(strings.ToLower(s), false, variables); err == nil && o.pattern.parts == nil {
			ok = o.pattern.text == "true" || o.pattern.text == "false"
		}
	case binary:
		o.text, ok = parseBinary(s)
	case address:
		o.network, ok = parseNetwork(s)
	case absence:
		o.text = strings.ToLower(s)
		ok = o.text == "true" || o.text == "false"
	}
	if !ok {
		return bad()
	}
	return o, err
}

// holds reports whether a value of the call is what the operand says, before negation.
func (op operator) holds(e *evaluation, o *operand, value string) bool {
	switch op.compare {
	case sameText, likeText:
		return o.pattern.matches(e, value)
	case sameFolded, boolean:
		text, ok := o.pattern.expand(e)
		return ok && strings.EqualFold(text, value)
	case likeARN:
		if !o.isARN {
			return o.likeName(e, value)
		}
		part, ok := cutARN(value)
		return ok && o.arn.matches(e, &part, true)
	case number:
		n, ok := parseNumber(value)
		return ok && op.inOrder(n, o.number)
	case date:
		t, ok := parseDate(value)
		return ok && op.inOrder(float64(t), float64(o.date))
	case binary:
		b, ok := parseBinary(value)
		return ok && b == o.text
	case address:
		a, err := netip.ParseAddr(value)
		return err == nil && o.network.Contains(a.Unmap().WithZone(""))
	}
	return false
}

// likeName compares an ARN with a variable or with *. Any other name that is no whole ARN is like none.
func (o *operand) likeName(e *evaluation, value string) bool {
	if o.pattern.parts != nil {
		return o.pattern.matches(e, value)
	}
	return strings.Trim(o.pattern.text, string(rune(anyRun))) == "" && o.pattern.wild
}

func (op operator) inOrder(a, b float64) bool {
	switch {
	case a < b:
		return op.order&less != 0
	case a > b:
		return op.order&greater != 0
	}
	return op.order&equal != 0
}

func parseNumber(s string) (float64, bool) {
	if len(s) > 64 || strings.ContainsAny(s, "xXpP_") { // decimal alone
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
}

// parseDate reads one of the W3C forms of ISO 8601, or seconds since 1970.
func parseDate(s string) (int64, bool) {
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), true
		}
	}
	seconds, ok := parseNumber(s)
	if !ok || math.Abs(seconds) > 1e12 {
		return 0, false
	}
	return int64(seconds * 1000), true
}

func parseBinary(s string) (string, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	return string(b), err == nil
}

// parseNetwork reads an address or a network in CIDR form.
func parseNetwork(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err == nil && p.Addr().Is4In6() && p.Bits() >= 96 { // the addresses of calls are compared as those of IPv4
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, err == nil
}
