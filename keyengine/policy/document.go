package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
)

func readDocument(v any) (*Document, error) {
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
			doc.Statements, err = readStatements(m.value)
		default:
			err = fmt.Errorf("unknown element %.64q", m.name)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case doc.Version != "2012-10-17" && doc.Version != "2008-10-17":
		return nil, errors.New("the element Version is missing or not 2012-10-17")
	case len(doc.Statements) == 0:
		return nil, errors.New("the policy has no statement")
	}
	return doc, nil
}

// readStatements takes a list of statements, or one by itself.
func readStatements(v any) ([]Statement, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	statements := make([]Statement, len(list))
	for i, v := range list {
		s, err := readStatement(v)
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
		statements[i] = s
	}
	return statements, nil
}

func readStatement(v any) (Statement, error) {
	o, ok := v.(object)
	if !ok {
		return Statement{}, errors.New("not an object")
	}
	var s Statement
	var effect string
	var resources []string
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
			resources, err = texts(m)
		case "Condition":
			s.Conditions, err = readConditions(m)
		default:
			err = fmt.Errorf("unknown element %.64q", m.name)
		}
		if err != nil {
			return Statement{}, err
		}
	}
	s.Deny = effect == "Deny"
	return s, s.check(effect, resources)
}

// check holds the rules that concern more than one element.
func (s *Statement) check(effect string, resources []string) error {
	switch {
	case effect != "Allow" && effect != "Deny":
		return errors.New("the element Effect is neither Allow nor Deny")
	case (s.Principals == nil) == (s.NotPrincipals == nil):
		return errors.New("exactly one of Principal and NotPrincipal is required")
	case (s.Actions == nil) == (s.NotActions == nil):
		return errors.New("exactly one of Action and NotAction is required")
	case resources == nil:
		return errors.New("the element Resource is required")
	}
	for _, r := range resources {
		if r != "*" {
			return errors.New("the element Resource must be *")
		}
	}
	return nil
}

// readPrincipals takes "*" or an object of principal types.
func readPrincipals(m member) ([]Principal, error) {
	if m.value == "*" {
		return []Principal{{"AWS", "*"}}, nil
	}
	o, ok := m.value.(object)
	if !ok || len(o) == 0 {
		return nil, fmt.Errorf("the element %s is neither * nor an object of principals", m.name)
	}
	var principals []Principal
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
			if name == "" || typed.name == "AWS" && !validPrincipal(name) {
				return nil, errors.New("invalid principal in policy")
			}
			principals = append(principals, Principal{typed.name, name})
		}
	}
	return principals, nil
}

var (
	principalARN = regexp.MustCompile(`^arn:(aws[a-z-]*):(?:iam::(\d{12}):(?:root|(?:user|role|federated-user)/[\w+=,.@:/-]+)|sts::(\d{12}):(?:assumed-role|federated-user)/[\w+=,.@:/-]+)$`)
	actionName   = regexp.MustCompile(`^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$`)
	keyName      = regexp.MustCompile(`^[A-Za-z0-9_-]+:[^\s]+$`)
	operatorName = regexp.MustCompile(`^(?:(?:ForAllValues|ForAnyValue):)?(?:(?:String(?:Not)?(?:Equals|EqualsIgnoreCase|Like)|Numeric(?:NotEquals|Equals|LessThan|LessThanEquals|GreaterThan|GreaterThanEquals)|Date(?:NotEquals|Equals|LessThan|LessThanEquals|GreaterThan|GreaterThanEquals)|Bool|BinaryEquals|(?:Not)?IpAddress|Arn(?:Not)?(?:Equals|Like))(?:IfExists)?|Null)$`)
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
			return nil, fmt.Errorf("invalid action %.64q", a)
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
		if !ok || !operatorName.MatchString(op.name) {
			return nil, fmt.Errorf("invalid condition operator %.64q", op.name)
		}
		for _, key := range keys {
			if !keyName.MatchString(key.name) {
				return nil, fmt.Errorf("invalid condition key %.64q", key.name)
			}
			values, err := texts(key)
			if err != nil {
				return nil, err
			}
			conditions = append(conditions, Condition{op.name, key.name, values})
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
