package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"meridian/cluster/world"
)

// sealed is a ciphertext that a scenario keeps, with what it must decrypt to.
type sealed struct {
	account   string
	key       any // key id, where the ciphertext does not name it
	blob      any
	plaintext any
	context   any
	algorithm any
}

// keep puts a part of an answer into a variable; ciphertexts and keys are remembered as what they are.
func (r *runner) keep(s saving, v any, made world.Call, out any) {
	r.vars[s.name] = v
	var in map[string]any
	_ = json.Unmarshal(made.Input, &in) // it was marshalled here
	switch {
	case made.Operation == "Encrypt" && s.path == "CiphertextBlob":
		c := sealed{account: made.Account, blob: v, plaintext: in["Plaintext"], context: in["EncryptionContext"], algorithm: in["EncryptionAlgorithm"]}
		if c.algorithm != nil {
			c.key = in["KeyId"]
		}
		r.ciphers[s.name] = c
		r.sealedBy[s.name] = keyOf(out)
	case made.Operation == "GenerateDataKey" && s.path == "CiphertextBlob":
		plaintext, _ := at(out, "Plaintext")
		r.ciphers[s.name] = sealed{account: made.Account, blob: v, plaintext: plaintext, context: in["EncryptionContext"]}
		r.sealedBy[s.name] = keyOf(out)
	case made.Operation == "CreateKey" && (s.path == "KeyMetadata.KeyId" || s.path == "KeyMetadata.Arn"):
		r.keys = append(r.keys, key{s.name, bare(fmt.Sprint(v)), made.Account})
	}
}

// keyOf is the id of the key that an answer names.
func keyOf(out any) string {
	v, _ := at(out, "KeyId")
	return bare(fmt.Sprint(v))
}

// bare is the id in a key's ARN, or the id itself.
func bare(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// decrypt decrypts at a place, and returns what was wrong; empty: nothing.
func (s sealed) decrypt(ctx context.Context, w world.World, place string) (string, error) {
	in := map[string]any{"CiphertextBlob": s.blob}
	for name, v := range map[string]any{"KeyId": s.key, "EncryptionContext": s.context, "EncryptionAlgorithm": s.algorithm} {
		if v != nil {
			in[name] = v
		}
	}
	a, err := ask(ctx, w, place, s.account, "Decrypt", "", in)
	if err != nil {
		return "", err
	}
	if a.Code != "" {
		return fault(a), nil
	}
	var out struct{ Plaintext any }
	if err := json.Unmarshal(a.Output, &out); err != nil {
		return "", err
	}
	if !equal(out.Plaintext, s.plaintext) {
		return "it decrypts to something else", nil
	}
	return "", nil
}

// ask makes a call at a Region or a node.
func ask(ctx context.Context, w world.World, place, account, operation, freshness string, in map[string]any) (world.Answer, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return world.Answer{}, err
	}
	region, _, isNode := strings.Cut(place, "/")
	c := world.Call{Region: region, Account: account, Operation: operation, Input: body, Consistency: freshness}
	if isNode {
		c.Node = place
	}
	return w.Call(ctx, c)
}
