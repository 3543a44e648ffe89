package keyring_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
	"pgregory.net/rapid"

	"meridian/keyengine/family"
	"meridian/keyengine/keyring"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/primitivetest"
)

const cluster = "c0ffee00-0000-4000-8000-000000000000"

func newRing(t testing.TB, region string, seed byte) *keyring.Ring {
	t.Helper()
	r, err := keyring.New(cluster, region, primitivetest.Rand(seed))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var binding = keyring.Binding{
	Partition: "aws", Account: "111122223333", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab",
	ID: family.MaterialID{1, 2, 3}, Spec: "SYMMETRIC_DEFAULT",
}

func TestNew(t *testing.T) {
	a, same, other := newRing(t, "us-east-1", 1), newRing(t, "us-east-1", 1), newRing(t, "us-east-1", 2)
	if a.ClusterID() != cluster || a.Region() != "us-east-1" || a.SealingStep() != 0 {
		t.Errorf("%v: %s, step %d", a, a.ClusterID(), a.SealingStep())
	}
	if fmt.Sprint(a.Public()) != fmt.Sprint(same.Public()) {
		t.Error("the same randomness gives another ring")
	}
	if bytes.Equal(a.Public().Signing, other.Public().Signing) || a.Public().NKey == other.Public().NKey {
		t.Error("two rings share keys")
	}
	a.Public().Signing[0]++
	if !bytes.Equal(a.Public().Signing, same.Public().Signing) {
		t.Error("a caller can change the ring's public key")
	}
	for _, c := range []struct{ cluster, region string }{{"", "us-east-1"}, {strings.Repeat("x", 65), "us-east-1"}, {cluster, ""}, {cluster, "us"}} {
		if _, err := keyring.New(c.cluster, c.region, primitivetest.Rand(1)); err == nil {
			t.Errorf("a ring for %+v", c)
		}
	}
	if _, err := keyring.New(cluster, "us-east-1", strings.NewReader("too little")); err == nil {
		t.Error("a ring without randomness")
	}
}

func TestWrapRoundTrip(t *testing.T) {
	ring := newRing(t, "us-east-1", 1)
	rapid.Check(t, func(t *rapid.T) {
		leaf := rapid.Uint64().Draw(t, "leaf")
		b := keyring.Binding{
			Partition: rapid.String().Draw(t, "partition"), Account: rapid.String().Draw(t, "account"),
			KeyID: rapid.String().Draw(t, "key id"), Spec: rapid.String().Draw(t, "spec"),
		}
		secret := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "secret")
		m := primitive.NewMaterial(secret)
		wrapped, err := ring.Wrap(primitivetest.Rand(9), leaf, b, m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ring.Unwrap(leaf, b, wrapped)
		if err != nil || !got.Equal(m) {
			t.Fatalf("unwrap: %v", err)
		}
		if len(secret) > 4 && bytes.Contains(wrapped, secret) {
			t.Fatal("wrapped material is plain")
		}
	})
}

func TestUnwrapRefuses(t *testing.T) {
	ring := newRing(t, "us-east-1", 1)
	m := primitive.NewMaterial([]byte("0123456789abcdef0123456789abcdef"))
	wrapped, err := ring.Wrap(primitivetest.Rand(1), 7, binding, m)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, r *keyring.Ring, leaf uint64, b keyring.Binding, wrapped []byte) {
		t.Helper()
		if got, err := r.Unwrap(leaf, b, wrapped); !errors.Is(err, keyring.ErrUnwrap) || got.Len() != 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("other leaf", ring, 8, binding, wrapped)
	refused("other ring", newRing(t, "us-east-1", 2), 7, binding, wrapped)
	refused("other Region with the same keys", newRing(t, "us-east-2", 1), 7, binding, wrapped)
	for what, change := range map[string]func(*keyring.Binding){
		"other partition": func(b *keyring.Binding) { b.Partition = "aws-cn" },
		"other account":   func(b *keyring.Binding) { b.Account = "111122223334" },
		"other key":       func(b *keyring.Binding) { b.KeyID = "mrk-0" },
		"other material":  func(b *keyring.Binding) { b.ID[31]++ },
		"other spec":      func(b *keyring.Binding) { b.Spec = "HMAC_256" },
		"shifted parts":   func(b *keyring.Binding) { b.Account, b.KeyID = b.Account+b.KeyID[:1], b.KeyID[1:] },
	} {
		b := binding
		change(&b)
		refused(what, ring, 7, b, wrapped)
	}
	for i := range wrapped {
		changed := bytes.Clone(wrapped)
		changed[i] ^= 1
		refused(fmt.Sprintf("byte %d changed", i), ring, 7, binding, changed)
		refused(fmt.Sprintf("cut to %d", i), ring, 7, binding, wrapped[:i])
	}
	if got, err := ring.Unwrap(7, binding, wrapped); err != nil || !got.Equal(m) {
		t.Errorf("the good one: %v", err)
	}
}

func TestWrapNeedsRandomnessAndMaterial(t *testing.T) {
	ring := newRing(t, "us-east-1", 1)
	if _, err := ring.Wrap(strings.NewReader("short"), 1, binding, primitive.NewMaterial([]byte("x"))); err == nil {
		t.Error("wrapped without randomness")
	}
	if _, err := ring.Wrap(primitivetest.Rand(1), 1, binding, primitive.Material{}); !errors.Is(err, primitive.ErrDestroyed) {
		t.Errorf("wrapped nothing: %v", err)
	}
}

func TestSign(t *testing.T) {
	ring, other := newRing(t, "us-east-1", 1), newRing(t, "eu-west-1", 2)
	public, message := ring.Public().Signing, []byte("message")
	sig := ring.Sign(keyring.DomainRecord, message)
	if !bytes.Equal(sig, ring.Sign(keyring.DomainRecord, message)) {
		t.Error("signing is not deterministic")
	}
	if !ed25519.Verify(public, []byte("meridian/record/1message"), sig) {
		t.Error("the signature is not over domain and message")
	}
	for _, c := range []struct {
		what    string
		public  []byte
		domain  string
		message string
		sig     []byte
		want    bool
	}{
		{"good", public, keyring.DomainRecord, "message", sig, true},
		{"other Region", other.Public().Signing, keyring.DomainRecord, "message", sig, false},
		{"other domain", public, keyring.DomainEnvelope, "message", sig, false},
		{"other message", public, keyring.DomainRecord, "massage", sig, false},
		{"no signature", public, keyring.DomainRecord, "message", nil, false},
		{"short signature", public, keyring.DomainRecord, "message", sig[:63], false},
		{"no key", nil, keyring.DomainRecord, "message", sig, false},
		{"long key", append(bytes.Clone(public), 0), keyring.DomainRecord, "message", sig, false},
	} {
		if got := keyring.Verify(c.public, c.domain, []byte(c.message), c.sig); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
	domains := []string{keyring.DomainEnvelope, keyring.DomainRecord, keyring.DomainCertificate}
	for _, a := range domains {
		for _, b := range domains {
			if a != b && strings.HasPrefix(a, b) {
				t.Errorf("domain %s begins like %s", a, b)
			}
		}
	}
}

func TestSignNonce(t *testing.T) {
	ring := newRing(t, "us-east-1", 1)
	sig, err := ring.SignNonce([]byte("nonce"))
	if err != nil {
		t.Fatal(err)
	}
	public := ring.Public().NKey
	if !nkeys.IsValidPublicUserKey(public) {
		t.Fatalf("%s is no user nkey", public)
	}
	user, err := nkeys.FromPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := user.Verify([]byte("nonce"), sig); err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	ring := newRing(t, "us-east-1", 1)
	token, err := ring.SealToken(primitivetest.Rand(1), "grant", []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ring.OpenToken("grant", token); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	refused := func(what string, r *keyring.Ring, purpose string, token []byte) {
		t.Helper()
		if got, err := r.OpenToken(purpose, token); !errors.Is(err, keyring.ErrToken) || got != nil {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	refused("other purpose", ring, "import", token)
	refused("other Region", newRing(t, "eu-west-1", 2), "grant", token)
	for i := range token {
		changed := bytes.Clone(token)
		changed[i] ^= 1
		refused(fmt.Sprintf("byte %d changed", i), ring, "grant", changed)
		refused(fmt.Sprintf("cut to %d", i), ring, "grant", token[:i])
	}
	if _, err := ring.SealToken(strings.NewReader(""), "grant", nil); err == nil {
		t.Error("sealed without randomness")
	}
}

// TestMaterialID fixes the ids: they are in every blob that callers keep. The values were computed
// with Python's hashlib.
func TestMaterialID(t *testing.T) {
	random := bytes.Repeat([]byte{7}, 32)
	for origin, want := range map[keyring.Origin]string{
		keyring.OriginAWSKMS:   "3aaaae4f52b4",
		keyring.OriginExternal: "6f0bb30af616",
	} {
		if got := keyring.MaterialID(origin, "mrk-1234abcd12ab34cd56ef1234567890ab", random).String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", origin, got)
		}
	}
	if keyring.MaterialID(keyring.OriginExternal, "a", []byte("bc")) == keyring.MaterialID(keyring.OriginExternal, "ab", []byte("c")) {
		t.Error("key id and material run into each other")
	}
	for what, f := range map[string]func(){
		"too little randomness": func() { keyring.MaterialID(keyring.OriginAWSKMS, "a", random[1:]) },
		"other origin":          func() { keyring.MaterialID("AWS_CLOUDHSM", "a", random) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f()
		}()
	}
}

// TestNothingPrintsSecrets finds the ring's secrets by their own randomness: every secret of a ring
// made from a known stream is 32 bytes of that stream.
func TestNothingPrintsSecrets(t *testing.T) {
	stream := make([]byte, 5*32)
	if _, err := primitivetest.Rand(1).Read(stream); err != nil {
		t.Fatal(err)
	}
	ring := newRing(t, "us-east-1", 1)
	if _, err := ring.SealingKey(0); err != nil { // so that a private key is in its cache
		t.Fatal(err)
	}
	root, err := keyring.CreateRoot(t.TempDir()+"/root.key", bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	shows := func(s string) string {
		for i := 0; i < len(stream); i += 32 {
			head := stream[i : i+4]
			for _, form := range []string{string(head), hex.EncodeToString(head), strings.Trim(fmt.Sprint(head), "[]"), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", head), "[]byte{"), "}")} {
				if strings.Contains(s, form) {
					return form
				}
			}
		}
		return ""
	}
	type holder struct {
		ring *keyring.Ring
		root *keyring.Root
	}
	for _, v := range []any{ring, root, *root, holder{ring, root}, &holder{ring, root}, []any{ring, root}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			if s := fmt.Sprintf(verb, v); shows(s) != "" {
				t.Errorf("%s of %T shows %q", verb, v, shows(s))
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		j, _ := json.Marshal(v)
		if s := log.String() + string(j); shows(s) != "" {
			t.Errorf("a log or JSON of %T shows %q", v, shows(s))
		}
	}
	if s := fmt.Sprint(ring); s != "keyring(us-east-1)" {
		t.Error(s)
	}
	if shows(fmt.Sprint(stream)) == "" {
		t.Error("this test would not see a secret")
	}
}
