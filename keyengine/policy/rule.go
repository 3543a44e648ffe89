package policy

import (
	"fmt"
	"strings"
)

// rule is a statement, compiled for evaluation.
type rule struct {
	deny         bool
	principals   []who
	allBut       bool     // NotPrincipal
	actions      []string // in lower case, wildcards as anyRun and anyOne; * alone for all
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
			p, err := compile(strings.ToLower(a), a != "*", false)
			if err != nil {
				return rule{}, fmt.Errorf("element Action: %w", err)
			}
			r.actions = append(r.actions, p.text)
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
