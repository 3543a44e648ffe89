package keyring

import (
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"errors"
	"fmt"

	"meridian/keyengine/primitive"
)

// Errors of sealing between Regions.
var (
	// ErrErased says that the sealing key of a step is gone.
	ErrErased = errors.New("sealing key is erased")
	// ErrFuture says that a step is too far ahead of this ring's own.
	ErrFuture = errors.New("sealing key is not of this time")
	// ErrSealingKey refuses bytes that are no public sealing key.
	ErrSealingKey = errors.New("not a sealing key")
	// ErrOpen says that what was sealed does not open.
	ErrOpen = errors.New("sealed message does not open")
)

const (
	kept    = 2       // so many steps before the current one can still be opened
	ahead   = 2       // and so many after it: a peer may know of a step before this node does
	maxJump = 1 << 16 // more steps than a Region ever makes at one a day
)

// chain is the sealing seeds of a ring. A seed leads to the next one and to none before, so that
// erasing it makes all that was sealed to its step unreadable for ever.
type chain struct {
	current uint64
	oldest  uint64             // the step of seed
	seed    primitive.Material // all later seeds follow from it
	keys    map[uint64]hpke.PrivateKey
}

func kem() hpke.KEM   { return hpke.MLKEM768X25519() }
func kdf() hpke.KDF   { return hpke.HKDFSHA256() }
func aead() hpke.AEAD { return hpke.AES256GCM() }

// next returns the seed after seed.
func next(seed primitive.Material) (after primitive.Material, err error) {
	err = seed.Use(func(b []byte) error {
		n, err := hkdf.Key(sha256.New, b, nil, "meridian/sealing/1", keyBytes)
		if err != nil {
			return err
		}
		defer clear(n)
		after = primitive.NewMaterial(n)
		return nil
	})
	return after, err
}

// key returns the key pair of a step.
func (c *chain) key(step uint64) (hpke.PrivateKey, error) {
	switch {
	case step < c.oldest:
		return nil, ErrErased
	case step > c.current+ahead:
		return nil, ErrFuture
	}
	if k, ok := c.keys[step]; ok {
		return k, nil
	}
	seed := primitive.NewMaterial(c.seed.Bytes())
	defer func() { seed.Destroy() }()
	for at := c.oldest; at < step; at++ {
		after, err := next(seed)
		if err != nil {
			return nil, err
		}
		seed.Destroy()
		seed = after
	}
	var k hpke.PrivateKey
	err := seed.Use(func(b []byte) (err error) {
		k, err = kem().DeriveKeyPair(b)
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.keys == nil {
		c.keys = map[uint64]hpke.PrivateKey{}
	}
	c.keys[step] = k
	return k, nil
}

// advance makes step the current one and erases what is too old for it.
func (c *chain) advance(step uint64) error {
	if step <= c.current {
		return nil
	}
	if step-c.current > maxJump {
		return ErrFuture
	}
	for c.oldest+kept < step {
		after, err := next(c.seed)
		if err != nil {
			return err
		}
		c.seed.Destroy()
		c.seed = after
		delete(c.keys, c.oldest)
		c.oldest++
	}
	c.current = step
	return nil
}

// SealingStep returns the current step; a new ring is at step 0.
func (r *Ring) SealingStep() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.chain.current
}

// SealingKey returns the public key of a step, to which other Regions seal. All nodes of a Region
// have the same.
func (r *Ring) SealingKey(step uint64) ([]byte, error) {
	k, err := r.sealingKey(step)
	if err != nil {
		return nil, err
	}
	return k.PublicKey().Bytes(), nil
}

func (r *Ring) sealingKey(step uint64) (hpke.PrivateKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.chain.key(step)
	if err != nil {
		return nil, fmt.Errorf("step %d: %w", step, err)
	}
	return k, nil
}

// AdvanceTo makes step the current one and erases the seeds of more than two steps before; a step
// that is not ahead changes nothing. The keystore still has them until Save.
func (r *Ring) AdvanceTo(step uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.chain.advance(step); err != nil {
		return fmt.Errorf("step %d: %w", step, err)
	}
	return nil
}

// Sealer seals messages to one Region, in an order that the Opener has to follow.
type Sealer struct{ sender *hpke.Sender }

// Opener opens what a Sealer sealed, in the same order.
type Opener struct{ recipient *hpke.Recipient }

// SealTo begins to seal to a Region's public sealing key. The receiver needs enc and the same info.
func SealTo(public, info []byte) (s *Sealer, enc []byte, err error) {
	key, err := kem().NewPublicKey(public)
	if err != nil {
		return nil, nil, ErrSealingKey
	}
	enc, sender, err := hpke.NewSender(key, kdf(), aead(), info)
	if err != nil {
		return nil, nil, fmt.Errorf("begin to seal: %w", err)
	}
	return &Sealer{sender}, enc, nil
}

// Seal seals one message and authenticates aad with it.
func (s *Sealer) Seal(aad, plaintext []byte) ([]byte, error) {
	sealed, err := s.sender.Seal(aad, plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// OpenFrom begins to open what was sealed to the public key of a step. A wrong enc or info may show
// only when the first message does not open.
func (r *Ring) OpenFrom(step uint64, enc, info []byte) (*Opener, error) {
	k, err := r.sealingKey(step)
	if err != nil {
		return nil, err
	}
	recipient, err := hpke.NewRecipient(enc, k, kdf(), aead(), info)
	if err != nil {
		return nil, ErrOpen
	}
	return &Opener{recipient}, nil
}

// Open opens one message. One that does not open is not counted: the next may still be good.
func (o *Opener) Open(aad, sealed []byte) ([]byte, error) {
	plaintext, err := o.recipient.Open(aad, sealed)
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}
