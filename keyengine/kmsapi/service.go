package kmsapi

import (
	"context"
	"iter"
	"sort"
)

// A Principal is who calls, as authentication found out.
type Principal struct {
	Account     string `cbor:"1,keyasint"`
	ARN         string `cbor:"2,keyasint"`
	AccessKeyID string `cbor:"3,keyasint"`
}

// An Identity is what authentication found out about a caller beyond its Principal: the policies that hold for it and
// what conditions ask about it. It is package identity's Caller, which knows policies and so cannot be named here.
type Identity interface{ Principal() Principal }

// A Call is what comes with a request beside its input.
type Call struct {
	// RequestID names the request in the answer, the log and the event.
	RequestID string
	// Caller signed the request.
	Caller Principal
	// Identity is the caller with its policies; nil for calls that came by another way than a signature.
	Identity Identity
	// InvocationID is the same for all attempts of one call of a client; empty if it sent none.
	InvocationID string
	// BodyHash is the SHA-256 of the body as received.
	BodyHash [32]byte
	// Consistency is the level the caller asked for; empty means the default.
	Consistency string
	// Session is the session token the caller sent back; empty if none.
	Session string
	// Region is the Region that the request was signed for.
	Region string
	// SourceIP is the address that the request came from, as the node saw it that it entered by; empty where it is not known.
	SourceIP string
	// Forwarded is set on a request that came over another node.
	Forwarded bool
	// Raw is the request as received, for sending it on: the signature covers just that.
	Raw Raw
	// Meant is the ARN of the key that the request's alias meant when the call came, where the call takes the alias away: for
	// those who tell afterwards what the call was about. Empty where nobody looked.
	Meant string
	// Asker is what the service keeps of the call while it answers it.
	Asker any
	// Judgements are what was decided about the call, where somebody wants to know.
	Judgements any
	// Reply are headers that the service adds to the answer, by their names. Set creates it.
	Reply map[string]string
}

// Raw is a request as received: what its signature covers. The method is always POST and the path /.
type Raw struct {
	// Host is the authority the client addressed; it is signed and not among the headers.
	Host string
	// Query is the part of the URL after the question mark; AWS's clients send none.
	Query string
	// Header are the headers by canonical name. Whoever keeps them copies them.
	Header map[string][]string
	// Body is the whole body. It must not be changed.
	Body []byte
}

// Set adds a header to the answer.
func (c *Call) Set(name, value string) {
	if c.Reply == nil {
		c.Reply = map[string]string{}
	}
	c.Reply[name] = value
}

// An Input is a request structure.
type Input interface {
	// UnmarshalJSON decodes a body; its error is a *Fault with SerializationException.
	UnmarshalJSON(body []byte) error
	// Validate checks the model's constraints; its error is a *Fault with ValidationException.
	Validate() error
}

// Kind says what an operation does to state.
type Kind int

// Kinds of operations.
const (
	// Metadata operations describe, get and list, and change nothing.
	Metadata Kind = iota
	// DataPlane operations use keys and change nothing.
	DataPlane
	// Mutation operations change state and go through the log.
	Mutation
)

// An Operation is one operation of the service.
type Operation struct {
	Name string
	Kind Kind
	// Page is the output member that holds a page's items; empty if the operation has no pages.
	Page string
	// New makes an empty input.
	New func() Input
	// Invoke calls the operation with an input from New. The output is nil for operations that have
	// none, and whenever there is an error.
	Invoke func(ctx context.Context, s Service, call *Call, in Input) (any, error)
	// Errors are the codes the model declares, in its order. It must not be changed.
	Errors []string
}

// ReadOnly reports whether the operation changes nothing.
func (o *Operation) ReadOnly() bool { return o.Kind != Mutation }

// Mutating reports whether the operation changes state.
func (o *Operation) Mutating() bool { return o.Kind == Mutation }

// Lookup finds an operation by its name.
func Lookup(name string) (*Operation, bool) {
	i, found := sort.Find(len(operations), func(i int) int {
		switch other := operations[i].Name; {
		case name < other:
			return -1
		case name > other:
			return 1
		}
		return 0
	})
	if !found {
		return nil, false
	}
	return &operations[i], true
}

// Operations yields all operations by name. They must not be changed.
func Operations() iter.Seq[*Operation] {
	return func(yield func(*Operation) bool) {
		for i := range operations {
			if !yield(&operations[i]) {
				return
			}
		}
	}
}

// answering and silent make the Invoke of an operation with and without output.
func answering[I, O any](method func(Service, context.Context, *Call, *I) (*O, error)) func(context.Context, Service, *Call, Input) (any, error) {
	return func(ctx context.Context, s Service, call *Call, in Input) (any, error) {
		out, err := method(s, ctx, call, any(in).(*I))
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

func silent[I any](method func(Service, context.Context, *Call, *I) error) func(context.Context, Service, *Call, Input) (any, error) {
	return func(ctx context.Context, s Service, call *Call, in Input) (any, error) {
		return nil, method(s, ctx, call, any(in).(*I))
	}
}
