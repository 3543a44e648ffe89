package sessions

import (
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"meridian/keyengine/identity"
)

// Errors of Find.
var (
	ErrUnknown = errors.New("unknown access key or session token")
	ErrExpired = errors.New("expired session token")
)

// Find returns the secret and the caller of an access key. With a session token, the token has to be of that key.
func (k *Keeper) Find(accessKeyID, token string, now time.Time) (identity.Known, error) {
	if token != "" {
		return k.session(accessKeyID, token, now)
	}
	known, ok := k.lasting(accessKeyID)
	if !ok {
		return identity.Known{}, ErrUnknown
	}
	return known, nil
}

// lasting finds an access key that needs no token.
func (k *Keeper) lasting(accessKeyID string) (identity.Known, bool) {
	in := k.now.Load()
	if known, ok := in.keys[accessKeyID]; ok {
		return known, true
	}
	if k.config.Development == nil || !in.directory.Development() {
		return identity.Known{}, false
	}
	account, secret, ok := k.config.Development(accessKeyID)
	if !ok {
		return identity.Known{}, false
	}
	c := in.directory.RootCaller(k.config.Partition, account)
	c.AccessKeyID = accessKeyID
	return identity.Known{Secret: identity.Secret(secret), Caller: c}, true
}

// session opens a token. Who expired learns it only with a token that is genuine.
func (k *Keeper) session(accessKeyID, token string, now time.Time) (identity.Known, error) {
	if len(token) > base64.StdEncoding.EncodedLen(identity.MaxSessionBytes+64) {
		return identity.Known{}, ErrUnknown
	}
	sealed, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil {
		return identity.Known{}, ErrUnknown
	}
	plain, err := k.config.Seal.Open(sealed)
	if err != nil {
		return identity.Known{}, ErrUnknown
	}
	defer clear(plain)
	s, err := identity.DecodeSession(plain)
	if err != nil || s.AccessKeyID != accessKeyID {
		return identity.Known{}, ErrUnknown
	}
	if now.Unix() >= s.Expires {
		return identity.Known{}, ErrExpired
	}
	caller, err := k.now.Load().directory.Caller(k.config.Partition, s, func(id string) *identity.Caller {
		known, _ := k.lasting(id)
		return known.Caller
	})
	if err != nil {
		return identity.Known{}, ErrUnknown
	}
	return identity.Known{Secret: s.Secret, Caller: caller}, nil
}

// Issued are the credentials of a new session.
type Issued struct {
	AccessKeyID string
	Secret      identity.Secret
	Token       string
	Expires     time.Time
	Caller      *identity.Caller // who acts in the session
}

// ErrTooLarge refuses a session with too many policies and tags.
var ErrTooLarge = errors.New("the session does not fit into a token")

// Issue completes a session with an access key and times, and seals it into a token.
func (k *Keeper) Issue(s identity.Session, now time.Time, valid time.Duration) (Issued, error) {
	var b [40]byte
	if _, err := io.ReadFull(k.config.Random, b[:]); err != nil {
		return Issued{}, fmt.Errorf("make a session: %w", err)
	}
	defer clear(b[:])
	s.AccessKeyID = "ASIA" + base32.StdEncoding.EncodeToString(b[:10])
	s.Secret = identity.Secret(base64.StdEncoding.EncodeToString(b[10:]))
	s.IssuedAt, s.Expires = now.Unix(), now.Add(valid).Unix()
	plain := s.Encode()
	defer clear(plain)
	if len(plain) > identity.MaxSessionBytes {
		return Issued{}, ErrTooLarge
	}
	sealed, err := k.config.Seal.Seal(k.config.Random, plain)
	if err != nil {
		return Issued{}, err
	}
	token := base64.StdEncoding.EncodeToString(sealed)
	known, err := k.session(s.AccessKeyID, token, now)
	if err != nil {
		return Issued{}, fmt.Errorf("the new session is of no use: %w", err)
	}
	return Issued{s.AccessKeyID, s.Secret, token, time.Unix(s.Expires, 0).UTC(), known.Caller}, nil
}
