package sdktest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"meridian/cluster/layout"
	"meridian/region/node/nodetest"
)

// pair is an operation and an error that it declares.
type pair struct{ operation, code string }

// recorder writes down what the SDK's clients asked and were told.
type recorder struct {
	mu       sync.Mutex
	answered map[string]bool // operations that succeeded
	errors   map[pair]string // to the first message
	generic  map[string]bool // codes that came without a type of the SDK's own
	status   map[string]int  // of the answer with a code; 0: they differ, or an answer had no request id
	given    map[string]bool // members of inputs, of calls that succeeded: Operation.Member or Shape.Member
	seen     map[string]bool // members of outputs, in the same form
	values   map[string]bool // values of enumerations in inputs: Type=VALUE
}

func newRecorder() *recorder {
	return &recorder{
		answered: map[string]bool{}, errors: map[pair]string{}, generic: map[string]bool{}, status: map[string]int{},
		given: map[string]bool{}, seen: map[string]bool{}, values: map[string]bool{},
	}
}

// client returns a client of a node whose calls are recorded.
func (r *recorder) client(c *nodetest.Cluster, name string, options ...func(*kms.Options)) *kms.Client {
	n, ok := c.File.Node(name)
	if !ok {
		c.T.Fatalf("no node %s", name)
	}
	return kms.New(kms.Options{
		Region: layout.RegionOf(name), BaseEndpoint: aws.String("http://" + n.KMS),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		APIOptions: []func(*middleware.Stack) error{func(s *middleware.Stack) error {
			return s.Initialize.Add(middleware.InitializeMiddlewareFunc("record", r.record), middleware.Before)
		}},
	}, options...)
}

// once makes a client take the first answer for an answer, also where it invites to try again.
func once(o *kms.Options) { o.Retryer = aws.NopRetryer{} }

func (r *recorder) record(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	out, meta, err := next.HandleInitialize(ctx, in)
	r.mu.Lock()
	defer r.mu.Unlock()
	operation := middleware.GetOperationName(ctx)
	var api smithy.APIError
	switch {
	case err == nil:
		r.answered[operation] = true
		r.walk(reflect.ValueOf(in.Parameters), operation, r.given, r.values)
		r.walk(reflect.ValueOf(out.Result), operation, r.seen, nil)
	case errors.As(err, &api):
		if _, known := r.errors[pair{operation, api.ErrorCode()}]; !known {
			r.errors[pair{operation, api.ErrorCode()}] = api.ErrorMessage()
		}
		r.noteStatus(api.ErrorCode(), err)
		if generic := new(smithy.GenericAPIError); errors.As(err, &generic) {
			r.generic[api.ErrorCode()] = true
		}
		if api.ErrorCode() == "DryRunOperationException" { // as good as an answer
			r.walk(reflect.ValueOf(in.Parameters), operation, r.given, r.values)
		}
	}
	return out, meta, err
}

// noteStatus notes the HTTP status that a code came with.
func (r *recorder) noteStatus(code string, err error) {
	var response *awshttp.ResponseError
	if !errors.As(err, &response) {
		return
	}
	status := response.HTTPStatusCode()
	if response.ServiceRequestID() == "" {
		status = 0
	}
	if before, known := r.status[code]; known && before != status {
		status = 0
	}
	r.status[code] = status
}

// walk notes the members of a value that are there, by the name of the structure that they are of; the outermost
// goes by its operation's name.
func (r *recorder) walk(v reflect.Value, of string, members, values map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			r.walk(v.Elem(), of, members, values)
		}
	case reflect.Slice:
		for i := range v.Len() {
			r.walk(v.Index(i), "", members, values)
		}
	case reflect.String:
		if values != nil && v.Type().PkgPath() != "" {
			values[v.Type().Name()+"="+v.String()] = true
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		if of == "" {
			of = v.Type().Name()
		}
		for f, m := range v.Fields() {
			if f.IsExported() && f.Name != "ResultMetadata" && !m.IsZero() {
				members[of+"."+f.Name] = true
				r.walk(m, "", members, values)
			}
		}
	}
}

// membersOf lists what walk could note of a type of the service model.
func membersOf(t reflect.Type, of string, list map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	if of == "" {
		of = t.Name()
	}
	for f := range t.Fields() {
		name := of + "." + f.Name
		if !list[name] {
			list[name] = true
			membersOf(f.Type, "", list)
		}
	}
}
