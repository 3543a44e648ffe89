package keyring

import "crypto/ed25519"

// Domains of signatures. A signature is over the domain's bytes followed by the message, so no
// domain may be the beginning of another.
const (
	DomainEnvelope    = "meridian/envelope/1"
	DomainRecord      = "meridian/record/1"
	DomainCertificate = "meridian/certificate/1"
	DomainTransport   = "meridian/transport/1"
)

// Sign signs a message as this Region. The signature is deterministic.
func (r *Ring) Sign(domain string, message []byte) []byte {
	return r.sign(inDomain(domain, message))
}

// SignNonce answers a broker's login challenge as the Region's nkey.
func (r *Ring) SignNonce(nonce []byte) ([]byte, error) { return r.signNonce(nonce) }

// Verify reports whether sig is a signature of message by the Region with that public signing key.
// A key or signature of the wrong length verifies nothing.
func Verify(public []byte, domain string, message, sig []byte) bool {
	return len(public) == ed25519.PublicKeySize && ed25519.Verify(public, inDomain(domain, message), sig)
}

func inDomain(domain string, message []byte) []byte {
	return append([]byte(domain), message...)
}
