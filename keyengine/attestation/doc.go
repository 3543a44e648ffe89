// Package attestation judges the attestation documents of Nitro enclaves and NitroTPM, and encrypts what
// only the attested party may read.
//
// A document is a COSE_Sign1 (RFC 9052) with ES384 over a CBOR map: what runs there (PCRs), since when, and
// a public key. Parse takes bytes from anywhere and checks their form. Document.Verify checks the chain of
// certificates up to a root that is trusted, their validity at a time that the caller brings, and the
// signature. After that, Document.Recipient is a public key whose private half the attested party holds,
// and Seal encrypts to it: a CMS EnvelopedData (RFC 5652) with RSAES-OAEP-SHA256 and AES-256-CBC.
//
//	d, err := attestation.Parse(document)
//	err = d.Verify(roots, now)
//	to, err := d.Recipient()
//	sealed, err := attestation.Seal(random, to, plaintext)
//
// It promises that a document which passes Verify was signed as it is by the key of its certificate. It
// does not judge PCRs, does not remember documents (one may be presented again while its certificates are
// valid, but only the attested party reads the answer), does not look at revocation lists, and trusts no
// root of its own. It starts no goroutines, and its functions are safe for concurrent use.
package attestation
