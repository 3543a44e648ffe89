package region

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/region/forward"
	"meridian/region/trace"
)

// Limits of one call.
const (
	leaderTimeout  = 3 * time.Second       // to find a leader and hear its answer
	sessionTimeout = 2 * time.Second       // to reach a caller's session or grant on this node
	leaderPause    = 25 * time.Millisecond // between two attempts
	// answerMargin is how much earlier the leader gives up a call than the node that sent it on: what it then has
	// to say still reaches the caller.
	answerMargin = 250 * time.Millisecond
)

// Response headers of a call.
const (
	HeaderSession = "x-meridian-session"
	HeaderStale   = "x-meridian-stale"
	// HeaderUnready is in an answer of a node that has done nothing with the call, because it does not hear its Region's
	// leader: another node may answer it.
	HeaderUnready   = "x-meridian-unready"
	headerNotLeader = "x-meridian-not-leader"
)

// Dispatch answers a call whose request has been validated: here, or through the leader.
// Its error is a *kmsapi.Fault.
func (r *Region) Dispatch(ctx context.Context, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error) {
	out, err := r.dispatch(ctx, op, call, in)
	explain(call)
	if err == nil && keyengine.TracksUse(op.Name) {
		r.noteUses(call, op.Name, out)
	}
	return out, err
}

// dispatch finds who answers.
func (r *Region) dispatch(ctx context.Context, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error) {
	if !r.Ready() {
		return nil, unready(call, "Node %s has not caught up with its Region's leader yet. Try again.", r.Node)
	}
	level, err := r.level(ctx, call)
	if err != nil {
		return nil, err
	}
	tokens, granted, err := r.openGrantTokens(in)
	if err != nil {
		return nil, err
	}
	call.Asker = r.asker(call, in, tokens)
	if granted > 0 && op.ReadOnly() { // what changes state goes to the leader anyway
		level = r.reach(ctx, granted, level)
	}
	switch {
	case op.Mutating(), len(r.unmade(call, in)) > 0:
		return r.atLeader(ctx, op, call, in)
	case level.Level == Strong:
		return r.atLeader(ctx, op, call, in)
	case op.Kind == kmsapi.DataPlane:
		return r.crypto(ctx, level, op, call, in)
	}
	return r.read(ctx, level, op, call, in)
}

// level is the consistency of a call, after its session has been reached.
func (r *Region) level(ctx context.Context, call *kmsapi.Call) (Consistency, error) {
	level := r.Consistency
	if call.Consistency != "" {
		asked, err := ParseConsistency(call.Consistency)
		if err != nil {
			return level, kmsapi.Errorf(kmsapi.ValidationException, "%v", err)
		}
		level = asked
	}
	if level.Level == Flapping && call.Forwarded { // the other node has drawn this one
		level = Consistency{Level: Eventual}
	}
	if call.Session == "" {
		return level, nil
	}
	s, err := ParseSession(call.Session)
	if err != nil {
		return level, kmsapi.Errorf(kmsapi.ValidationException, "%v", err)
	}
	if s.Region != r.Place.Region || s.Life != r.life() {
		return level, nil // another history: nothing to wait for
	}
	if call.Forwarded { // the other node has waited
		if r.Store.Seq() < s.Seq {
			return Consistency{Level: Strong}, nil
		}
		return level, nil
	}
	return r.reach(ctx, s.Seq, level), nil
}

// reach waits until this node has applied a record, and otherwise has the leader answer.
func (r *Region) reach(ctx context.Context, seq uint64, level Consistency) Consistency {
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	if r.Store.WaitApplied(ctx, seq) != nil {
		return Consistency{Level: Strong} // the leader has it, or nobody
	}
	return level
}

// here answers a call from this node's applied state.
func (r *Region) here(ctx context.Context, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error) {
	out, err := op.Invoke(ctx, r, call, in)
	if call.Reply[HeaderSession] == "" {
		r.setSession(call, r.Store.Seq()) // after the read: the token must not be older than what was seen
	}
	return out, err
}

func (r *Region) setSession(call *kmsapi.Call, seq uint64) {
	call.Set(HeaderSession, Session{Region: r.Place.Region, Life: r.life(), Seq: seq}.String())
}

// read answers a metadata read.
func (r *Region) read(ctx context.Context, level Consistency, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error) {
	switch level.Level {
	case Flapping:
		return r.flap(ctx, level.Seed, op, call, in)
	case Default:
		r.freshen(ctx, call)
	case Bounded:
		if r.staleness() > level.Age && r.freshen(ctx, call) != nil {
			return r.atLeader(ctx, op, call, in)
		}
	}
	return r.here(ctx, op, call, in)
}

// freshen catches up, or notes in the answer how old it may be.
func (r *Region) freshen(ctx context.Context, call *kmsapi.Call) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	ctx, span := trace.Start(ctx, "catch up with leader")
	err := r.catchUp(ctx)
	span.End(err)
	if err != nil {
		call.Set(HeaderStale, milliseconds(r.staleness()))
	}
	return err
}

// crypto answers cryptography: a yes at once, a no that staleness could explain after a catch-up.
func (r *Region) crypto(ctx context.Context, level Consistency, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error) {
	if level.Level == Bounded && r.staleness() > level.Age && r.freshen(ctx, call) != nil {
		return r.atLeader(ctx, op, call, in)
	}
	if !r.Fresh() && r.freshen(ctx, call) != nil {
		return nil, r.unconfirmed(call)
	}
	out, err := r.here(ctx, op, call, in)
	if err == nil || level.Level == Eventual || !staleCouldExplain(err) {
		return out, err
	}
	catching, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	if r.catchUp(catching) != nil {
		return nil, r.unconfirmed(call)
	}
	return r.here(ctx, op, call, in)
}

// unconfirmed is the answer of a node that may not answer without its leader.
func (r *Region) unconfirmed(call *kmsapi.Call) error {
	return unready(call, "Node %s cannot reach its Region's leader to confirm the answer. Try again.", r.Node)
}

// unready is a fault that another node of the Region may not have.
func unready(call *kmsapi.Call, format string, args ...any) error {
	call.Set(HeaderUnready, "1")
	return kmsapi.Errorf(kmsapi.KMSInternalException, format, args...)
}

// staleCouldExplain reports whether a fault could be due to this node being behind: whatever is the
// caller's mistake here may be right elsewhere, through an alias that moved or a key that was made.
func staleCouldExplain(err error) bool {
	var fault *kmsapi.Fault
	return errors.As(err, &fault) && fault.StatusCode() < http.StatusInternalServerError && fault.Code != kmsapi.DryRunOperationException
}

// atLeader answers a call where the leader is, for as long as patience says. A forwarded call is tried
// once: the node that it entered by tries again.
func (r *Region) atLeader(ctx context.Context, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error) {
	timeout := patience(in)
	if call.Forwarded {
		timeout -= answerMargin
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for tries := 0; ; tries++ {
		out, err, done := r.attempt(ctx, op, call, in)
		if done && (tries == 0 || !throttled(err)) { // throttled means not done, which an earlier attempt may be
			return out, err
		}
		if call.Forwarded {
			return nil, notLeader(call)
		}
		if !r.rest(ctx) {
			return nil, kmsapi.Errorf(kmsapi.KMSInternalException, "Region %s has no leader that answers in time. The outcome of the call is unknown; try again.", r.Place.Region)
		}
	}
}

// restAtLeader waits a little, unless the time is up.
func restAtLeader(ctx context.Context) bool {
	pause(ctx, leaderPause)
	return ctx.Err() == nil
}

func throttled(err error) bool {
	var fault *kmsapi.Fault
	return errors.As(err, &fault) && fault.Code == kmsapi.ThrottlingException
}

// attempt answers a call at the leader if there is one; done is false where it is worth trying again.
func (r *Region) attempt(ctx context.Context, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (out any, err error, done bool) {
	l := r.Log.Leadership()
	switch {
	case l.Leader:
		if !op.Mutating() {
			if r.catchUp(ctx) != nil { // shared by the reads that wait meanwhile
				return nil, nil, false
			}
		}
		if err = r.makeManaged(ctx, call, in); err == nil {
			out, err = r.here(ctx, op, call, in)
		}
		var fault *kmsapi.Fault
		done = err == nil || errors.As(err, &fault)
		return out, err, done
	case l.Addr == "" || call.Forwarded:
		return nil, nil, false
	}
	ctx, span := trace.Start(ctx, "forward to leader")
	defer func() { span.End(err) }()
	answer, err := r.Peers.Forward(ctx, l.Addr, forward.Call{
		Host: call.Raw.Host, Query: call.Raw.Query, Header: call.Raw.Header, Body: call.Raw.Body, RequestID: call.RequestID, Source: call.SourceIP,
	})
	if err != nil || answer.Header.Get(headerNotLeader) != "" || answer.Header.Get(HeaderUnready) != "" {
		return nil, nil, false
	}
	out, err = answered(call, answer)
	return out, err, true
}

// answered passes on what another node answered.
func answered(call *kmsapi.Call, a *forward.Answer) (any, error) {
	for _, h := range []string{HeaderSession, HeaderStale, HeaderExplain} {
		if v := a.Header.Get(h); v != "" {
			call.Set(h, v)
		}
	}
	switch {
	case a.Status != http.StatusOK:
		return nil, parseFault(a)
	case len(a.Body) == 0: // an operation without output
		return nil, nil
	}
	return json.RawMessage(a.Body), nil
}

// notLeader is how a node that does not lead, or cannot tell what became of a command, answers a
// forwarded call.
func notLeader(call *kmsapi.Call) error {
	call.Set(headerNotLeader, "1")
	return kmsapi.Errorf(kmsapi.KMSInternalException, "The call reached a node that does not lead its Region. Try again.")
}

// parseFault reads the fault that the leader answered with.
func parseFault(a *forward.Answer) error {
	var body struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(a.Body, &body); err != nil || body.Type == "" {
		return kmsapi.Errorf(kmsapi.KMSInternalException, "The leader's answer could not be read. Try again.")
	}
	return &kmsapi.Fault{Code: body.Type, Message: body.Message, Status: a.Status}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
