// Package sigv4 verifies AWS Signature Version 4 on requests to the key service.
//
// It promises that an accepted request was made by a holder of the named secret for this service,
// one of the served Regions and this moment (five minutes either way), and that its method, path,
// query, body, host, every x-amz-* header and every other header the signer listed are as signed.
// Refusals are faults in AWS's words, in AWS's order. Signatures and session tokens are compared in
// constant time.
//
// A request is signed in its Authorization header or, presigned, in its query; with a session token where the
// credentials are temporary. A presigned request lasts as long as it says, a week at the most, any other for five
// minutes.
//
// It does not stop a replay within that time, and it refuses unsigned and chunk-signed payloads, and SigV4a. Headers
// that a signer left out are as trustworthy as the network: see [Verifier.Verify]. It knows no users: who an access
// key or a session token belongs to, Verifier.Credentials finds out.
//
//	v := &sigv4.Verifier{
//		Credentials: sigv4.Development("aws"),
//		Now:         time.Now,
//		Regions:     func(region string) bool { return region == "eu-west-1" },
//	}
//	signed, fault := v.Verify(request, body)
//
// It starts no goroutines; a Verifier may be used by many.
package sigv4
