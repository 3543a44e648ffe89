package kmsapi

import "fmt"

// A Fault is an error that a caller of the API sees.
type Fault struct {
	// Code is the type that clients tell errors apart by, such as NotFoundException.
	Code string
	// Message is for people. It never holds a secret.
	Message string
	// Status is the HTTP status; zero derives it from the code.
	Status int
}

// Errorf makes a Fault. Like fmt.Errorf, but nothing is wrapped: a fault is the end of the road.
func Errorf(code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Message == "" {
		return f.Code
	}
	return f.Code + ": " + f.Message
}

// Codes of the errors that every operation may return; the model does not list them.
const (
	AccessDeniedException               = "AccessDeniedException"
	ExpiredTokenException               = "ExpiredTokenException"
	IncompleteSignatureException        = "IncompleteSignatureException"
	InvalidSignatureException           = "InvalidSignatureException"
	MissingAuthenticationTokenException = "MissingAuthenticationTokenException"
	SerializationException              = "SerializationException"
	ThrottlingException                 = "ThrottlingException"
	UnknownOperationException           = "UnknownOperationException"
	UnrecognizedClientException         = "UnrecognizedClientException"
	ValidationException                 = "ValidationException"
)

// StatusCode is the HTTP status of the answer: 400 for what the caller did, 5xx, which SDKs retry,
// for what the service failed to do.
func (f *Fault) StatusCode() int {
	switch {
	case f.Status != 0:
		return f.Status
	case f.Code == DependencyTimeoutException:
		return 503
	case f.Retryable():
		return 500
	}
	return 400
}

// Retryable reports whether the model marks the code as the service's own failure.
func (f *Fault) Retryable() bool { return serviceFault(f.Code) }

func unsupported(operation string) *Fault {
	return Errorf(UnsupportedOperationException, "%s is not supported.", operation)
}
