package replication

import (
	"fmt"

	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/keyring"
)

// Signatures of records and of hand-offs are made when they are sent: Ed25519 is deterministic, so
// that a decision needs no key, and each sending makes the same bytes.

func verify(key []byte, domain string, msg, sig []byte) bool {
	return keyring.Verify(key, domain, msg, sig)
}

// handoff is what the signature of a Certificate covers. It names the family, so that a certificate
// of one cannot serve another.
type handoff struct {
	_           struct{} `cbor:",toarray"`
	Account     string
	KeyID       string
	Certificate family.Certificate // without its signature
}

func handoffBytes(rec *family.Record, c family.Certificate) []byte {
	c.Signature = nil
	return canonical.Marshal(handoff{Account: rec.Account, KeyID: rec.KeyID, Certificate: c})
}

// recordBody returns what is sent of l: the record with its writer's signature, which is made here
// if the writer is this Region, and the certificates of hand-offs after known.
func (r *Relay) recordBody(l *family.Local, known family.Version) *RecordBody {
	b := &RecordBody{Nonce: newNonce(), Record: l.Record, Signature: l.Signature}
	if l.Record.Writer == r.config.Place.Region {
		b.Signature = r.config.Ring.Sign(domainRecord, canonical.Marshal(&l.Record))
	}
	for _, c := range l.Certificates {
		opens := family.Version{Gen: c.Gen, GenBy: c.GenBy, Epoch: c.Epoch}
		known.Seq = 0
		if !known.Less(opens) {
			continue
		}
		if c.From == r.config.Place.Region && len(c.Signature) == 0 {
			c.Signature = r.config.Ring.Sign(domainHandoff, handoffBytes(&l.Record, c))
		}
		if len(c.Signature) > 0 && len(b.Certificates) < maxCertificates {
			b.Certificates = append(b.Certificates, c)
		}
	}
	return b
}

// prove checks that the record was written by the Region it names and that its certificates are
// genuine. Who carried it here does not matter.
func (r *Relay) prove(b *RecordBody) error {
	if b.Record.Partition != r.config.Place.Partition {
		return fmt.Errorf("%w: record of another partition", errForged)
	}
	key, known := r.keyOf(b.Record.Writer)
	if !known || !verify(key, domainRecord, canonical.Marshal(&b.Record), b.Signature) {
		return fmt.Errorf("%w: record without its writer's signature", errForged)
	}
	for _, c := range b.Certificates {
		key, known := r.keyOf(c.From)
		if !known || !verify(key, domainHandoff, handoffBytes(&b.Record, c), c.Signature) {
			return fmt.Errorf("%w: certificate without its Region's signature", errForged)
		}
	}
	return nil
}

// keyOf returns the public signing key of a Region, this one's included.
func (r *Relay) keyOf(region string) ([]byte, bool) {
	if region == r.config.Place.Region {
		return r.own, true
	}
	key, ok := r.peers[region]
	return key, ok
}
