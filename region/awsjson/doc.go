// Package awsjson serves a key service over HTTP in AWS's JSON 1.1 protocol.
//
// It promises that every request, however malformed, gets an answer that AWS's SDKs understand, with
// a request id; that nothing reaches the service before its signature is verified and its input is
// decoded and valid; that a request costs no more memory than the limit on bodies allows; and that
// the text of an internal failure stays in the log, which never holds a body.
//
// It does not know what operations mean, authorise callers, know rates, or forward to other nodes.
// It keeps the request as received in the call, so that a service can send it on; the node that gets
// it answers it with [Handler.Handle] exactly as if it had come over HTTP.
//
//	h := awsjson.New(awsjson.Config{Service: region, Verifier: verifier, Node: "eu-west-1/2", …})
//	server := awsjson.NewServer(h)
//	err := server.Serve(listener)
//
// It starts no goroutines but those of net/http's server; a Handler may be used by many.
package awsjson
