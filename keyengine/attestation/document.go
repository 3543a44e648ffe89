package attestation

import (
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Bounds of a document. All but MaxDocument and maxBundle are those of the format.
const (
	// MaxDocument bounds a document in bytes.
	MaxDocument = 262144

	maxBundle      = 32
	maxCertificate = 1024
	maxPCRs        = 32
	maxPublicKey   = 1024
	maxUserData    = 1024
)

// ErrForm says that bytes are no attestation document.
var ErrForm = errors.New("not an attestation document")

// Document is an attestation document of the right form; Verify tells whether to believe it.
type Document struct {
	ModuleID  string
	Timestamp time.Time
	PCRs      map[uint64][]byte // by index
	PublicKey []byte            // SPKI DER; nil: none
	UserData  []byte
	Nonce     []byte

	certificate           []byte
	bundle                [][]byte // root first
	toBeSigned, signature []byte
}

// sign1 is a COSE_Sign1.
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected map[int64]cbor.RawMessage
	Payload     []byte
	Signature   []byte
}

// payload is what is signed. Absent optional members are null in the documents of real hypervisors.
type payload struct {
	ModuleID     string            `cbor:"module_id"`
	Digest       string            `cbor:"digest"`
	Timestamp    uint64            `cbor:"timestamp"`
	PCRs         map[uint64][]byte `cbor:"pcrs"`
	NitroTPMPCRs map[uint64][]byte `cbor:"nitrotpm_pcrs"`
	Certificate  []byte            `cbor:"certificate"`
	CABundle     [][]byte          `cbor:"cabundle"`
	PublicKey    []byte            `cbor:"public_key"`
	UserData     []byte            `cbor:"user_data"`
	Nonce        []byte            `cbor:"nonce"`
}

// signatureBytes is the length of an ES384 signature.
const signatureBytes = 96

// tagSign1 is the head of CBOR tag 18, which a COSE_Sign1 may have.
const tagSign1 = 0xd2

// es384 is the one protected header: {1: -35}.
const es384 = "\xa1\x01\x38\x22"

// decoder takes CBOR of any encoding, unlike package canonical: hypervisors do not promise the
// deterministic one. What is signed is the bytes, so nothing hangs on it.
func decoder() (cbor.DecMode, error) {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   8,
		MaxArrayElements:  maxBundle,
		MaxMapPairs:       maxPCRs,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
}

// Parse reads a document and checks its form. Its errors are ErrForm with the reason.
func Parse(document []byte) (*Document, error) {
	d, err := parse(document)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return d, nil
}

func parse(document []byte) (*Document, error) {
	if len(document) > MaxDocument {
		return nil, fmt.Errorf("%d bytes, at most %d", len(document), MaxDocument)
	}
	decode, err := decoder()
	if err != nil {
		return nil, err
	}
	if len(document) > 0 && document[0] == tagSign1 {
		document = document[1:]
	}
	var s sign1
	if err := decode.Unmarshal(document, &s); err != nil {
		return nil, fmt.Errorf("COSE_Sign1: %w", err)
	}
	switch {
	case string(s.Protected) != es384:
		return nil, errors.New("the protected header is not that of ES384 alone")
	case len(s.Unprotected) > 0:
		return nil, errors.New("the unprotected header is not empty")
	case len(s.Signature) != signatureBytes:
		return nil, fmt.Errorf("a signature of %d bytes, want %d", len(s.Signature), signatureBytes)
	}
	var p payload
	if err := decode.Unmarshal(s.Payload, &p); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	if p.PCRs == nil {
		p.PCRs, p.NitroTPMPCRs = p.NitroTPMPCRs, nil
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	signed, err := cbor.Marshal([]any{"Signature1", s.Protected, []byte{}, s.Payload})
	if err != nil {
		return nil, err
	}
	return &Document{
		ModuleID: p.ModuleID, Timestamp: time.UnixMilli(int64(p.Timestamp)).UTC(), PCRs: p.PCRs,
		PublicKey: p.PublicKey, UserData: p.UserData, Nonce: p.Nonce,
		certificate: p.Certificate, bundle: p.CABundle, toBeSigned: signed, signature: s.Signature,
	}, nil
}

// maxTimestamp is a time that every format of times can show: the year 9999.
const maxTimestamp = 253402300799999

// check holds a payload to the rules of the format.
func (p *payload) check() error {
	switch {
	case p.ModuleID == "":
		return errors.New("module_id is missing")
	case p.Digest != "SHA384":
		return fmt.Errorf("digest %.16q, want SHA384", p.Digest)
	case p.Timestamp == 0 || p.Timestamp > maxTimestamp:
		return errors.New("timestamp is missing or out of range")
	case len(p.PCRs) == 0 || len(p.PCRs) > maxPCRs || p.NitroTPMPCRs != nil:
		return fmt.Errorf("one map of 1 to %d PCRs is needed", maxPCRs)
	case len(p.CABundle) == 0:
		return errors.New("cabundle is missing")
	case p.PublicKey != nil && len(p.PublicKey) == 0, len(p.PublicKey) > maxPublicKey:
		return fmt.Errorf("public_key of %d bytes", len(p.PublicKey))
	case len(p.UserData) > maxUserData, len(p.Nonce) > maxUserData:
		return fmt.Errorf("user_data or nonce is longer than %d bytes", maxUserData)
	}
	for i, pcr := range p.PCRs {
		if n := len(pcr); i >= maxPCRs || n != 32 && n != 48 && n != 64 {
			return fmt.Errorf("PCR %d of %d bytes", i, n)
		}
	}
	for _, c := range append([][]byte{p.Certificate}, p.CABundle...) {
		if len(c) == 0 || len(c) > maxCertificate {
			return fmt.Errorf("a certificate of %d bytes, want 1 to %d", len(c), maxCertificate)
		}
	}
	return nil
}
