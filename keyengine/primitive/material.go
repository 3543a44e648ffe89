package primitive

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// ErrDestroyed says that a Material was destroyed, or never held anything.
var ErrDestroyed = errors.New("key material is destroyed")

// redacted is what every printer gets.
const redacted = "redacted"

// Material owns secret bytes. Copies of a Material share them, so that Destroy destroys them all.
// The zero Material is a destroyed one.
//
// The bytes are behind a function, which no printer and no use of reflection looks through: fmt
// ignores the methods of unexported fields, so a slice inside some other type would be printed.
// It also makes == on Materials, which would not be constant-time, a compile error.
type Material struct{ reveal func() *secret }

type secret struct {
	mu    sync.RWMutex
	bytes []byte // nil: destroyed
}

// NewMaterial returns the owner of a copy of b. The caller clears b when it needs it no more.
func NewMaterial(b []byte) Material { return own(bytes.Clone(b)) }

// ReadMaterial returns n bytes read from rand.
func ReadMaterial(rand io.Reader, n int) (Material, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return Material{}, fmt.Errorf("read randomness: %w", err)
	}
	return own(b), nil
}

// own takes b over.
func own(b []byte) Material {
	s := &secret{bytes: b}
	return Material{reveal: func() *secret { return s }}
}

// Use calls f with the bytes, which f must neither keep nor change. They stay as they are until f
// returns, even if Destroy is called meanwhile: nothing is ever encrypted under a cleared key.
func (m Material) Use(f func(secret []byte) error) error {
	if m.reveal == nil {
		return ErrDestroyed
	}
	s := m.reveal()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.bytes == nil {
		return ErrDestroyed
	}
	return f(s.bytes)
}

// Bytes returns a copy of the bytes, which the caller owns and clears; nil if destroyed.
func (m Material) Bytes() []byte {
	var b []byte
	_ = m.Use(func(secret []byte) error { b = bytes.Clone(secret); return nil })
	return b
}

// Len returns the number of bytes, 0 if destroyed.
func (m Material) Len() int {
	n := 0
	_ = m.Use(func(secret []byte) error { n = len(secret); return nil })
	return n
}

// Destroy clears the bytes, once all running uses have ended.
func (m Material) Destroy() {
	if m.reveal == nil {
		return
	}
	s := m.reveal()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.bytes)
	s.bytes = nil
}

// Equal compares in a time that depends on the lengths alone. A destroyed Material equals nothing.
func (m Material) Equal(other Material) bool {
	mine, theirs := m.Bytes(), other.Bytes()
	defer clear(mine)
	defer clear(theirs)
	return mine != nil && theirs != nil && subtle.ConstantTimeCompare(mine, theirs) == 1
}

// String implements fmt.Stringer.
func (m Material) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (m Material) GoString() string { return redacted }

// Format implements fmt.Formatter, for every verb.
func (m Material) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (m Material) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which encoding/json and encoding/xml use too.
func (m Material) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON implements json.Marshaler.
func (m Material) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

var errEncode = errors.New("key material has no encoded form")

// MarshalBinary refuses: binary forms are stored and sent, not read by people.
func (m Material) MarshalBinary() ([]byte, error) { return nil, errEncode }

// MarshalCBOR refuses.
func (m Material) MarshalCBOR() ([]byte, error) { return nil, errEncode }

// GobEncode refuses.
func (m Material) GobEncode() ([]byte, error) { return nil, errEncode }
