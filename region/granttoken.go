package region

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/kmsapi"
)

// A grant token names a grant and the record of the log by which it is there. Who brings it to a node
// that has not applied that record makes the node catch up first. It holds nothing of the grant itself:
// a grant that is revoked is gone, whoever still has tokens of it.

const (
	grantTokenPurpose = "grant"
	grantTokenVersion = 1
)

// errGrantToken is the one answer to whatever is not a grant token of this Region.
var errGrantToken = &kmsapi.Fault{Code: kmsapi.InvalidGrantTokenException, Message: "The grant token is not valid."}

// grantToken is what a grant token says.
type grantToken struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Account string
	KeyID   string
	GrantID [32]byte
	Life    uint64
	Seq     uint64
}

func (t *grantToken) ref() keyengine.GrantRef {
	return keyengine.GrantRef{
		Key: keyengine.Ref{Account: t.Account, KeyID: t.KeyID}, ID: hex.EncodeToString(t.GrantID[:]),
	}
}

// sealGrantToken makes a new token of a grant that is there since record seq.
func (r *Region) sealGrantToken(g keyengine.GrantRef, seq uint64) (string, error) {
	t := grantToken{Version: grantTokenVersion, Account: g.Key.Account, KeyID: g.Key.KeyID, Life: r.life(), Seq: seq}
	if n, err := hex.Decode(t.GrantID[:], []byte(g.ID)); err != nil || n != len(t.GrantID) {
		return "", fmt.Errorf("grant id %q is malformed", g.ID)
	}
	sealed, err := r.Ring.SealToken(r.Random, grantTokenPurpose, canonical.Marshal(t))
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

// openGrantToken reads a token that a caller brought. The error is errGrantToken.
func (r *Region) openGrantToken(text string) (*grantToken, error) {
	sealed, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder skips
		return nil, errGrantToken
	}
	plaintext, err := r.Ring.OpenToken(grantTokenPurpose, sealed)
	if err != nil {
		return nil, errGrantToken
	}
	t := new(grantToken)
	if canonical.Unmarshal(plaintext, t) != nil || t.Version != grantTokenVersion {
		return nil, errGrantToken
	}
	return t, nil
}

// grantTokens are the tokens that a call brings to be allowed by them.
func grantTokens(in kmsapi.Input) []string {
	switch in := in.(type) {
	case *kmsapi.CreateGrantRequest:
		return in.GrantTokens
	case *kmsapi.DecryptRequest:
		return in.GrantTokens
	case *kmsapi.DeriveSharedSecretRequest:
		return in.GrantTokens
	case *kmsapi.DescribeKeyRequest:
		return in.GrantTokens
	case *kmsapi.EncryptRequest:
		return in.GrantTokens
	case *kmsapi.GenerateDataKeyRequest:
		return in.GrantTokens
	case *kmsapi.GenerateDataKeyPairRequest:
		return in.GrantTokens
	case *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest:
		return in.GrantTokens
	case *kmsapi.GenerateDataKeyWithoutPlaintextRequest:
		return in.GrantTokens
	case *kmsapi.GenerateMacRequest:
		return in.GrantTokens
	case *kmsapi.GetPublicKeyRequest:
		return in.GrantTokens
	case *kmsapi.ReEncryptRequest:
		return in.GrantTokens
	case *kmsapi.SignRequest:
		return in.GrantTokens
	case *kmsapi.VerifyRequest:
		return in.GrantTokens
	case *kmsapi.VerifyMacRequest:
		return in.GrantTokens
	}
	return nil
}

// openGrantTokens refuses a call with a token that is none. It returns the grants that the others name,
// and the record that has to be applied for them to mean something; 0 if any state will do.
func (r *Region) openGrantTokens(in kmsapi.Input) (grants []keyengine.GrantRef, seq uint64, err error) {
	for _, text := range grantTokens(in) {
		t, err := r.openGrantToken(text)
		if err != nil {
			return nil, 0, err
		}
		grants = append(grants, t.ref())
		if t.Life == r.life() { // of another history: there is nothing to wait for
			seq = max(seq, t.Seq)
		}
	}
	return grants, seq, nil
}
