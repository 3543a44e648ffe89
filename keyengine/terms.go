package keyengine

import (
	"maps"

	"meridian/keyengine/kmsapi"
)

// encryptionContext is that of the call, unless one was given beforehand.
func (a *Asker) encryptionContext(op string) map[string]string {
	if a.EncryptionContext != nil {
		return a.EncryptionContext
	}
	return encryptionContext(op, a.Input)
}

// encryptionContext is the encryption context that policies and grants compare with, for a permission;
// of CreateGrant that of the constraints.
func encryptionContext(op string, in kmsapi.Input) map[string]string {
	switch in := in.(type) {
	case *kmsapi.EncryptRequest:
		return in.EncryptionContext
	case *kmsapi.DecryptRequest:
		return in.EncryptionContext
	case *kmsapi.GenerateDataKeyRequest:
		return in.EncryptionContext
	case *kmsapi.GenerateDataKeyWithoutPlaintextRequest:
		return in.EncryptionContext
	case *kmsapi.GenerateDataKeyPairRequest:
		return in.EncryptionContext
	case *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest:
		return in.EncryptionContext
	case *kmsapi.ReEncryptRequest:
		if op == reEncryptTo {
			return in.DestinationEncryptionContext
		}
		return in.SourceEncryptionContext
	case *kmsapi.CreateGrantRequest:
		if in.Constraints == nil {
			return nil
		}
		all := maps.Clone(in.Constraints.EncryptionContextSubset)
		if all == nil {
			return in.Constraints.EncryptionContextEquals
		}
		maps.Copy(all, in.Constraints.EncryptionContextEquals)
		return all
	}
	return nil
}

// The permissions of ReEncrypt.
const (
	reEncryptFrom = "ReEncryptFrom"
	reEncryptTo   = "ReEncryptTo"
)

// operationOf is the operation that a permission belongs to.
func operationOf(permission string) string {
	if permission == reEncryptFrom || permission == reEncryptTo {
		return "ReEncrypt"
	}
	return permission
}

// childOf is the grant that a request would make, so that a grant by which it is asked can be no wider;
// nil where none is to be made. Nothing of it has been checked yet.
func childOf(op string, in kmsapi.Input) *Grant {
	create, ok := in.(*kmsapi.CreateGrantRequest)
	if !ok || op != "CreateGrant" {
		return nil
	}
	child := new(Grant)
	for _, operation := range create.Operations {
		child.Operations = append(child.Operations, string(operation))
	}
	if create.Constraints != nil {
		child.Equals = pairsOf(create.Constraints.EncryptionContextEquals)
		child.Subset = pairsOf(create.Constraints.EncryptionContextSubset)
	}
	return child
}

// requestedKey is the identifier of the key that a request names for a permission, as it names it.
func requestedKey(op string, in kmsapi.Input) *string {
	switch in := in.(type) {
	case *kmsapi.DescribeKeyRequest:
		return in.KeyId
	case *kmsapi.GetPublicKeyRequest:
		return in.KeyId
	case *kmsapi.EncryptRequest:
		return in.KeyId
	case *kmsapi.DecryptRequest:
		return in.KeyId
	case *kmsapi.GenerateDataKeyRequest:
		return in.KeyId
	case *kmsapi.GenerateDataKeyWithoutPlaintextRequest:
		return in.KeyId
	case *kmsapi.GenerateDataKeyPairRequest:
		return in.KeyId
	case *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest:
		return in.KeyId
	case *kmsapi.SignRequest:
		return in.KeyId
	case *kmsapi.VerifyRequest:
		return in.KeyId
	case *kmsapi.GenerateMacRequest:
		return in.KeyId
	case *kmsapi.VerifyMacRequest:
		return in.KeyId
	case *kmsapi.DeriveSharedSecretRequest:
		return in.KeyId
	case *kmsapi.ReEncryptRequest:
		if op == reEncryptTo {
			return in.DestinationKeyId
		}
		return in.SourceKeyId
	}
	return nil
}

// requestedTags are the tags that a request gives a key.
func requestedTags(in kmsapi.Input) []kmsapi.Tag {
	switch in := in.(type) {
	case *kmsapi.CreateKeyRequest:
		return in.Tags
	case *kmsapi.TagResourceRequest:
		return in.Tags
	case *kmsapi.ReplicateKeyRequest:
		return in.Tags
	}
	return nil
}
