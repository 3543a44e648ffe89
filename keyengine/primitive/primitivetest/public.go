package primitivetest

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"testing"

	"meridian/keyengine/primitive"
)

func publicKeys(t *testing.T, p primitive.Provider, k primitive.PublicKeys) {
	m := material(p, 1)
	spki := must(k.PublicKey(m))
	if !bytes.Equal(spki, must(k.PublicKey(m))) {
		t.Error("another public key the second time")
	}
	if bytes.Equal(spki, must(k.PublicKey(material(p, 2)))) {
		t.Error("other material has the same public key")
	}
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(spki, &info); err != nil || len(rest) != 0 {
		t.Errorf("not a SubjectPublicKeyInfo: %v", err)
	}
	for _, m := range notMaterial() {
		if _, err := k.PublicKey(m); !errors.Is(err, primitive.ErrMaterial) {
			t.Errorf("the public key of %d bytes: %v", m.Len(), err)
		}
	}
}
