// Package trace follows one call through a cluster: from the front door to a node, to the Region's leader, into its log,
// to another Region and back. It is a small face of OpenTelemetry, so that nobody else needs to know it.
//
// It promises that a call that is not traced costs a look into its context and nothing more; that a trace's context
// passes between processes in W3C's form; and, by what its callers put there, that spans say names of operations,
// Regions, nodes, key ids, versions and request ids, never key material, plaintexts, ciphertexts, encryption contexts or
// policies.
//
// A trace begins, or goes on from what a message says, where a [Tracer] is; everybody below starts spans from the context
// alone:
//
//	ctx, span := tracer.Arrive(r.Context(), "front door", r.Header)
//	defer span.End(nil)
//	ctx, span := trace.Start(ctx, "decide")
//	span.Text("meridian.operation", "CreateKey")
//	trace.Depart(ctx, request.Header)
//
// Between processes it uses a header of its own, x-meridian-traceparent: a client may have signed its traceparent, which
// must then reach the node that verifies the signature as it was. Package otlp sends spans where the environment says.
// It starts no goroutine; everything may be used by many.
package trace
