package history

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Client says who calls: one goroutine's client, so that its calls follow one another.
type Client struct {
	Name   string
	Region string
	Level  string // of consistency, sent with each call if not empty
}

// Middleware returns an option for kms.Options.APIOptions that records each call of a client, its retries included.
// At the level session it also sends back the newest session token that the client has been given.
func (r *Recorder) Middleware(c Client) func(*middleware.Stack) error {
	var newest session
	sends := c.Level == "session"
	return func(stack *middleware.Stack) error {
		if c.Level != "" {
			if err := smithyhttp.SetHeaderValue("X-Meridian-Consistency", c.Level)(stack); err != nil {
				return err
			}
		}
		if sends {
			if err := stack.Build.Add(&newest, middleware.After); err != nil {
				return err
			}
		}
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("MeridianHistory",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
				out middleware.InitializeOutput, meta middleware.Metadata, err error,
			) {
				op := awsmiddleware.GetOperationName(ctx)
				e := Entry{
					Client: c.Name, Region: c.Region, Level: c.Level, Operation: op,
					Start: r.Now(), Ask: r.digest.ask(op, fieldsOf(in.Parameters)),
				}
				if sends {
					e.After = newest.newest()
				}
				out, meta, err = next.HandleInitialize(ctx, in)
				e.End = r.Now()
				r.conclude(&e, out.Result, meta, err)
				newest.see(e.Session)
				r.write(e)
				return out, meta, err
			}), middleware.After)
	}
}

// conclude notes how a call of the SDK ended.
func (r *Recorder) conclude(e *Entry, result any, meta middleware.Metadata, err error) {
	if raw, ok := awsmiddleware.GetRawResponse(meta).(*smithyhttp.Response); ok && raw != nil {
		e.answeredWith(raw.Header)
	}
	if err == nil {
		e.Outcome, e.Answer = OK, r.digest.answer(fieldsOf(result))
		return
	}
	status := 0
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		status = response.HTTPStatusCode()
		e.answeredWith(response.Response.Header)
	}
	var fault smithy.APIError
	if status == 0 || !errors.As(err, &fault) {
		e.Outcome = Unknown
		return
	}
	e.Outcome, e.Code = outcome(e.Operation, status, fault.ErrorCode())
}

// answeredWith takes what a node says of itself.
func (e *Entry) answeredWith(h http.Header) {
	e.Node, e.Session, e.Stale = h.Get("X-Meridian-Node"), h.Get("X-Meridian-Session"), h.Get("X-Meridian-Stale")
}

// session sends the token of the newest answer with the next call.
type session struct {
	mu    sync.Mutex
	token string
}

func (*session) ID() string { return "MeridianSession" }

func (s *session) see(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, seq, ok := Place(token); ok {
		if _, had, ok := Place(s.token); !ok || seq > had {
			s.token = token
		}
	}
}

func (s *session) newest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

func (s *session) HandleBuild(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (
	middleware.BuildOutput, middleware.Metadata, error,
) {
	token := s.newest()
	if req, ok := in.Request.(*smithyhttp.Request); ok && token != "" {
		req.Header.Set("X-Meridian-Session", token)
	}
	return next.HandleBuild(ctx, in)
}

// maxToken is the length of the longest session token that is one.
const maxToken = 200

// sent is the session token of a request; empty: none, or nothing that is one.
func sent(h http.Header) string {
	token := h.Get("X-Meridian-Session")
	if _, _, ok := Place(token); !ok || len(token) > maxToken {
		return ""
	}
	return token
}

// Place takes a session token apart: the history it is a place in, and the place.
func Place(token string) (line string, seq uint64, ok bool) {
	dot := strings.LastIndexByte(token, '.')
	if dot < 0 {
		return "", 0, false
	}
	seq, err := strconv.ParseUint(token[dot+1:], 10, 64)
	return token[:dot], seq, err == nil
}
