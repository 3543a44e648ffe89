package replication

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

// Bounds of bodies.
const (
	maxName         = 128 // bytes of a name: Region, account, key id
	maxText         = 1024
	maxCertificates = 256
	maxEntries      = 1500 // of a digest
	maxPublicKey    = 4 << 10
)

// Nonce makes each request unlike every other, so that an answer belongs to one request alone.
type Nonce [16]byte

func newNonce() (n Nonce) {
	_, _ = rand.Read(n[:]) // never fails: it ends the process instead
	return n
}

// RecordBody is a family record with what proves it. The materials are in the envelope's Sealed.
type RecordBody struct {
	Nonce        Nonce                `cbor:"1,keyasint"`
	Record       family.Record        `cbor:"2,keyasint"`
	Signature    []byte               `cbor:"3,keyasint"` // by Record.Writer
	Certificates []family.Certificate `cbor:"4,keyasint,omitempty"`
}

// KeyBody announces a Region's public sealing key and its feature level, and tells the other the life it remembers of
// it.
type KeyBody struct {
	Nonce    Nonce  `cbor:"1,keyasint"`
	Step     uint64 `cbor:"2,keyasint"`
	Public   []byte `cbor:"3,keyasint"`
	LifeSeen uint64 `cbor:"4,keyasint"`
	Level    uint32 `cbor:"5,keyasint,omitempty"` // 0: the first
}

// PreBody asks for consent.
type PreBody struct {
	Nonce Nonce `cbor:"1,keyasint"`
	Pre   Pre   `cbor:"2,keyasint"`
}

// AskBody is the question of a Region in a new life: what do you have of this family?
type AskBody struct {
	Nonce     Nonce               `cbor:"1,keyasint"`
	Partition string              `cbor:"2,keyasint"`
	Account   string              `cbor:"3,keyasint"`
	KeyID     string              `cbor:"4,keyasint"`
	Applied   family.Version      `cbor:"5,keyasint"`           // of the record that it has
	Held      []family.MaterialID `cbor:"6,keyasint,omitempty"` // the materials that it holds
}

// DigestBody is a step of anti-entropy. The question is Sums; its answer lists, for the buckets that
// differ, what the answering Region has; the asking Region then sends its own list of the same
// buckets, so that both know what to send.
type DigestBody struct {
	Nonce   Nonce   `cbor:"1,keyasint"`
	Sums    []byte  `cbor:"2,keyasint,omitempty"` // of all buckets, sumSize bytes each
	Buckets []byte  `cbor:"3,keyasint,omitempty"` // that Entries lists, ascending
	Entries []Entry `cbor:"4,keyasint,omitempty"` // in the order of account and key id
	More    bool    `cbor:"5,keyasint,omitempty"` // further buckets differ
}

// Entry is what a digest says about one family: the record's version and, of the pair's member, the
// incarnation and the number of its status.
type Entry struct {
	_       struct{} `cbor:",toarray"`
	Account string
	KeyID   string
	Version family.Version
	Inc     family.Version
	SV      uint64
}

func (e Entry) ref() keyengine.Ref { return keyengine.Ref{Account: e.Account, KeyID: e.KeyID} }

// Code is what an answer says.
type Code uint8

// The codes of an answer.
const (
	CodeOK      Code = iota + 1 // applied, or known already
	CodeNewer                   // Record is newer than what was sent or is known to the sender
	CodeReseal                  // cannot open the materials: seal them to Key
	CodeRefused                 // for Reason; sending it again will not help
	CodeRetry                   // not now: this node could not get it into its log
	CodeKey                     // Key
	CodeDigest                  // Digest
	CodeConsent                 // FaultCode and Reason; an empty FaultCode is consent
)

// AnswerBody answers the request whose envelope has the SHA-256 Request. It is given after apply.
type AnswerBody struct {
	Request   [32]byte            `cbor:"1,keyasint"`
	Code      Code                `cbor:"2,keyasint"`
	Version   family.Version      `cbor:"3,keyasint"`           // of the record that the answering Region has now
	Inc       family.Version      `cbor:"4,keyasint"`           // of its member
	SV        uint64              `cbor:"5,keyasint,omitempty"` // of its member's status
	Lacks     []family.MaterialID `cbor:"6,keyasint,omitempty"` // materials of its record that it does not hold
	Reason    string              `cbor:"7,keyasint,omitempty"`
	FaultCode string              `cbor:"8,keyasint,omitempty"`
	Key       *KeyBody            `cbor:"9,keyasint,omitempty"`
	Record    *RecordBody         `cbor:"10,keyasint,omitempty"`
	Digest    *DigestBody         `cbor:"11,keyasint,omitempty"`
	Held      []family.MaterialID `cbor:"12,keyasint,omitempty"` // to an AskBody: what the answering Region holds and the asking one does not
	Lives     []family.Life       `cbor:"13,keyasint,omitempty"` // to an AskBody: the other Regions' lives, as the answering one has met them
}

// body is what DecodeBody returns: a body that knows its bounds.
type body[T any] interface {
	*T
	validate() error
}

// DecodeBody reads a body and checks its bounds.
func DecodeBody[T any, P body[T]](b []byte) (*T, error) {
	v := new(T)
	if err := canonical.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if err := P(v).validate(); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return v, nil
}

var errBounds = errors.New("out of bounds")

// within is errBounds unless every condition holds.
func within(conditions ...bool) error {
	for _, ok := range conditions {
		if !ok {
			return errBounds
		}
	}
	return nil
}

func name(s string) bool { return s != "" && len(s) <= maxName }

func (b *RecordBody) validate() error {
	r := &b.Record
	if err := within(
		name(r.Partition), name(r.Account), name(r.KeyID), name(r.Primary), name(r.Writer),
		len(b.Signature) == ed25519.SignatureSize, len(b.Certificates) <= maxCertificates,
	); err != nil {
		return err
	}
	if err := r.Validate(); err != nil {
		return err
	}
	for _, c := range b.Certificates {
		if !name(c.From) || !name(c.To) || len(c.Signature) != ed25519.SignatureSize {
			return errBounds
		}
	}
	return nil
}

func (b *StatusBody) validate() error {
	if err := within(name(b.Partition), name(b.Account), name(b.KeyID)); err != nil {
		return err
	}
	return b.Status.Validate()
}

func (b *AskBody) validate() error {
	return within(name(b.Partition), name(b.Account), name(b.KeyID), len(b.Held) <= family.MaxHeld)
}

func (b *KeyBody) validate() error {
	return within(len(b.Public) > 0, len(b.Public) <= maxPublicKey)
}

func (b *PreBody) validate() error {
	p := &b.Pre
	return within(
		name(string(p.Operation)), name(p.Partition), name(p.Account), name(p.KeyID), name(p.From),
		len(p.Init.Caller) <= family.MaxCaller, len(p.Spec) <= maxName, len(p.Usage) <= maxName, len(p.Origin) <= maxName,
	)
}

func (b *DigestBody) validate() error {
	if err := within(
		len(b.Sums) == 0 || len(b.Sums) == buckets*sumSize,
		len(b.Buckets) <= buckets, len(b.Entries) <= maxEntries,
	); err != nil {
		return err
	}
	for i := range b.Buckets {
		if i > 0 && b.Buckets[i-1] >= b.Buckets[i] {
			return errBounds
		}
	}
	for _, e := range b.Entries {
		if !name(e.Account) || !name(e.KeyID) {
			return errBounds
		}
	}
	return nil
}

func (b *AnswerBody) validate() error {
	if err := within(b.Code >= CodeOK, b.Code <= CodeConsent, len(b.Reason) <= maxText, len(b.FaultCode) <= maxName, len(b.Held) <= family.MaxHeld, len(b.Lives) <= family.MaxMembers); err != nil {
		return err
	}
	switch b.Code {
	case CodeKey, CodeReseal:
		if b.Key == nil {
			return errBounds
		}
		return b.Key.validate()
	case CodeNewer:
		if b.Record == nil {
			return errBounds
		}
		return b.Record.validate()
	case CodeDigest:
		if b.Digest == nil {
			return errBounds
		}
		return b.Digest.validate()
	}
	return nil
}
