package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Sessions seals what every node of every Region of a cluster must be able to open: session tokens. A token holds the
// secret that its bearer signs with, so signing it would not do: who sees a token must not learn the secret. A Region's
// own ring would not do either, as the session is good in every Region.
//
// Its key lies in a file of its own beside cluster.json. Without the file there are no sessions that anybody has to
// remember: a new one ends them all.
type Sessions struct {
	root      *Root
	clusterID string
}

// OpenSessions reads the key of a cluster's sessions, or makes it. Of several processes that make it at a time, one
// does and all get that one's.
func OpenSessions(path, clusterID string, rand io.Reader) (*Sessions, error) {
	root, err := LoadRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = CreateRoot(path, rand); err == nil || errors.Is(err, fs.ErrExist) {
			root, err = LoadRoot(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key of sessions: %w", err)
	}
	return &Sessions{root: root, clusterID: clusterID}, nil
}

// Seal encrypts what a session token says.
func (s *Sessions) Seal(rand io.Reader, plaintext []byte) ([]byte, error) {
	aead, err := derivedCipher(s.root.Material, "meridian/session/1/"+s.clusterID)
	if err != nil {
		return nil, fmt.Errorf("seal session token: %w", err)
	}
	token, err := sealRandom(rand, aead, nil, nil, plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal session token: %w", err)
	}
	return token, nil
}

// Open decrypts a session token. The error is ErrToken.
func (s *Sessions) Open(token []byte) ([]byte, error) {
	aead, err := derivedCipher(s.root.Material, "meridian/session/1/"+s.clusterID)
	if err != nil {
		return nil, fmt.Errorf("open session token: %w", err)
	}
	plaintext, ok := openRandom(aead, nil, token)
	if !ok {
		return nil, ErrToken
	}
	return plaintext, nil
}
