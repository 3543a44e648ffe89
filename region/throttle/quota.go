package throttle

import (
	"strings"

	"meridian/keyengine/kmsapi"
)

// QuotasOf returns what a call is counted by. Which pool a use of a key belongs to is told by the algorithm that it names: a
// call that names another than its key's is refused anyway. The second is empty but for a ReEncrypt from one kind of key
// to another.
func QuotasOf(op *kmsapi.Operation, in kmsapi.Input) (first, second Quota) {
	switch in := in.(type) {
	case *kmsapi.EncryptRequest:
		return ofEncryption(in.EncryptionAlgorithm), ""
	case *kmsapi.DecryptRequest:
		return ofEncryption(in.EncryptionAlgorithm), ""
	case *kmsapi.ReEncryptRequest:
		first, second = ofEncryption(in.SourceEncryptionAlgorithm), ofEncryption(in.DestinationEncryptionAlgorithm)
		if second == first {
			second = ""
		}
		return first, second
	case *kmsapi.SignRequest:
		return ofSignature(in.SigningAlgorithm), ""
	case *kmsapi.VerifyRequest:
		return ofSignature(in.SigningAlgorithm), ""
	case *kmsapi.DeriveSharedSecretRequest:
		return ECC, ""
	case *kmsapi.GenerateDataKeyRequest, *kmsapi.GenerateDataKeyWithoutPlaintextRequest, *kmsapi.GenerateRandomRequest,
		*kmsapi.GenerateMacRequest, *kmsapi.VerifyMacRequest:
		return Symmetric, ""
	case *kmsapi.GenerateDataKeyPairRequest:
		return ofPair(in.KeyPairSpec), ""
	case *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest:
		return ofPair(in.KeyPairSpec), ""
	}
	return Quota(op.Name), ""
}

func ofEncryption(a *kmsapi.EncryptionAlgorithmSpec) Quota {
	switch {
	case a == nil, *a == kmsapi.EncryptionAlgorithmSpecSymmetricDefault:
		return Symmetric
	case *a == kmsapi.EncryptionAlgorithmSpecSm2pke:
		return SM2
	}
	return RSA
}

func ofSignature(a *kmsapi.SigningAlgorithmSpec) Quota {
	switch {
	case a == nil:
		return RSA // validation lets no such call through
	case strings.HasPrefix(string(*a), "RSASSA"):
		return RSA
	case strings.HasPrefix(string(*a), "SM2"):
		return SM2
	case strings.HasPrefix(string(*a), "ML_DSA"):
		return MLDSA
	}
	return ECC
}

func ofPair(spec *kmsapi.DataKeyPairSpec) Quota {
	if spec == nil {
		return pair("") // validation lets no such call through
	}
	return pair(*spec)
}
