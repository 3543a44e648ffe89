package region

import (
	"errors"
	"fmt"
	"time"

	"meridian/keyengine/canonical"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/keywrap"
)

const (
	importTokenPurpose = "import"
	importTokenVersion = 1
	importTokenLife    = 24 * time.Hour
)

// Faults of what a caller brings for an import.
var (
	// errImportToken is the one answer to whatever is not an import token of this key.
	errImportToken = &kmsapi.Fault{
		Code: kmsapi.InvalidImportTokenException, Message: "The import token is not valid, or is of another KMS key.",
	}
	// errWrapped is the one answer to whatever cannot be unwrapped.
	errWrapped = &kmsapi.Fault{
		Code: kmsapi.InvalidCiphertextException, Message: "The encrypted key material cannot be decrypted with this import token.",
	}
)

// importToken is what an import token says: which key's material may come, in which wrapping, until when.
type importToken struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Account    string
	KeyID      string
	Region     string
	Algorithm  string // of the wrapping
	Wrapper    string // spec of the wrapping key
	Expires    int64  // Region time, ms since 1970 UTC
	PrivateKey []byte // of the wrapping key
}

// sealImportToken makes the token that private travels in.
func (r *Region) sealImportToken(t importToken, private primitive.Material) ([]byte, error) {
	t.PrivateKey = private.Bytes()
	defer clear(t.PrivateKey)
	plaintext := canonical.Marshal(t)
	defer clear(plaintext)
	return r.Ring.SealToken(r.Random, importTokenPurpose, plaintext)
}

// openImportToken reads a token that a caller brought, and the private key in it. The error is
// errImportToken.
func (r *Region) openImportToken(sealed []byte) (*importToken, primitive.Material, error) {
	plaintext, err := r.Ring.OpenToken(importTokenPurpose, sealed)
	if err != nil {
		return nil, primitive.Material{}, errImportToken
	}
	defer clear(plaintext)
	t := new(importToken)
	if canonical.Unmarshal(plaintext, t) != nil || t.Version != importTokenVersion {
		return nil, primitive.Material{}, errImportToken
	}
	private := primitive.NewMaterial(t.PrivateKey)
	clear(t.PrivateKey)
	t.PrivateKey = nil
	return t, private, nil
}

// openWrapped decrypts what a caller wrapped as its token says. The error is errWrapped, or a defect.
func (r *Region) openWrapped(t *importToken, private primitive.Material, wrapped []byte) ([]byte, error) {
	algorithm, rest := t.Algorithm, []byte(nil)
	var bits int
	switch t.Algorithm {
	case "RSA_AES_KEY_WRAP_SHA_1":
		algorithm = "RSAES_OAEP_SHA_1"
	case "RSA_AES_KEY_WRAP_SHA_256":
		algorithm = "RSAES_OAEP_SHA_256"
	}
	combined := algorithm != t.Algorithm
	if combined { // an AES key under RSA, then the material under the AES key
		if _, err := fmt.Sscanf(t.Wrapper, "RSA_%d", &bits); err != nil || len(wrapped) <= bits/8 {
			return nil, errWrapped
		}
		wrapped, rest = wrapped[:bits/8], wrapped[bits/8:]
	}
	opener, err := r.Primitives.BareEncrypter(t.Wrapper, private)
	if err != nil {
		return nil, fmt.Errorf("use a wrapping key: %w", err)
	}
	raw, err := opener.Decrypt(algorithm, wrapped)
	if err == nil && combined {
		kek := raw
		defer clear(kek)
		raw, err = keywrap.Unwrap(kek, rest)
	}
	switch {
	case errors.Is(err, primitive.ErrOpen):
		return nil, errWrapped
	case err != nil:
		return nil, fmt.Errorf("open wrapped key material: %w", err)
	}
	return raw, nil
}
