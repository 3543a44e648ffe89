package policy

import (
	"errors"
	"fmt"
	"strings"
)

// test is one compiled condition: an operator, a key and the values to compare with.
type test struct {
	operator
	set      set
	ifExists bool
	key      string // lower case
	operands []operand
}

// set is the prefix of an operator: how it treats a key with several values.
type set uint8

const (
	noSet set = iota
	forAll
	forAny
)

// compileTest reads a condition.
func compileTest(c *Condition, variables bool) (test, error) {
	t := test{key: strings.ToLower(c.Key)}
	name := c.Operator
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		t.set, name = forAll, rest
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		t.set, name = forAny, rest
	}
	name, t.ifExists = strings.CutSuffix(name, "IfExists")
	var known bool
	if t.operator, known = operatorNamed(name); !known || t.compare == absence && (t.ifExists || t.set != noSet) {
		return test{}, said(fmt.Sprintf("Invalid Condition type : %.64s", c.Operator))
	}
	if len(c.Values) == 0 {
		return test{}, errors.New("a condition has no value")
	}
	for _, s := range c.Values {
		o, err := t.operand(s, variables)
		if err != nil {
			return test{}, fmt.Errorf("%s of %s: %w", c.Operator, c.Key, err)
		}
		t.operands = append(t.operands, o)
	}
	return t, nil
}

// holds reports whether the condition is met. A key that is not there meets a negated operator and
// no other. AWS does not say what an operator without a prefix makes of several values: here it goes
// against the caller, an Allow wants all of them to match and a Deny one.
func (t *test) holds(e *evaluation, deny bool) bool {
	var one [1]string
	values := e.lookup(t.key, &one)
	if t.compare == absence {
		return t.isAbsent(len(values) == 0)
	}
	if len(values) == 0 {
		switch {
		case t.ifExists || t.set == forAll:
			return true
		case t.set == forAny:
			return false
		}
		return t.negated
	}
	any := t.set == forAny || t.set == noSet && deny
	for _, v := range values {
		if t.matches(e, v) == any {
			return any
		}
	}
	return !any
}

// matches reports whether one value of the call is among those of the policy or, with a negated
// operator, is none of them.
func (t *test) matches(e *evaluation, value string) bool {
	for i := range t.operands {
		if t.operator.holds(e, &t.operands[i], value) {
			return !t.negated
		}
	}
	return t.negated
}

func (t *test) isAbsent(absent bool) bool {
	for i := range t.operands {
		if (t.operands[i].text == "true") == absent {
			return true
		}
	}
	return false
}
