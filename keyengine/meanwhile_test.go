package keyengine_test

import (
	"bytes"
	"fmt"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
	"meridian/keyengine/rows"
)

// moving is the newest state of a store to which records are applied between two reads: the rows with a prefix are gone
// when they are asked for, although a scan that began before has seen them.
type moving struct {
	rows.Reader
	gone []byte
}

func (m moving) Get(key []byte) ([]byte, bool) {
	if bytes.HasPrefix(key, m.gone) {
		return nil, false
	}
	return m.Reader.Get(key)
}

// TestWhatEndsWhileACallIsDecided: a grant that is revoked, and a key that is deleted, between two reads of one decision
// are as if they had ended before it.
func TestWhatEndsWhileACallIsDecided(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	w.must(t, "us-east-1", "CreateKey", `{}`)
	w.must(t, "us-east-1", "CreateGrant", `{"KeyId":"$k1","GranteePrincipal":"arn:aws:iam::111122223333:user/g","Operations":["Encrypt"]}`)
	grantee := w.asker(t, policy.User, "user/g", account, &kmsapi.EncryptRequest{})
	use := func(gone string) error {
		_, err := keyengine.NewView(moving{s.rows, []byte(gone)}, s.place).Use(grantee, "Encrypt", w.names["$k1"])
		return err
	}
	if err := use("-"); err != nil {
		t.Fatalf("nothing ended: %v", err)
	}
	if err := use(fmt.Sprintf("g/%s/", account)); codeOf(err) != kmsapi.AccessDeniedException {
		t.Errorf("the grant ended: %v", err)
	}
	if err := use("k/"); codeOf(err) != kmsapi.NotFoundException {
		t.Errorf("the key ended: %v", err)
	}
}
