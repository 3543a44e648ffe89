package virtual

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"meridian/cluster/world"
	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/region/forward"
)

// Call implements world.World.
func (w *World) Call(ctx context.Context, c world.Call) (world.Answer, error) {
	s := w.site(c.Region)
	if s == nil {
		return world.Answer{}, fmt.Errorf("there is no Region %q", c.Region)
	}
	n := s.entry(c.Node)
	if n == nil {
		return world.Answer{Code: world.Unavailable, Text: "no node of " + c.Region + " takes calls now"}, nil
	}
	w.calls++
	if c.Account == "" {
		c.Account = "000000000000"
	}
	call := &kmsapi.Call{
		RequestID: fmt.Sprintf("request-%d", w.calls), InvocationID: c.Invocation, Consistency: c.Consistency,
		Caller: principal(c.Account), BodyHash: sha256.Sum256(c.Input),
		Raw: kmsapi.Raw{Header: map[string][]string{headerOperation: {c.Operation}, headerAccount: {c.Account}, headerInvocation: {c.Invocation}}, Body: c.Input},
	}
	out, err := n.dispatch(ctx, c.Operation, call)
	return answerOf(out, err)
}

// entry is the node that takes a call: the one that is named, or any that runs and hears its leader.
func (s *site) entry(name string) (found *node) {
	for _, n := range s.nodes {
		switch {
		case name != "" && n.name != name, n.away():
		case name != "" || !n.cut:
			return n
		case found == nil:
			found = n
		}
	}
	return found
}

// Headers of a call on its way to the leader.
const (
	headerOperation  = "X-Operation"
	headerAccount    = "X-Account"
	headerInvocation = "X-Invocation"
)

func principal(account string) kmsapi.Principal {
	return kmsapi.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root", AccessKeyID: account}
}

func answerOf(out any, err error) (world.Answer, error) {
	var fault *kmsapi.Fault
	switch {
	case errors.As(err, &fault):
		return world.Answer{Code: fault.Code, Text: fault.Message}, nil
	case err != nil:
		return world.Answer{Code: world.Unavailable, Text: err.Error()}, nil
	case out == nil:
		return world.Answer{}, nil
	}
	b, err := json.Marshal(out)
	if string(b) == "null" {
		b = nil
	}
	return world.Answer{Output: b}, err
}

// dispatch answers a call at a node, as its port does.
func (n *node) dispatch(ctx context.Context, operation string, call *kmsapi.Call) (any, error) {
	op, ok := kmsapi.Lookup(operation)
	if !ok {
		return nil, fmt.Errorf("there is no operation %q", operation)
	}
	in := op.New()
	if err := in.UnmarshalJSON(call.Raw.Body); err != nil {
		return nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	return n.still.Dispatch(ctx, op, call, in)
}

// peers is how a node reaches the others of its Region.
type peers struct{ *node }

var errAway = errors.New("the node does not answer")

// at finds a node by its address in the modelled log: n1, n2 and so on.
func (p peers) at(addr string) (*node, error) {
	var i int
	if _, err := fmt.Sscanf(addr, "n%d", &i); err != nil {
		return nil, err
	}
	if n := p.site.nodes[i-1]; p.reaches(n) {
		return n, nil
	}
	return nil, errAway
}

// Forward implements region.Peers.
func (p peers) Forward(ctx context.Context, addr string, c forward.Call) (*forward.Answer, error) {
	n, err := p.at(addr)
	if err != nil {
		return nil, err
	}
	call := &kmsapi.Call{
		RequestID: c.RequestID, InvocationID: c.Header.Get(headerInvocation), Forwarded: true,
		Caller: principal(c.Header.Get(headerAccount)), BodyHash: sha256.Sum256(c.Body), Raw: kmsapi.Raw{Header: c.Header, Body: c.Body},
	}
	out, err := n.dispatch(ctx, c.Header.Get(headerOperation), call)
	a := &forward.Answer{Status: http.StatusOK, Header: http.Header{}}
	for k, v := range call.Reply {
		a.Header.Set(k, v)
	}
	var fault *kmsapi.Fault
	switch {
	case errors.As(err, &fault):
		a.Status = fault.StatusCode()
		a.Body, err = json.Marshal(map[string]string{"__type": fault.Code, "message": fault.Message})
	case err == nil && out != nil:
		a.Body, err = json.Marshal(out)
	}
	return a, err
}

// Position implements region.Peers.
func (p peers) Position(ctx context.Context, addr string) (forward.Position, error) {
	n, err := p.at(addr)
	if err != nil {
		return forward.Position{}, err
	}
	return n.still.Position(ctx)
}

// Clock implements region.Peers.
func (p peers) Clock(_ context.Context, addr string) (int64, error) {
	n, err := p.at(addr)
	if err != nil {
		return 0, err
	}
	return n.still.WallClock(), nil
}

// ReportUses implements region.Peers.
func (p peers) ReportUses(ctx context.Context, addr string, uses []keyengine.Use) error {
	n, err := p.at(addr)
	if err != nil {
		return err
	}
	return n.still.RecordUses(ctx, uses)
}
