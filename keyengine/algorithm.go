package keyengine

import (
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// Types of what a caller gives to be signed.
const (
	messageRaw    = "RAW"
	messageDigest = "DIGEST"
	messageMu     = "EXTERNAL_MU"
)

// Symmetric reports whether the key encrypts to ciphertexts that name it.
func (u *Usable) Symmetric() bool {
	spec, _ := keyspec.Lookup(u.Spec)
	return spec.Class == keyspec.Symmetric
}

// Algorithm returns the algorithm that a caller asks for, if the key has it.
func (u *Usable) Algorithm(name string) (keyspec.Algorithm, error) {
	spec, _ := keyspec.Lookup(u.Spec)
	usage, _ := spec.Usage(u.Usage)
	a, ok := usage.Algorithm(name)
	if !ok {
		return a, fault(kmsapi.InvalidKeyUsageException, "Algorithm %s is incompatible with key spec %s.", name, u.Spec)
	}
	return a, nil
}

// CheckPlaintext refuses a plaintext that the algorithm cannot encrypt.
func (u *Usable) CheckPlaintext(a keyspec.Algorithm, size int) error {
	if size > a.MaxBytes {
		return fault(kmsapi.ValidationException, "Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", a.Name, u.Spec, a.MaxBytes)
	}
	return nil
}

// CheckMessage refuses what the algorithm cannot sign: the wrong type of message, or a digest or an
// external mu of the wrong length. It returns the type, which is RAW where the caller says nothing.
func CheckMessage(a keyspec.Algorithm, kind *kmsapi.MessageType, size int) (string, error) {
	name := string(val(kind))
	if name == "" {
		name = messageRaw
	}
	switch name {
	case messageRaw:
		if a.MaxBytes == 0 {
			break
		}
		if size > a.MaxBytes {
			return "", fault(kmsapi.ValidationException, "Message of %d bytes is longer than %d.", size, a.MaxBytes)
		}
		return name, nil
	case messageDigest:
		if a.DigestBytes == 0 {
			break
		}
		if size != a.DigestBytes {
			return "", fault(kmsapi.ValidationException, "Digest is invalid length for algorithm %s.", a.Name)
		}
		return name, nil
	case messageMu:
		if a.MuBytes == 0 {
			break
		}
		if size != a.MuBytes {
			return "", fault(kmsapi.ValidationException, "External mu is invalid length for algorithm %s.", a.Name)
		}
		return name, nil
	}
	return "", fault(kmsapi.ValidationException, "Message type %s is incompatible with algorithm %s.", name, a.Name)
}

// DescribePublicKey answers GetPublicKey but for the bytes of the public key, which the material of
// the key found has.
func (v *View) DescribePublicKey(f Facts, in *kmsapi.GetPublicKeyRequest) (*kmsapi.GetPublicKeyResponse, *Usable, error) {
	u, err := v.Use(f, "GetPublicKey", val(in.KeyId))
	if err != nil {
		return nil, nil, err
	}
	t, err := v.find(u.Ref)
	if err != nil {
		return nil, nil, err
	}
	m := t.metadata()
	return &kmsapi.GetPublicKeyResponse{
		KeyId: m.Arn, KeySpec: m.KeySpec, CustomerMasterKeySpec: m.CustomerMasterKeySpec, KeyUsage: m.KeyUsage,
		EncryptionAlgorithms: m.EncryptionAlgorithms, SigningAlgorithms: m.SigningAlgorithms,
		KeyAgreementAlgorithms: m.KeyAgreementAlgorithms,
	}, u, nil
}
