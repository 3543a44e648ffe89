package sdktest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/builtin"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

// stuck never makes an RSA key in time.
type stuck struct{ generator }

// Generate implements region.Generator.
func (s *stuck) Generate(ctx context.Context, spec string) (primitive.Material, error) {
	if spec == "RSA_3072" {
		<-ctx.Done()
		return primitive.Material{}, ctx.Err()
	}
	return s.generator.Generate(ctx, spec)
}

// strong asks for answers that the Region's leader has confirmed.
func strong(o *kms.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("x-meridian-consistency", "strong"))
}

// outage has a Region of two nodes that make no RSA keys, and then takes one of them away: the other one can neither
// write nor confirm what it knows.
func outage(t *testing.T, w *world) {
	s := &stuck{generator{set: builtin.Set(), made: map[string][]byte{}}}
	c := nodetest.NewWith(t, func(c *node.Config) { c.Generator = s }, 2, "ap-southeast-2")
	c.Ready()
	client := w.recorder.client(c, "ap-southeast-2/1")
	z := &zoo{enabled: map[kind]string{}}
	for _, k := range []kind{symmetric, signing, macs, agreement, external, primary} {
		z.enabled[k] = *create(t, client, inputOf(k)).KeyId
	}
	z.full, z.alias = z.enabled[symmetric], "alias/zoo"
	z.sealed = must[kms.EncryptOutput](t)(client.Encrypt(t.Context(), &kms.EncryptInput{KeyId: new(z.full), Plaintext: []byte("x")})).CiphertextBlob
	z.grant = &kms.CreateGrantOutput{GrantId: new("0000000000000000000000000000000000000000000000000000000000000000")}

	slow := &kms.CreateKeyInput{KeySpec: types.KeySpecRsa3072, KeyUsage: types.KeyUsageTypeSignVerify}
	together( // CreateKey at both nodes: one of them leads, the other sends it on
		func() { fails(t, client, "CreateKey", "DependencyTimeout", slow) },
		func() { fails(t, w.recorder.client(c, "ap-southeast-2/2"), "CreateKey", "DependencyTimeout", slow) },
		func() {
			fails(t, client, "GenerateDataKeyPair", "DependencyTimeout", z.with("GenerateDataKeyPair", "KeyPairSpec", types.DataKeyPairSpecRsa3072))
		},
		func() {
			fails(t, client, "GenerateDataKeyPairWithoutPlaintext", "DependencyTimeout", z.with("GenerateDataKeyPairWithoutPlaintext", "KeyPairSpec", types.DataKeyPairSpecRsa3072))
		},
		func() {
			fails(t, client, "GetParametersForImport", "DependencyTimeout", z.with("GetParametersForImport", "WrappingKeySpec", types.WrappingKeySpecRsa3072))
		},
	)
	fails(t, client, "GenerateRandom", "UnsupportedOperation", &kms.GenerateRandomInput{NumberOfBytes: new(int32(1)), Recipient: w.recipient()}) // it trusts no root

	c.Stop("ap-southeast-2/2")
	c.Eventually("the node that is left refuses cryptography", func() bool {
		err := call(t.Context(), client, "Encrypt", z.input("Encrypt"))
		var api smithy.APIError
		return errors.As(err, &api) && api.ErrorCode() == "KMSInternalException"
	})
	confirmed := w.recorder.client(c, "ap-southeast-2/1", strong)
	var calls []func()
	for op := range kmsapi.Operations() {
		calls = append(calls, func() { fails(t, confirmed, op.Name, "KMSInternal", z.outageInput(op.Name)) })
	}
	together(calls...)
}

// outageInput is an input that the model allows, of operations on custom key stores too.
func (z *zoo) outageInput(operation string) any {
	store := new("cks-1234567890abcdef0")
	switch operation {
	case "CreateCustomKeyStore":
		return &kms.CreateCustomKeyStoreInput{CustomKeyStoreName: new("store")}
	case "GenerateRandom":
		return &kms.GenerateRandomInput{NumberOfBytes: new(int32(1))}
	}
	in := z.input(operation)
	for _, names := range storeOperations() {
		if names == operation {
			set(in, "CustomKeyStoreId", store)
		}
	}
	return in
}

// together runs functions at once and waits for all of them.
func together(all ...func()) {
	var wg sync.WaitGroup
	for _, f := range all {
		wg.Go(f)
	}
	wg.Wait()
}
