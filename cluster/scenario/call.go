package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"meridian/cluster/world"
	"meridian/keyengine/kmsapi"
)

// call is a call of the API with what is expected of the answer.
type call struct {
	place, operation   string
	account, freshness string
	input              map[string]any
	expected           []expectation
	saved              []saving
	expectsError       bool
}

// expectation is one line about an answer.
type expectation struct {
	code  string // of the error; empty: of the output
	said  string // in the error's text
	path  string
	op    string // =, !=, exists, absent
	value any
}

// saving keeps a part of an answer in a variable.
type saving struct{ name, path string }

// call reads: REGION OPERATION Field=value... [as ACCOUNT] [with LEVEL]
func (p *parser) call(words []string) (act, error) {
	if len(words) < 2 {
		return nil, errors.New("write: in REGION OPERATION Field=value ... [as ACCOUNT] [with LEVEL]")
	}
	c := &call{place: words[0], operation: words[1], input: map[string]any{}}
	if err := p.place(c.place); err != nil {
		return nil, err
	}
	op, ok := kmsapi.Lookup(c.operation)
	if !ok {
		return nil, unknown("operation", c.operation, operationNames())
	}
	fields := fieldsOf(op.New())
	for words = words[2:]; len(words) > 0; words = words[1:] {
		name, value, ok := strings.Cut(words[0], "=")
		switch {
		case ok && slices.Contains(fields, name):
			c.input[name] = literal(value)
		case ok:
			return nil, unknown("field of "+c.operation, name, fields)
		case len(words) > 1 && words[0] == "as" && isAccount(words[1]):
			c.account, words = words[1], words[1:]
		case len(words) > 1 && words[0] == "with":
			c.freshness, words = words[1], words[1:]
		default:
			return nil, fmt.Errorf("%q is none of Field=value, as ACCOUNT (12 digits), with LEVEL", words[0])
		}
	}
	for _, v := range variablesIn(c.input) {
		if err := p.variable(v); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func isAccount(s string) bool { return regexp.MustCompile(`^[0-9]{12}$`).MatchString(s) }

// operationNames are the names of the API's operations.
func operationNames() (names []string) {
	for op := range kmsapi.Operations() {
		names = append(names, op.Name)
	}
	return names
}

// errorCodes are the codes of the API's errors.
func errorCodes() []string {
	codes := []string{kmsapi.ValidationException, kmsapi.ThrottlingException, kmsapi.AccessDeniedException, kmsapi.KMSInternalException}
	for op := range kmsapi.Operations() {
		codes = append(codes, op.Errors...)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// fieldsOf are the fields of a request.
func fieldsOf(in kmsapi.Input) (names []string) {
	t := reflect.TypeOf(in).Elem()
	for f := range t.Fields() {
		if f.IsExported() {
			names = append(names, f.Name)
		}
	}
	return names
}

// ofAnswer reads a line that belongs to the call before it.
func (p *parser) ofAnswer(verb string, words []string) error {
	steps := p.s.steps
	if len(p.blocks) > 0 {
		steps = p.blocks[len(p.blocks)-1].steps
	}
	if len(steps) == 0 {
		return fmt.Errorf("%s belongs to a call, and there is none before it", verb)
	}
	last := steps[len(steps)-1]
	var c *call
	switch a := last.act.(type) {
	case *call:
		c = a
	case *again:
		c = &a.call
	case *importing:
		c = &a.call
	default:
		return fmt.Errorf("%s belongs to a call, and %q is none", verb, last.text)
	}
	if verb == "save" {
		if len(words) != 3 || words[1] != "=" || !regexp.MustCompile(`^\$[a-zA-Z][a-zA-Z0-9]*$`).MatchString(words[0]) {
			return errors.New("write: save $name = Path.In.Answer")
		}
		p.vars[words[0]] = true
		c.saved = append(c.saved, saving{words[0], words[2]})
		return nil
	}
	e, err := expect(words)
	if err != nil {
		return err
	}
	for _, v := range variablesIn(e.value) {
		if err := p.variable(v); err != nil {
			return err
		}
	}
	c.expectsError = c.expectsError || e.code != ""
	c.expected = append(c.expected, e)
	return nil
}

// expect reads: error CODE [saying TEXT]; unavailable; PATH = VALUE; PATH != VALUE; PATH exists; PATH absent.
func expect(words []string) (e expectation, err error) {
	switch {
	case len(words) == 1 && words[0] == world.Unavailable:
		e.code = world.Unavailable
	case len(words) == 2 && words[0] == "error":
		e.code = words[1]
	case len(words) == 4 && words[0] == "error" && words[2] == "saying":
		e.code, e.said = words[1], unquote(words[3])
	case len(words) == 2 && (words[1] == "exists" || words[1] == "absent"):
		e.path, e.op = words[0], words[1]
	case len(words) == 3 && (words[1] == "=" || words[1] == "!="):
		e.path, e.op, e.value = words[0], words[1], literal(words[2])
	default:
		err = errors.New("write: expect PATH = VALUE, PATH != VALUE, PATH exists, PATH absent, error CODE [saying TEXT], or unavailable")
	}
	if e.code != "" && e.code != world.Unavailable && !slices.Contains(errorCodes(), e.code) {
		err = unknown("error", e.code, errorCodes())
	}
	return e, err
}

func (*call) needs() []world.Feature { return nil }

func (c *call) do(ctx context.Context, r *runner) error {
	input, err := json.Marshal(resolve(c.input, r.vars))
	if err != nil {
		return err
	}
	region, _, isNode := strings.Cut(c.place, "/")
	made := world.Call{
		Region: region, Account: c.account, Operation: c.operation, Input: input, Consistency: c.freshness, Invocation: r.invocation(),
	}
	if isNode {
		made.Node = c.place
	}
	r.last = made
	return c.answered(ctx, r, made)
}

// answered makes a call and judges the answer.
func (c *call) answered(ctx context.Context, r *runner, made world.Call) error {
	a, err := r.world.Call(ctx, made)
	if err != nil {
		return err
	}
	if r.loseNext {
		r.loseNext = false
		a = world.Answer{Code: world.Unavailable, Text: "the answer was lost"}
	}
	return c.judge(r, made, a)
}

// judge compares an answer with what is expected, and keeps what is to be saved.
func (c *call) judge(r *runner, made world.Call, a world.Answer) error {
	if a.Code != "" && !c.expectsError {
		return &wrong{want: "success", got: fault(a)}
	}
	var out any
	if len(a.Output) > 0 {
		if err := json.Unmarshal(a.Output, &out); err != nil {
			return fmt.Errorf("the answer of %s is no JSON: %w", made.Operation, err)
		}
	}
	for _, e := range c.expected {
		if err := e.check(r, a, out); err != nil {
			return err
		}
	}
	for _, s := range c.saved {
		v, ok := at(out, s.path)
		if !ok {
			return &wrong{want: s.path + " in the answer", got: show(out, r.vars)}
		}
		r.keep(s, v, made, out)
	}
	return nil
}

// check is one expectation.
func (e expectation) check(r *runner, a world.Answer, out any) error {
	if e.code != "" {
		switch {
		case e.code == world.Unavailable && unavailable(a):
		case a.Code != e.code, !strings.Contains(a.Text, e.said):
			return &wrong{want: strings.TrimSpace("error " + e.code + " " + e.said), got: fault(a)}
		}
		return nil
	}
	v, ok := at(out, e.path)
	want := resolve(e.value, r.vars)
	switch e.op {
	case "exists", "absent":
		if ok != (e.op == "exists") {
			return &wrong{want: e.path + " " + e.op, got: show(out, r.vars)}
		}
		return nil
	case "!=":
		if ok && equal(v, want) {
			return &wrong{want: e.path + " other than " + show(want, r.vars), got: show(v, r.vars)}
		}
		return nil
	}
	if !ok {
		return &wrong{want: e.path + " = " + show(want, r.vars), got: "no such field in " + show(out, r.vars)}
	}
	if !equal(v, want) {
		return &wrong{want: e.path + " = " + show(want, r.vars), got: e.path + " = " + show(v, r.vars)}
	}
	return nil
}

// unavailable says whether nobody answered for the Region, as far as a caller can tell.
func unavailable(a world.Answer) bool {
	return a.Code == world.Unavailable || a.Code == kmsapi.KMSInternalException || a.Code == kmsapi.DependencyTimeoutException
}

// fault shows an answer for people.
func fault(a world.Answer) string {
	if a.Code == "" {
		return "success"
	}
	return strings.TrimSpace("error " + a.Code + " " + a.Text)
}

// again repeats the call before it, as a client does that has not heard the answer.
type again struct{ call }

func (a *again) do(ctx context.Context, r *runner) error {
	if r.last.Operation == "" {
		return errors.New("there is no call to repeat")
	}
	return a.answered(ctx, r, r.last)
}

// lose has the answer of the next call lost: the client hears nothing, and the Region has done it.
type lose struct{}

func (lose) needs() []world.Feature { return nil }

func (lose) do(_ context.Context, r *runner) error {
	r.loseNext = true
	return nil
}
