package scenario

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"meridian/cluster/world"
)

// importing imports key material as a client does: it asks for the wrapping key, wraps, and imports.
type importing struct {
	call
	key, material string
}

// importing reads: import $key in REGION material NAME [Field=value...]. The name stands for the bytes.
func (p *parser) importing(words []string) (act, error) {
	if len(words) < 5 || words[1] != "in" || words[3] != "material" {
		return nil, errors.New("write: import $key in REGION material NAME [Field=value...]")
	}
	parsed, err := p.call(append([]string{words[2], "ImportKeyMaterial", "KeyId=" + words[0]}, words[5:]...))
	if err != nil {
		return nil, err
	}
	return &importing{call: *parsed.(*call), key: words[0], material: words[4]}, p.variable(words[0])
}

func (i *importing) do(ctx context.Context, r *runner) error {
	a, err := ask(ctx, r.world, i.place, i.account, "GetParametersForImport", "", map[string]any{
		"KeyId": r.vars[i.key], "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048",
	})
	if err != nil {
		return err
	}
	if a.Code != "" {
		return i.judge(r, world.Call{Operation: "ImportKeyMaterial"}, a)
	}
	var parameters struct{ PublicKey, ImportToken []byte }
	if err := json.Unmarshal(a.Output, &parameters); err != nil {
		return err
	}
	wrapped, err := wrapMaterial(parameters.PublicKey, i.material)
	if err != nil {
		return err
	}
	in := map[string]any{"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
	maps.Copy(in, resolve(i.input, r.vars).(map[string]any))
	in["ImportToken"] = base64.StdEncoding.EncodeToString(parameters.ImportToken)
	in["EncryptedKeyMaterial"] = base64.StdEncoding.EncodeToString(wrapped)
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	region, _, _ := strings.Cut(i.place, "/")
	r.last = world.Call{Region: region, Account: i.account, Operation: "ImportKeyMaterial", Input: body, Invocation: r.invocation()}
	return i.answered(ctx, r, r.last)
}

// wrapMaterial makes 32 bytes of a name and wraps them.
func wrapMaterial(public []byte, name string) ([]byte, error) {
	parsed, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the wrapping key is a %T", parsed)
	}
	material := sha256.Sum256([]byte("material " + name))
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, key, material[:], nil)
}
