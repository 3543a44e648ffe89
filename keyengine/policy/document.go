package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
)

// grammar is what distinguishes the kinds of policies.
type grammar struct {
	versioned  bool // Version is required
	principals bool // statements name principals; otherwise they must not
	resources  bool // statements name resources; otherwise the policy belongs to one
	trust      bool // a trust policy: actions of sts alone, no Resource at all
}

func (g grammar) document(v any) (*Document, error) {
	o, ok := v.(object)
	if !ok {
		return nil, errors.New("the policy is not an object")
	}
	doc := &Document{}
	for _, m := range o {
		var err error
		switch m.name {
		case "Version":
			doc.Version, err = text(m)
		case "Id":
			doc.ID, err = text(m)
		case "Statement":
			doc.Statements, err = g.statements(m)
		default:
			err = fmt.Errorf("line %d: unknown element %.64q", m.line, m.name)
		}
		if err != nil {
			return nil, err
		}
	}
	if doc.Version == "" && !g.versioned {
		doc.Version = "2008-10-17"
	}
	switch {
	case doc.Version != "2012-10-17" && doc.Version != "2008-10-17":
		return nil, errors.New("the element Version is missing or not 2012-10-17")
	case len(doc.Statements) == 0:
		return nil, errors.New("the policy has no statement")
	}
	return doc, g.sids(doc)
}

var sidForm = regexp.MustCompile(`^[0-9A-Za-z]*$`)

// sids holds IAM's rules about statement ids. Key policies have none.
func (g grammar) sids(doc *Document) error {
	if g.versioned {
		return nil
	}
	seen := map[string]struct{}{}
	for i, s := range doc.Statements {
		if !sidForm.MatchString(s.Sid) {
			return s.located(i, said("Statement IDs (SID) must be alpha-numeric"))
		}
		if _, twice := seen[s.Sid]; twice && s.Sid != "" {
			return s.located(i, said("Statement IDs (SID) in a single policy must be unique"))
		}
		seen[s.Sid] = struct{}{}
	}
	return nil
}

// statements takes a list of statements, or one by itself.
func (g grammar) statements(m member) ([]Statement, error) {
	list, ok := m.value.([]any)
	if !ok {
		list = []any{m.value}
	}
	statements := make([]Statement, len(list))
	for i, v := range list {
		s, err := g.statement(v)
		if s.Line == 0 {
			s.Line = m.line
		}
		if err != nil {
			return nil, s.located(i, err)
		}
		statements[i] = s
	}
	return statements, nil
}

func (g grammar) statement(v any) (Statement, error) {
	o, ok := v.(object)
	if !ok || len(o) == 0 {
		return Statement{}, errors.New("not an object with elements")
	}
	s := Statement{Line: o[0].line}
	var effect string
	for _, m := range o {
		var err error
		switch m.name {
		case "Sid":
			s.Sid, err = text(m)
		case "Effect":
			effect, err = text(m)
		case "Principal":
			s.Principals, err = readPrincipals(m)
		case "NotPrincipal":
			s.NotPrincipals, err = readPrincipals(m)
		case "Action":
			s.Actions, err = readActions(m)
		case "NotAction":
			s.NotActions, err = readActions(m)
		case "Resource":
			s.Resources, err = texts(m)
		case "NotResource":
			s.NotResources, err = texts(m)
		case "Condition":
			s.Conditions, err = readConditions(m)
		default:
			err = fmt.Errorf("unknown element %.64q", m.name)
		}
		if err != nil {
			s.Line = m.line
			return s, err
		}
	}
	s.Deny = effect == "Deny"
	err := s.check(effect, g)
	if !g.resources {
		s.Resources = nil // said and checked; it is the one that the policy belongs to
	}
	return s, err
}

// check holds the rules that concern more than one element.
func (s *Statement) check(effect string, g grammar) error {
	switch {
	case effect != "Allow" && effect != "Deny":
		return errors.New("the element Effect is neither Allow nor Deny")
	case !g.principals && (s.Principals != nil || s.NotPrincipals != nil):
		return said("Policy document should not specify a principal")
	case g.principals && (s.Principals == nil) == (s.NotPrincipals == nil):
		return errors.New("exactly one of Principal and NotPrincipal is required")
	case s.Actions == nil && s.NotActions == nil:
		return said("Policy statement must contain actions")
	case s.Actions != nil && s.NotActions != nil:
		return errors.New("exactly one of Action and NotAction is required")
	}
	return s.checkResources(g)
}

func (s *Statement) checkResources(g grammar) error {
	switch {
	case g.trust && (s.Resources != nil || s.NotResources != nil):
		return said("Has prohibited field Resource")
	case g.trust:
		return s.checkTrust()
	case g.resources && s.Resources == nil && s.NotResources == nil:
		return said("Policy statement must contain resources")
	case g.resources && s.Resources != nil && s.NotResources != nil:
		return errors.New("exactly one of Resource and NotResource is required")
	case g.resources:
		return nil
	case s.Resources == nil:
		return errors.New("the element Resource is required")
	case s.NotResources != nil:
		return errors.New("the element NotResource is not for key policies")
	}
	for _, r := range s.Resources {
		if r != "*" {
			return errors.New("the element Resource must be *")
		}
	}
	return nil
}

func (s *Statement) checkTrust() error {
	for _, list := range [][]string{s.Actions, s.NotActions} {
		for _, a := range list {
			if a != "*" && !strings.HasPrefix(strings.ToLower(a), "sts:") {
				return said("AssumeRole policy may only specify STS AssumeRole actions")
			}
		}
	}
	return nil
}

// readPrincipals takes "*" or an object of principal types.
func readPrincipals(m member) ([]Whom, error) {
	if m.value == "*" {
		return []Whom{{"AWS", "*"}}, nil
	}
	o, ok := m.value.(object)
	if !ok || len(o) == 0 {
		return nil, fmt.Errorf("the element %s is neither * nor an object of principals", m.name)
	}
	var principals []Whom
	for _, typed := range o {
		switch typed.name {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			return nil, fmt.Errorf("unknown type of principal %.64q", typed.name)
		}
		names, err := texts(typed)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if typed.name == "AWS" && strings.HasPrefix(name, "arn:") && strings.Count(name, ":") < 5 {
				return nil, kmsapi.Errorf(kmsapi.InvalidArnException, "Invalid arn %.64s", name)
			}
			if name == "" || typed.name == "AWS" && !validPrincipal(name) || typed.name == "Service" && strings.ContainsAny(name, "*?") {
				return nil, said(fmt.Sprintf("Invalid principal in policy: %q:%.256q", typed.name, name))
			}
			principals = append(principals, Whom{typed.name, name})
		}
	}
	return principals, nil
}

var (
	principalARN = regexp.MustCompile(`^arn:(aws[a-z-]*):(?:iam::(\d{12}):(?:root|(?:user|role|federated-user)/[\w+=,.@:/-]+)|sts::(\d{12}):(?:assumed-role|federated-user)/[\w+=,.@:/-]+)$`)
	actionName   = regexp.MustCompile(`^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$`)
	// Tags and encryption contexts have names of any characters; identity providers prefix theirs by a host.
	conditionKey = regexp.MustCompile(`(?s)^[A-Za-z0-9_./-]+:[^\s/:]+(?:[/:].+)?$`)
)

// validPrincipal takes what names an AWS principal: *, an account, or the ARN of an account's root,
// user, role or session.
func validPrincipal(name string) bool {
	if name == "*" || arn.ValidAccount(name) {
		return true
	}
	part := principalARN.FindStringSubmatch(name)
	return part != nil && arn.ValidPartition(part[1])
}

func readActions(m member) ([]string, error) {
	actions, err := texts(m)
	if err != nil {
		return nil, err
	}
	for _, a := range actions {
		if !actionName.MatchString(a) {
			return nil, fmt.Errorf("invalid action %.64q: actions must be prefaced by a vendor, such as kms:Decrypt", a)
		}
	}
	return actions, nil
}

func readConditions(m member) ([]Condition, error) {
	operators, ok := m.value.(object)
	if !ok {
		return nil, errors.New("the element Condition is not an object")
	}
	conditions := []Condition{}
	for _, op := range operators {
		keys, ok := op.value.(object)
		if !ok {
			return nil, fmt.Errorf("the condition operator %.64q has no object of condition keys", op.name)
		}
		for _, key := range keys {
			if !conditionKey.MatchString(key.name) {
				return nil, fmt.Errorf("invalid condition key %.64q", key.name)
			}
			values, err := texts(key)
			if err != nil {
				return nil, err
			}
			conditions = append(conditions, Condition{op.name, key.name, values})
		}
		if len(keys) == 0 {
			return nil, fmt.Errorf("the condition operator %.64q has no condition key", op.name)
		}
	}
	return conditions, nil
}

// text takes a string.
func text(m member) (string, error) {
	s, ok := m.value.(string)
	if !ok {
		return "", fmt.Errorf("the element %s is not a string", m.name)
	}
	return s, nil
}

// texts takes a scalar or a list of them that is not empty. Numbers and booleans, which condition
// values may be, count as written.
func texts(m member) ([]string, error) {
	list, ok := m.value.([]any)
	if !ok {
		list = []any{m.value}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the element %s is empty", m.name)
	}
	out := make([]string, len(list))
	for i, v := range list {
		switch v.(type) {
		case object, []any, nil:
			return nil, fmt.Errorf("the element %s is neither a string nor a list of strings", m.name)
		}
		out[i] = fmt.Sprint(v)
	}
	return out, nil
}
