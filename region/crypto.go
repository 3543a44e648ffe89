package region

import (
	"context"
	"errors"
	"fmt"
	"io"

	"meridian/keyengine"
	"meridian/keyengine/ciphertext"
	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// maxContextBytes bounds the names and values of an encryption context together.
const maxContextBytes = 8192

// Faults of cryptography that have one text each.
var (
	// errCiphertext is the one answer to whatever cannot be opened; like AWS's, it has no text.
	errCiphertext = &kmsapi.Fault{Code: kmsapi.InvalidCiphertextException}
	errDryRun     = &kmsapi.Fault{
		Code: kmsapi.DryRunOperationException, Message: "The request would have succeeded, but the DryRun option is set.",
	}
	errNoRecipient = &kmsapi.Fault{
		Code: kmsapi.UnsupportedOperationException, Message: "Recipient is not supported yet.",
	}
)

// Encrypt implements kmsapi.Service.
func (r *Region) Encrypt(_ context.Context, call *kmsapi.Call, in *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	s, err := r.seal(call, "Encrypt", *in.KeyId, in.EncryptionAlgorithm, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if dryRun(in.DryRun) {
		return nil, errDryRun
	}
	blob, err := s.seal(in.Plaintext)
	if err != nil {
		return nil, err
	}
	return &kmsapi.EncryptResponse{CiphertextBlob: blob, KeyId: new(s.key.ARN), EncryptionAlgorithm: symmetric()}, nil
}

// Decrypt implements kmsapi.Service.
func (r *Region) Decrypt(_ context.Context, call *kmsapi.Call, in *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	if in.Recipient != nil {
		return nil, errNoRecipient
	}
	o, err := r.open(call, "Decrypt", in.KeyId, in.CiphertextBlob, in.EncryptionAlgorithm, in.DryRun, in.DryRunModifiers)
	if err != nil {
		return nil, err
	}
	plaintext, err := o.open(in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if dryRun(in.DryRun) {
		clear(plaintext)
		return nil, errDryRun
	}
	return &kmsapi.DecryptResponse{
		KeyId: new(o.key.ARN), Plaintext: plaintext, EncryptionAlgorithm: symmetric(), KeyMaterialId: new(o.material().String()),
	}, nil
}

// ReEncrypt implements kmsapi.Service.
func (r *Region) ReEncrypt(_ context.Context, call *kmsapi.Call, in *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	o, err := r.open(call, "ReEncrypt", in.SourceKeyId, in.CiphertextBlob, in.SourceEncryptionAlgorithm, in.DryRun, in.DryRunModifiers)
	if err != nil {
		return nil, err
	}
	s, err := r.seal(call, "ReEncrypt", *in.DestinationKeyId, in.DestinationEncryptionAlgorithm, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	plaintext, err := o.open(in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	if dryRun(in.DryRun) {
		return nil, errDryRun
	}
	blob, err := s.seal(plaintext)
	if err != nil {
		return nil, err
	}
	return &kmsapi.ReEncryptResponse{
		CiphertextBlob: blob, SourceKeyId: new(o.key.ARN), KeyId: new(s.key.ARN),
		SourceEncryptionAlgorithm: symmetric(), DestinationEncryptionAlgorithm: symmetric(),
		SourceKeyMaterialId: new(o.material().String()), DestinationKeyMaterialId: new(s.key.Current.String()),
	}, nil
}

// GenerateDataKey implements kmsapi.Service.
func (r *Region) GenerateDataKey(_ context.Context, call *kmsapi.Call, in *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	if in.Recipient != nil {
		return nil, errNoRecipient
	}
	plaintext, blob, key, err := r.dataKey(call, "GenerateDataKey", *in.KeyId, in.KeySpec, in.NumberOfBytes, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateDataKeyResponse{
		CiphertextBlob: blob, Plaintext: plaintext, KeyId: new(key.ARN), KeyMaterialId: new(key.Current.String()),
	}, nil
}

// GenerateDataKeyWithoutPlaintext implements kmsapi.Service.
func (r *Region) GenerateDataKeyWithoutPlaintext(_ context.Context, call *kmsapi.Call, in *kmsapi.GenerateDataKeyWithoutPlaintextRequest) (*kmsapi.GenerateDataKeyWithoutPlaintextResponse, error) {
	plaintext, blob, key, err := r.dataKey(call, "GenerateDataKeyWithoutPlaintext", *in.KeyId, in.KeySpec, in.NumberOfBytes, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	clear(plaintext)
	return &kmsapi.GenerateDataKeyWithoutPlaintextResponse{
		CiphertextBlob: blob, KeyId: new(key.ARN), KeyMaterialId: new(key.Current.String()),
	}, nil
}

// GenerateRandom implements kmsapi.Service.
func (r *Region) GenerateRandom(_ context.Context, _ *kmsapi.Call, in *kmsapi.GenerateRandomRequest) (*kmsapi.GenerateRandomResponse, error) {
	switch {
	case in.CustomKeyStoreId != nil:
		return nil, kmsapi.Errorf(kmsapi.CustomKeyStoreNotFoundException, "Custom key store %s does not exist.", *in.CustomKeyStoreId)
	case in.Recipient != nil:
		return nil, errNoRecipient
	case in.NumberOfBytes == nil:
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "1 validation error detected: Value null at 'numberOfBytes' failed to satisfy constraint: Member must not be null")
	}
	random, err := r.random(int(*in.NumberOfBytes))
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateRandomResponse{Plaintext: random}, nil
}

// dataKey makes a data key and encrypts it.
func (r *Region) dataKey(call *kmsapi.Call, op, keyID string, spec *kmsapi.DataKeySpec, size *int32, context map[string]string, dry *bool) (plaintext, blob []byte, key *keyengine.Usable, err error) {
	s, err := r.seal(call, op, keyID, nil, context)
	if err != nil {
		return nil, nil, key, err
	}
	n, err := dataKeyBytes(spec, size)
	if err != nil {
		return nil, nil, key, err
	}
	if dryRun(dry) {
		return nil, nil, key, errDryRun
	}
	if plaintext, err = r.random(n); err != nil {
		return nil, nil, key, err
	}
	blob, err = s.seal(plaintext)
	return plaintext, blob, s.key, err
}

func dataKeyBytes(spec *kmsapi.DataKeySpec, size *int32) (int, error) {
	switch {
	case (spec == nil) == (size == nil):
		return 0, kmsapi.Errorf(kmsapi.ValidationException, "Please specify either number of bytes or key spec.")
	case size != nil:
		return int(*size), nil
	case *spec == kmsapi.DataKeySpecAes128:
		return 16, nil
	}
	return 32, nil
}

func (r *Region) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r.Random, b); err != nil {
		return nil, fmt.Errorf("draw random bytes: %w", err)
	}
	return b, nil
}

// sealing is an encryption whose caller may do it.
type sealing struct {
	r       *Region
	key     *keyengine.Usable
	context map[string]string
}

// seal prepares an encryption under the key that keyID names.
func (r *Region) seal(call *kmsapi.Call, op, keyID string, algorithm *kmsapi.EncryptionAlgorithmSpec, context map[string]string) (*sealing, error) {
	key, err := r.view().Use(r.facts(call), op, keyID)
	if err != nil {
		return nil, err
	}
	if err := checkAlgorithm(key, algorithm); err != nil {
		return nil, err
	}
	if err := checkContext(context); err != nil {
		return nil, err
	}
	return &sealing{r: r, key: key, context: context}, nil
}

func (s *sealing) seal(plaintext []byte) (blob []byte, err error) {
	name := ciphertext.Key{Account: s.key.Ref.Account, KeyID: s.key.Ref.KeyID, Material: s.key.Current}
	err = s.r.encrypter(s.key.Ref, s.key.Spec, s.key.Current, func(e primitive.Encrypter) error {
		blob, err = e.Seal(s.r.Random, name, s.context, plaintext)
		return err
	})
	if errors.Is(err, errNoMaterial) { // the key was deleted since it was found
		return nil, kmsapi.Errorf(kmsapi.NotFoundException, "Key '%s' does not exist", s.key.ARN)
	}
	return blob, err
}

// opening is a decryption whose caller may do it.
type opening struct {
	r    *Region
	key  *keyengine.Usable
	blob *ciphertext.Blob // nil: a dry run without a ciphertext
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
	if err := checkAlgorithm(key, algorithm); err != nil {
		return nil, err
	}
	if malformed != nil {
		return nil, errCiphertext
	}
	return &opening{r: r, key: key, blob: parsed}, nil
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
	return &opening{r: r, key: key}, checkAlgorithm(key, algorithm)
}

func (o *opening) material() family.MaterialID { return o.blob.Key.Material }

func (o *opening) open(context map[string]string) (plaintext []byte, err error) {
	if o.blob == nil {
		return nil, nil
	}
	if err := checkContext(context); err != nil {
		return nil, err
	}
	err = o.r.encrypter(o.key.Ref, o.key.Spec, o.material(), func(e primitive.Encrypter) error {
		plaintext, err = e.Open(o.blob, context)
		return err
	})
	if errors.Is(err, primitive.ErrOpen) || errors.Is(err, errNoMaterial) {
		return nil, errCiphertext
	}
	return plaintext, err
}

// checkAlgorithm refuses an algorithm that the key does not have.
func checkAlgorithm(key *keyengine.Usable, algorithm *kmsapi.EncryptionAlgorithmSpec) error {
	if algorithm == nil || string(*algorithm) == key.Spec {
		return nil
	}
	return kmsapi.Errorf(kmsapi.InvalidKeyUsageException, "Algorithm %s is incompatible with key spec %s.", *algorithm, key.Spec)
}

func checkContext(context map[string]string) error {
	size := 0
	for k, v := range context {
		size += len(k) + len(v)
	}
	if size > maxContextBytes {
		return kmsapi.Errorf(kmsapi.ValidationException, "EncryptionContext of %d bytes is longer than %d.", size, maxContextBytes)
	}
	return nil
}

func symmetric() *kmsapi.EncryptionAlgorithmSpec {
	return new(kmsapi.EncryptionAlgorithmSpec(keyspec.SymmetricDefault))
}

func dryRun(p *bool) bool { return p != nil && *p }
