package awsjson

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"meridian/keyengine/kmsapi"
	"meridian/region/sigv4"
)

// DefaultMaxBody is the limit on bodies unless the Config says otherwise.
const DefaultMaxBody = 1 << 20

// A Verifier finds out who signed a request, and for which Region.
type Verifier interface {
	Verify(r *http.Request, body []byte) (sigv4.Signed, *kmsapi.Fault)
}

// Config is what a Handler needs.
type Config struct {
	Service  kmsapi.Service
	Verifier Verifier
	// Dispatch, if set, takes a validated call to where it is answered; nil: Service answers it here.
	Dispatch func(ctx context.Context, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error)
	// Admit, if set, may refuse a validated call, such as one too many.
	Admit func(op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) *kmsapi.Fault
	// RequestID makes the id of a request, a UUID.
	RequestID func() string
	// Node names this node in answers.
	Node string
	// Log gets internal failures as errors, other answers of 500 and more as warnings (once: by the node that the caller
	// reached), and each request at level debug; nil discards.
	Log *slog.Logger
	// MaxBody limits bodies in bytes; zero means DefaultMaxBody.
	MaxBody int64
	// Observe, if set, is told how each request ended.
	Observe func(Outcome)
}

// An Outcome is how a request ended.
type Outcome struct {
	// Operation is empty if the request named none that exists.
	Operation string
	// Code is the fault's code; empty after success.
	Code   string
	Status int
	Took   time.Duration

	// Call is the call; its Caller is empty if nobody's signature was verified.
	Call *kmsapi.Call
	// Input is the request, nil if it was not decoded; Output what was answered, nil if there is no output.
	Input  kmsapi.Input
	Output any
	// Fault is what was answered instead of an output; nil after success.
	Fault *kmsapi.Fault
}

// A Handler serves requests. New makes one.
type Handler struct{ config Config }

var _ http.Handler = (*Handler)(nil)

// New makes a Handler.
func New(config Config) *Handler {
	if config.MaxBody == 0 {
		config.MaxBody = DefaultMaxBody
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Handler{config: config}
}

// A Request is a request taken off its transport.
type Request struct {
	// ID is the request id; empty lets the handler make one.
	ID string
	// Raw is the request as its client sent it.
	Raw kmsapi.Raw
	// Forwarded is set if another node sent it on.
	Forwarded bool
	// SourceIP is the address of who sent it; empty if that is not known.
	SourceIP string
}

// An Answer is a response before it is put on its transport.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Handle answers a request. It never panics, whatever the service does.
func (h *Handler) Handle(ctx context.Context, q Request) Answer {
	start := time.Now()
	if q.ID == "" {
		q.ID = h.config.RequestID()
	}
	call := &kmsapi.Call{RequestID: q.ID, Forwarded: q.Forwarded, SourceIP: q.SourceIP, Raw: q.Raw}
	op, ok := kmsapi.Lookup(operationName(q.Raw.Header))
	var in kmsapi.Input
	var out any
	var err error
	if ok {
		in, out, err = h.perform(ctx, op, call)
	} else {
		op, err = &kmsapi.Operation{}, &kmsapi.Fault{Code: kmsapi.UnknownOperationException}
	}
	var body []byte
	if err == nil && out != nil {
		body, err = encode(out)
	}
	if err != nil {
		return h.refuse(call, op.Name, in, err, start)
	}
	h.finish(Outcome{Operation: op.Name, Status: http.StatusOK, Took: time.Since(start), Call: call, Input: in, Output: out}, slog.LevelDebug)
	return Answer{Status: http.StatusOK, Header: h.header(call), Body: body}
}

// perform goes from the received request to the service's output, in AWS's order of checks. It returns the input, too, as
// soon as it is decoded.
func (h *Handler) perform(ctx context.Context, op *kmsapi.Operation, call *kmsapi.Call) (in kmsapi.Input, out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, &panicError{value: p, stack: debug.Stack()}
		}
	}()
	signed, fault := h.config.Verifier.Verify(signedRequest(call.Raw), call.Raw.Body)
	if fault != nil {
		return nil, nil, fault
	}
	call.Caller, call.Identity, call.Region = signed.Caller, signed.Identity, signed.Region
	call.BodyHash = sha256.Sum256(call.Raw.Body)
	if err := readHeaders(call); err != nil {
		return nil, nil, err
	}
	decoded := op.New()
	if err := decoded.UnmarshalJSON(call.Raw.Body); err != nil {
		return nil, nil, err
	}
	in = decoded
	if err := in.Validate(); err != nil {
		return in, nil, err
	}
	if h.config.Admit != nil {
		if fault := h.config.Admit(op, call, in); fault != nil {
			return in, nil, fault
		}
	}
	if h.config.Dispatch != nil {
		out, err = h.config.Dispatch(ctx, op, call, in)
		return in, out, err
	}
	out, err = op.Invoke(ctx, h.config.Service, call, in)
	return in, out, err
}

// signedRequest is the request that the client signed.
func signedRequest(raw kmsapi.Raw) *http.Request {
	return &http.Request{
		Method:        http.MethodPost,
		URL:           &url.URL{Path: "/", RawQuery: raw.Query},
		Host:          raw.Host,
		Header:        raw.Header,
		ContentLength: int64(len(raw.Body)),
	}
}

// operationName takes the operation's name from the target header, empty if there is none.
func operationName(header http.Header) string {
	targets := header["X-Amz-Target"]
	if len(targets) != 1 {
		return ""
	}
	service, name, _ := strings.Cut(targets[0], ".")
	if service != kmsapi.TargetPrefix {
		return ""
	}
	return name
}

// encode writes an output as JSON. Go's default of escaping <, > and & would be correct too, but is
// not what AWS sends.
func encode(out any) ([]byte, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("encode %T: %w", out, err)
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), nil
}

// panicError is a panic of the service.
type panicError struct {
	value any
	stack []byte
}

// Error implements error. It leaves the panic's value out unless that is an error or text that a
// programmer wrote: it could be a request.
func (p *panicError) Error() string {
	switch value := p.value.(type) {
	case error:
		return "panic: " + value.Error()
	case string:
		return "panic: " + value
	}
	return fmt.Sprintf("panic with a %T", p.value)
}

// refuse answers with a fault; what is no fault becomes one that tells the caller nothing.
func (h *Handler) refuse(call *kmsapi.Call, operation string, in kmsapi.Input, err error, start time.Time) Answer {
	var fault *kmsapi.Fault
	said := !errors.As(err, &fault) || fault == nil
	if said {
		fault = kmsapi.Errorf(kmsapi.KMSInternalException, "The request was rejected because of an internal failure. The request can be retried.")
		h.logFailure(call, operation, err)
	}
	status, level := fault.StatusCode(), slog.LevelDebug
	if status >= http.StatusInternalServerError && !said && !call.Forwarded { // the node that the caller reached says it
		level = slog.LevelWarn
	}
	h.finish(Outcome{
		Operation: operation, Code: fault.Code, Status: status, Took: time.Since(start), Call: call, Input: in, Fault: fault,
	}, level)
	return Answer{Status: status, Header: h.header(call), Body: faultBody(fault)}
}

func faultBody(fault *kmsapi.Fault) []byte {
	body, err := encode(struct {
		Type    string `json:"__type"`
		Message string `json:"message,omitempty"`
	}{fault.Code, fault.Message})
	if err != nil {
		panic(err) // two strings always encode
	}
	return body
}

func (h *Handler) logFailure(call *kmsapi.Call, operation string, err error) {
	attributes := []any{"request", call.RequestID, "operation", operation, "account", call.Caller.Account, "error", err}
	var p *panicError
	if errors.As(err, &p) {
		attributes = append(attributes, "stack", string(p.stack))
	}
	if errors.Is(err, context.Canceled) {
		h.config.Log.Debug("request was given up", attributes...)
		return
	}
	h.config.Log.Error("request failed", attributes...)
}

// reason is what a fault of the service says, for the log. What it says about a caller's mistake may repeat what the
// caller sent, and is left out.
func reason(f *kmsapi.Fault) string {
	if f == nil || f.StatusCode() < http.StatusInternalServerError {
		return ""
	}
	return f.Message
}

// finish logs how a request ended, and tells who observes.
func (h *Handler) finish(o Outcome, level slog.Level) {
	if h.config.Log.Enabled(context.Background(), level) {
		h.config.Log.Log(context.Background(), level, "request", "request", o.Call.RequestID, "operation", o.Operation,
			"account", o.Call.Caller.Account, "status", o.Status, "code", o.Code, "why", reason(o.Fault), "took", o.Took)
	}
	if h.config.Observe != nil {
		h.config.Observe(o)
	}
}
