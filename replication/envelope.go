package replication

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

// EnvelopeVersion is the newest form of an Envelope.
const EnvelopeVersion = 1

// MaxMaterials bounds the sealed materials of one envelope; more follow in further ones.
const MaxMaterials = 64

// Domains of the signatures that cross Regions: each signature says what kind of thing it signs, so
// that none can be passed off as another.
const (
	domainEnvelope = "meridian/envelope/1"
	domainRecord   = "meridian/record/1"
	domainHandoff  = "meridian/handoff/1"
)

// kindAnswer is the kind of an answer's envelope. It is on no subject, so that an answer cannot be
// sent as a question.
const kindAnswer Kind = "ans"

// Envelope is what travels: a CBOR array, signed by the Region that sends it.
type Envelope struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8
	ClusterID string
	Src       string
	SrcLife   uint64 // see Region.Life
	Dst       string
	Kind      Kind
	Body      []byte // canonical CBOR of the kind's body
	Sealed    *Sealed
	Signature []byte // Ed25519 over domainEnvelope and the rest
}

// Sealed is key material that only the destination can open: one HPKE context, whose messages are
// opened in their order.
type Sealed struct {
	_     struct{} `cbor:",toarray"`
	Step  uint64   // of the destination's sealing key
	Enc   []byte   // the encapsulated key
	Boxes []Box
}

// Box is one sealed material.
type Box struct {
	_          struct{} `cbor:",toarray"`
	ID         family.MaterialID
	Ciphertext []byte
}

// unsigned is an Envelope without its signature: the bytes that are signed.
type unsigned struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8
	ClusterID string
	Src       string
	SrcLife   uint64
	Dst       string
	Kind      Kind
	Body      []byte
	Sealed    *Sealed
}

func (e *Envelope) signed() []byte {
	return canonical.Marshal(unsigned{
		Version: e.Version, ClusterID: e.ClusterID, Src: e.Src, SrcLife: e.SrcLife,
		Dst: e.Dst, Kind: e.Kind, Body: e.Body, Sealed: e.Sealed,
	})
}

// EncodeEnvelope returns the bytes of e, which is signed already.
func EncodeEnvelope(e *Envelope) []byte { return canonical.Marshal(e) }

// DecodeEnvelope reads an envelope. It checks the form and the bounds, and nothing about who sent it.
func DecodeEnvelope(b []byte) (*Envelope, error) {
	if len(b) > MaxEnvelope {
		return nil, fmt.Errorf("envelope of %d bytes: too large", len(b))
	}
	var e Envelope
	if err := canonical.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	switch {
	case e.Version != EnvelopeVersion:
		return nil, fmt.Errorf("envelope of version %d", e.Version)
	case len(e.Signature) != ed25519.SignatureSize:
		return nil, errors.New("envelope: signature of a wrong length")
	case e.Sealed != nil && (len(e.Sealed.Boxes) == 0 || len(e.Sealed.Boxes) > MaxMaterials):
		return nil, fmt.Errorf("envelope with %d materials", len(e.Sealed.Boxes))
	}
	return &e, nil
}

// digestOf names a request in its answer.
func digestOf(request []byte) [32]byte { return sha256.Sum256(request) }

// errForged is a message that is not what it says it is.
var errForged = errors.New("not from whom it says")

// check says whether e came from src to this Region, signed with the key that the cluster's file
// gives for src.
func (r *Relay) check(e *Envelope, src string, kind Kind) error {
	key, known := r.peers[src]
	switch {
	case !known:
		return fmt.Errorf("%w: unknown Region", errForged)
	case e.ClusterID != r.config.ClusterID:
		return fmt.Errorf("%w: of another cluster", errForged)
	case e.Src != src:
		return fmt.Errorf("%w: of another Region", errForged)
	case e.Dst != r.config.Place.Region:
		return fmt.Errorf("%w: for another Region", errForged)
	case e.Kind != kind:
		return fmt.Errorf("%w: of another kind", errForged)
	case !verify(key, domainEnvelope, e.signed(), e.Signature):
		return fmt.Errorf("%w: bad signature", errForged)
	}
	return nil
}

// envelope makes and signs an envelope.
func (r *Relay) envelope(dst string, kind Kind, body []byte, sealed *Sealed) []byte {
	e := &Envelope{
		Version: EnvelopeVersion, ClusterID: r.config.ClusterID,
		Src: r.config.Place.Region, SrcLife: r.config.Region.Life(), Dst: dst,
		Kind: kind, Body: body, Sealed: sealed,
	}
	e.Signature = r.config.Ring.Sign(domainEnvelope, e.signed())
	return EncodeEnvelope(e)
}
