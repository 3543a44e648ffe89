package primitive

import (
	"crypto"
	_ "crypto/sha256" // linked for crypto.Hash
	_ "crypto/sha512"
)

// Hash returns the hash of SHA-2 that algorithm names end in: «SHA_256», «SHA_384», «SHA_512».
func Hash(name string) (crypto.Hash, bool) {
	switch name {
	case "SHA_256":
		return crypto.SHA256, true
	case "SHA_384":
		return crypto.SHA384, true
	case "SHA_512":
		return crypto.SHA512, true
	}
	return 0, false
}

// DigestOf returns the digest of a message of type Raw, and one of type Digest as it is. It returns
// ErrInput for another type, and for a digest that does not have the hash's length.
func DigestOf(hash crypto.Hash, messageType string, message []byte) ([]byte, error) {
	switch {
	case messageType == Raw:
		h := hash.New()
		h.Write(message)
		return h.Sum(nil), nil
	case messageType == Digest && len(message) == hash.Size():
		return message, nil
	}
	return nil, ErrInput
}
