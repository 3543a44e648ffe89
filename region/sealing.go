package region

import (
	"errors"

	"meridian/keyengine"
	"meridian/keyengine/ciphertext"
	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// maxContextBytes bounds the names and values of an encryption context together.
const maxContextBytes = 8192

// cipherKey is a key that may be used now, with the algorithm to use.
type cipherKey struct {
	r         *Region
	key       *keyengine.Usable
	algorithm keyspec.Algorithm
}

// cipherKey takes the algorithm that a caller asks for.
func (r *Region) cipherKey(key *keyengine.Usable, asked *kmsapi.EncryptionAlgorithmSpec) (cipherKey, error) {
	name := keyspec.SymmetricDefault
	if asked != nil {
		name = string(*asked)
	}
	a, err := key.Algorithm(name)
	return cipherKey{r, key, a}, err
}

func (c cipherKey) algorithmName() *kmsapi.EncryptionAlgorithmSpec {
	return new(kmsapi.EncryptionAlgorithmSpec(c.algorithm.Name))
}

// materialName is the id of a material as an answer shows it: of symmetric keys alone.
func (c cipherKey) materialName(id family.MaterialID) *string {
	if !c.key.Symmetric() {
		return nil
	}
	return new(id.String())
}

// checkContext refuses an encryption context that is too long, or that nothing would authenticate.
func (c cipherKey) checkContext(context map[string]string) error {
	size := 0
	for k, v := range context {
		size += len(k) + len(v)
	}
	switch {
	case len(context) > 0 && !c.key.Symmetric():
		return kmsapi.Errorf(kmsapi.ValidationException, "EncryptionContext is not supported with key spec %s.", c.key.Spec)
	case size > maxContextBytes:
		return kmsapi.Errorf(kmsapi.ValidationException, "EncryptionContext of %d bytes is longer than %d.", size, maxContextBytes)
	}
	return nil
}

// sealing is an encryption whose caller may do it.
type sealing struct {
	cipherKey
	context map[string]string
}

// seal prepares an encryption under the key that keyID names.
func (r *Region) seal(call *kmsapi.Call, op, keyID string, algorithm *kmsapi.EncryptionAlgorithmSpec, context map[string]string) (*sealing, error) {
	key, err := r.view().Use(r.facts(call), op, keyID)
	if err != nil {
		return nil, err
	}
	c, err := r.cipherKey(key, algorithm)
	if err != nil {
		return nil, err
	}
	if err := c.checkContext(context); err != nil {
		return nil, err
	}
	return &sealing{c, context}, nil
}

func (s *sealing) materialName() *string { return s.cipherKey.materialName(s.key.Current) }

// fits refuses a plaintext that is too long for the algorithm.
func (s *sealing) fits(plaintext []byte) error {
	return s.key.CheckPlaintext(s.algorithm, len(plaintext))
}

// seal encrypts: to a blob that names the key, or to the algorithm's bare output.
func (s *sealing) seal(plaintext []byte) (blob []byte, err error) {
	if !s.key.Symmetric() {
		return blob, withCurrent(s.r, s.key, primitive.Set.BareEncrypter, func(e primitive.BareEncrypter) error {
			blob, err = e.Encrypt(s.r.Random, s.algorithm.Name, plaintext)
			return err
		})
	}
	name := ciphertext.Key{Account: s.key.Ref.Account, KeyID: s.key.Ref.KeyID, Material: s.key.Current}
	return blob, withCurrent(s.r, s.key, primitive.Set.Encrypter, func(e primitive.Encrypter) error {
		blob, err = e.Seal(s.r.Random, name, s.context, plaintext)
		return err
	})
}

// opening is a decryption whose caller may do it.
type opening struct {
	cipherKey
	blob *ciphertext.Blob // of a symmetric key
	bare []byte           // of an asymmetric one; both nil: a dry run without a ciphertext
}

// open prepares a decryption. Without keyID the blob names the key.
func (r *Region) open(call *kmsapi.Call, op string, keyID *string, blob []byte, algorithm *kmsapi.EncryptionAlgorithmSpec, dry *bool, modifiers []kmsapi.DryRunModifierType) (*opening, error) {
	if len(modifiers) > 0 {
		return r.openNothing(call, op, keyID, algorithm, dry)
	}
	if blob == nil {
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
	}
	parsed, malformed := ciphertext.Parse(blob)
	key, err := r.namedKey(call, op, keyID, parsed)
	if err != nil {
		return nil, err
	}
	c, err := r.cipherKey(key, algorithm)
	switch {
	case err != nil:
		return nil, err
	case !key.Symmetric():
		return &opening{cipherKey: c, bare: blob}, nil
	case malformed != nil:
		return nil, errCiphertext
	}
	return &opening{cipherKey: c, blob: parsed}, nil
}

// namedKey finds the key for a ciphertext: nil where it is malformed, which is told only to those
// who may use the key they name.
func (r *Region) namedKey(call *kmsapi.Call, op string, keyID *string, blob *ciphertext.Blob) (*keyengine.Usable, error) {
	facts, view := r.facts(call), r.view()
	switch {
	case blob != nil:
		return view.UseForCiphertext(facts, op, keyID, keyengine.Ref{Account: blob.Key.Account, KeyID: blob.Key.KeyID})
	case keyID != nil:
		return view.Use(facts, op, *keyID)
	}
	return nil, errCiphertext
}

// openNothing is open for a dry run that asks about the key alone.
func (r *Region) openNothing(call *kmsapi.Call, op string, keyID *string, algorithm *kmsapi.EncryptionAlgorithmSpec, dry *bool) (*opening, error) {
	switch {
	case !dryRun(dry):
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "DryRunModifiers is only valid when DryRun is true.")
	case keyID == nil:
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "A key ID is required when the ciphertext is ignored.")
	}
	key, err := r.view().Use(r.facts(call), op, *keyID)
	if err != nil {
		return nil, err
	}
	c, err := r.cipherKey(key, algorithm)
	return &opening{cipherKey: c}, err
}

func (o *opening) materialName() *string {
	if o.blob == nil {
		return nil
	}
	return o.cipherKey.materialName(o.blob.Key.Material)
}

func (o *opening) open(context map[string]string) (plaintext []byte, err error) {
	if err := o.checkContext(context); err != nil {
		return nil, err
	}
	switch {
	case o.bare != nil:
		err = with(o.r, o.key, o.key.Current, primitive.Set.BareEncrypter, func(e primitive.BareEncrypter) error {
			plaintext, err = e.Decrypt(o.algorithm.Name, o.bare)
			return err
		})
	case o.blob != nil:
		err = with(o.r, o.key, o.blob.Key.Material, primitive.Set.Encrypter, func(e primitive.Encrypter) error {
			plaintext, err = e.Open(o.blob, context)
			return err
		})
	}
	if errors.Is(err, primitive.ErrOpen) || errors.Is(err, errNoMaterial) {
		return nil, errCiphertext
	}
	return plaintext, err
}
