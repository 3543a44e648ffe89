package region

import (
	"crypto/rsa"
	"errors"
	"io"

	"meridian/keyengine/attestation"
	"meridian/keyengine/kmsapi"
)

// recipient is who alone may read an answer; nil: the caller.
type recipient struct{ key *rsa.PublicKey }

// recipient judges the Recipient of a request; without one it is nil. A document comes from outside and
// carries that world's time, so the wall clock judges it and not the Region's, which may have been moved.
func (r *Region) recipient(in *kmsapi.RecipientInfo) (*recipient, error) {
	switch {
	case in == nil:
		return nil, nil
	case r.Attestation.Len() == 0:
		return nil, kmsapi.Errorf(kmsapi.UnsupportedOperationException,
			"Recipient is not supported: this cluster trusts no root of attestation documents. Start it with --attestation-roots.")
	case in.KeyEncryptionAlgorithm == nil:
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "Recipient.KeyEncryptionAlgorithm is required.")
	case len(in.AttestationDocument) == 0:
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "Recipient.AttestationDocument is required.")
	}
	d, err := attestation.Parse(in.AttestationDocument)
	if err == nil {
		err = d.Verify(r.Attestation, r.Wall())
	}
	to := new(recipient)
	if err == nil {
		to.key, err = d.Recipient()
	}
	if err != nil {
		return nil, badDocument(err)
	}
	return to, nil
}

func badDocument(err error) error {
	return kmsapi.Errorf(kmsapi.ValidationException, "Recipient.AttestationDocument is refused: %v.", err)
}

// deliver returns plaintext as it goes into an answer: as it is for the caller, or encrypted to the
// recipient, and then no more in plain.
func (to *recipient) deliver(random io.Reader, plaintext []byte) (plain, sealed []byte, err error) {
	if to == nil {
		return plaintext, nil, nil
	}
	defer clear(plaintext)
	sealed, err = attestation.Seal(random, to.key, plaintext)
	if errors.Is(err, attestation.ErrNoKey) {
		err = badDocument(err)
	}
	return nil, sealed, err
}

// answer is what was made, or why it was not.
func answer[T any](out *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return out, nil
}
