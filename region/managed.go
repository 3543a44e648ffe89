package region

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// keyNames are the identifiers in a request whose predefined aliases come to life when they are used.
func keyNames(in kmsapi.Input) (names [2]*string) {
	switch in := in.(type) {
	case *kmsapi.DescribeKeyRequest:
		names[0] = in.KeyId
	case *kmsapi.EncryptRequest:
		names[0] = in.KeyId
	case *kmsapi.DecryptRequest:
		names[0] = in.KeyId
	case *kmsapi.ReEncryptRequest:
		names[0], names[1] = in.SourceKeyId, in.DestinationKeyId
	case *kmsapi.GenerateDataKeyRequest:
		names[0] = in.KeyId
	case *kmsapi.GenerateDataKeyWithoutPlaintextRequest:
		names[0] = in.KeyId
	case *kmsapi.GenerateDataKeyPairRequest:
		names[0] = in.KeyId
	case *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest:
		names[0] = in.KeyId
	}
	return names
}

// unmade returns the predefined aliases in a request whose keys are not there, as far as this node
// has applied.
func (r *Region) unmade(call *kmsapi.Call, in kmsapi.Input) (aliases []string) {
	for _, name := range keyNames(in) {
		if name == nil {
			continue
		}
		if alias, ok := r.view().Unmade(keyengine.Facts{Caller: call.Caller}, *name); ok {
			aliases = append(aliases, alias)
		}
	}
	return aliases
}

// makeManaged makes the AWS managed keys that a request is about to use, if this node leads.
func (r *Region) makeManaged(ctx context.Context, call *kmsapi.Call, in kmsapi.Input) error {
	for _, alias := range r.unmade(call, in) {
		p, err := r.decider()
		if err != nil {
			return err
		}
		id, err := uuid.NewRandomFromReader(r.Random)
		if err != nil {
			return fmt.Errorf("draw a key id: %w", err)
		}
		ref := keyengine.Ref{Account: call.Caller.Account, KeyID: arn.NewKeyID(id, false)}
		material, secret, err := r.newMaterial(ctx, p, ref, keyspec.SymmetricDefault)
		if err != nil {
			return err
		}
		command := keyengine.MakeManagedKey{Account: ref.Account, Alias: alias, KeyID: ref.KeyID, Material: material}
		if err := r.decideOwn(ctx, p, command, []eventlog.Secret{secret}); err != nil {
			return err
		}
	}
	return nil
}
