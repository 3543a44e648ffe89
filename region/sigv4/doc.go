// Package sigv4 verifies AWS Signature Version 4 on requests to the key service.
//
// It promises that an accepted request was made by a holder of the named secret for this service,
// one of the served Regions and this moment (five minutes either way), and that its method, path,
// query, body, host, every x-amz-* header and every other header the signer listed are as signed.
// Refusals are faults in AWS's words, in AWS's order. Signatures and session tokens are compared in
// constant time.
//
// It does not stop a replay within the five minutes, and it refuses presigned URLs, unsigned and
// chunk-signed payloads, and SigV4a. Headers that a signer left out are as trustworthy as the
// network: see [Verifier.Verify].
//
//	v := &sigv4.Verifier{
//		Credentials: sigv4.Development("aws"),
//		Now:         time.Now,
//		Regions:     func(region string) bool { return region == "eu-west-1" },
//	}
//	caller, region, fault := v.Verify(request, body)
//
// It starts no goroutines; a Verifier may be used by many.
package sigv4
