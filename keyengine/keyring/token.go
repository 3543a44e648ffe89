package keyring

import (
	"errors"
	"fmt"
	"io"
)

// ErrToken says that a token is not one that this Region made for this purpose.
var ErrToken = errors.New("not a token of this region")

// SealToken encrypts what a caller will keep and bring back, such as a grant token. A token of one
// purpose is none of another.
func (r *Ring) SealToken(rand io.Reader, purpose string, plaintext []byte) ([]byte, error) {
	aead, err := derivedCipher(r.token, "meridian/token/1/"+purpose)
	if err != nil {
		return nil, fmt.Errorf("seal %s token: %w", purpose, err)
	}
	token, err := sealRandom(rand, aead, nil, nil, plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal %s token: %w", purpose, err)
	}
	return token, nil
}

// OpenToken decrypts a token that a caller brought. The error is ErrToken.
func (r *Ring) OpenToken(purpose string, token []byte) ([]byte, error) {
	aead, err := derivedCipher(r.token, "meridian/token/1/"+purpose)
	if err != nil {
		return nil, fmt.Errorf("open %s token: %w", purpose, err)
	}
	plaintext, ok := openRandom(aead, nil, token)
	if !ok {
		return nil, ErrToken
	}
	return plaintext, nil
}
