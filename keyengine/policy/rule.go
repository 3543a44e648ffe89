package policy

import (
	"fmt"
	"strings"
)

// rule is a statement, compiled for evaluation.
type rule struct {
	deny         bool
	principals   []who
	allBut       bool // NotPrincipal
	actions      []actionPattern
	notActions   bool
	resources    []resource // empty where the policy belongs to one
	notResources bool
	tests        []test
}

// compile makes the rule of a statement that is well formed. Only a policy of 2012 has variables.
func (s *Statement) compile(variables bool) (rule, error) {
	r := rule{deny: s.Deny, allBut: s.NotPrincipals != nil, notActions: s.NotActions != nil, notResources: s.NotResources != nil}
	for _, list := range [][]Whom{s.Principals, s.NotPrincipals} {
		for _, p := range list {
			r.principals = append(r.principals, compileWho(p))
		}
	}
	for _, list := range [][]string{s.Actions, s.NotActions} {
		for _, a := range list {
			p, err := compileAction(a)
			if err != nil {
				return rule{}, fmt.Errorf("element Action: %w", err)
			}
			r.actions = append(r.actions, p)
		}
	}
	for _, list := range [][]string{s.Resources, s.NotResources} {
		for _, name := range list {
			c, err := compileResource(name, variables)
			if err != nil {
				return rule{}, fmt.Errorf("element Resource: %w", err)
			}
			r.resources = append(r.resources, c)
		}
	}
	for i := range s.Conditions {
		t, err := compileTest(&s.Conditions[i], variables)
		if err != nil {
			return rule{}, fmt.Errorf("element Condition: %w", err)
		}
		r.tests = append(r.tests, t)
	}
	return r, nil
}

// located says of which statement an error speaks.
func (s *Statement) located(i int, err error) error {
	return fmt.Errorf("line %d: statement %d: %w", s.Line, i+1, err)
}

// where is the place of a statement of the document.
func (d *Document) where(l Layer, name string, i int) Where {
	s := &d.Statements[i]
	return Where{Layer: l, Policy: name, Statement: i + 1, Sid: s.Sid, Line: s.Line}
}

// actionPattern is a compiled element of Action or NotAction: case does not count.
type actionPattern struct {
	form actionForm
	text string // in lower case; of a glob, with wildcards as anyRun and anyOne
}

// actionForm is how an action is compared: most are named, or by how they begin.
type actionForm uint8

const (
	allActions actionForm = iota
	oneAction
	actionsThatBegin
	globOfActions
)

func compileAction(a string) (actionPattern, error) {
	if a == "*" {
		return actionPattern{form: allActions}, nil
	}
	p, err := compile(strings.ToLower(a), true, false)
	if err != nil {
		return actionPattern{}, err
	}
	begin, wildcard := strings.CutSuffix(p.text, string(rune(anyRun)))
	switch {
	case !p.wild:
		return actionPattern{oneAction, p.text}, nil
	case wildcard && !strings.ContainsAny(begin, "\x00\x01"):
		return actionPattern{actionsThatBegin, begin}, nil
	}
	return actionPattern{globOfActions, p.text}, nil
}

// matches reports whether the action of a call is what the pattern describes.
func (p *actionPattern) matches(e *evaluation) bool {
	switch n := len(e.Action); {
	case p.form == allActions:
		return true
	case p.form == globOfActions:
	case len(p.text) > n, p.form == oneAction && len(p.text) != n:
		return false
	case n <= longestAction:
		return string(e.lower[:len(p.text)]) == p.text
	case p.form == actionsThatBegin:
		return glob(p.text, e.Action[:len(p.text)], true)
	}
	return glob(p.text, e.Action, true)
}
