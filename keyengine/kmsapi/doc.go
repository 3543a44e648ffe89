// Package kmsapi is the wire vocabulary of the key service: its operations, shapes, limits and
// errors, as the service model declares them.
//
// Files ending in _gen.go come from model.json by scripts/kmsgen; the rest is written by hand. A
// request knows how to decode itself from hostile JSON (UnmarshalJSON) and how to check itself
// against the model (Validate); both answer with a [Fault] in AWS's words. Members are pointers, so
// that absent and zero differ; nil lists, maps and blobs are absent, empty ones are not, and the
// JSON form keeps that difference.
//
// The package knows no HTTP, no clock and no state. What an operation means is the key engine's
// subject; what a status line looks like is region/awsjson's.
//
// To serve an operation by name:
//
//	op, ok := kmsapi.Lookup("CreateKey")
//	in := op.New()
//	err := in.UnmarshalJSON(body)
//	err = in.Validate()
//	out, err := op.Invoke(ctx, service, call, in)
//
// It starts no goroutines; everything in it may be used by many.
package kmsapi

//go:generate go run meridian/scripts/kmsgen
