// Package sts serves a small Security Token Service beside the key service, at the same address, in AWS's query
// protocol: GetCallerIdentity, AssumeRole and GetSessionToken.
//
// It promises that every request, however malformed, gets an answer in XML that AWS's SDKs understand; that a role is
// assumed only by whom the role's trust policy and the caller's own policies allow; and that no secret is in a log line
// or an error. Sessions are good at every node of every Region.
//
// It does not serve federation with other identity providers, nor a second factor.
//
//	h := sts.New(sts.Config{Verifier: verifier, Sessions: keeper, Partition: "aws", …})
//	if sts.Claims(r) { h.ServeHTTP(w, r) }
//
// It starts no goroutine; a Handler may be used by many.
package sts
