package attestation_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/keyengine/attestation"
	"meridian/keyengine/attestation/attestationtest"
)

// now is when the documents of these tests are judged.
var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func roots(t testing.TB, ca *attestationtest.Authority) *attestation.Roots {
	r, err := attestation.ParseRoots(ca.Root())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// judge does all that is done with a document before something is encrypted to it.
func judge(document []byte, r *attestation.Roots, at time.Time) (*rsa.PublicKey, error) {
	d, err := attestation.Parse(document)
	if err != nil {
		return nil, err
	}
	if err := d.Verify(r, at); err != nil {
		return nil, err
	}
	return d.Recipient()
}

func TestAValidDocument(t *testing.T) {
	ca, enclave := attestationtest.NewAuthority(now), attestationtest.NewEnclave()
	document := ca.Document(enclave, now.Add(-time.Minute), func(p attestationtest.Payload) {
		p["nonce"], p["user_data"] = []byte("once"), []byte("data")
	})
	for what, b := range map[string][]byte{"bare": document, "tagged": append([]byte{0xd2}, document...)} {
		d, err := attestation.Parse(b)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := d.Verify(roots(t, ca), now); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if !d.Timestamp.Equal(now.Add(-time.Minute)) || string(d.Nonce) != "once" || string(d.UserData) != "data" ||
			len(d.PCRs) != 3 || len(d.PCRs[2]) != 48 || !strings.HasPrefix(d.ModuleID, "i-0123") {
			t.Errorf("%s: %+v", what, d)
		}
		if to, err := d.Recipient(); err != nil || !to.Equal(enclave.RSA()) {
			t.Errorf("%s: recipient %v", what, err)
		}
	}
}

func TestADocumentOfNitroTPM(t *testing.T) {
	ca, enclave := attestationtest.NewAuthority(now), attestationtest.NewEnclave()
	document := ca.Document(enclave, now, func(p attestationtest.Payload) {
		p["nitrotpm_pcrs"] = p["pcrs"]
		delete(p, "pcrs")
	})
	if _, err := judge(document, roots(t, ca), now); err != nil {
		t.Error(err)
	}
}

// Each document is signed, and wrong in one way.
func TestDocumentsThatAreWrong(t *testing.T) {
	ca, enclave := attestationtest.NewAuthority(now), attestationtest.NewEnclave()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki := func(public any) []byte {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	other := attestationtest.NewAuthority(now)
	for what, test := range map[string]struct {
		member string
		value  any // nil: null
		want   error
	}{
		"no module":             {"module_id", "", attestation.ErrForm},
		"module as bytes":       {"module_id", []byte("i-0"), attestation.ErrForm},
		"another digest":        {"digest", "SHA256", attestation.ErrForm},
		"no digest":             {"digest", nil, attestation.ErrForm},
		"timestamp 0":           {"timestamp", 0, attestation.ErrForm},
		"timestamp negative":    {"timestamp", -1, attestation.ErrForm},
		"timestamp out of time": {"timestamp", uint64(1) << 63, attestation.ErrForm},
		"timestamp in future":   {"timestamp", now.Add(6 * time.Minute).UnixMilli(), attestation.ErrUntrusted},
		"older than its signer": {"timestamp", now.Add(-2 * time.Hour).UnixMilli(), attestation.ErrUntrusted},
		"no PCRs":               {"pcrs", map[uint64][]byte{}, attestation.ErrForm},
		"PCR 32":                {"pcrs", map[uint64][]byte{32: make([]byte, 48)}, attestation.ErrForm},
		"PCR below 0":           {"pcrs", map[int64][]byte{-1: make([]byte, 48)}, attestation.ErrForm},
		"PCR by name":           {"pcrs", map[string][]byte{"0": make([]byte, 48)}, attestation.ErrForm},
		"short PCR":             {"pcrs", map[uint64][]byte{0: make([]byte, 47)}, attestation.ErrForm},
		"PCRs of both kinds":    {"nitrotpm_pcrs", map[uint64][]byte{0: make([]byte, 48)}, attestation.ErrForm},
		"no certificate":        {"certificate", nil, attestation.ErrForm},
		"certificate too long":  {"certificate", make([]byte, 1025), attestation.ErrForm},
		"certificate is none":   {"certificate", []byte("x"), attestation.ErrUntrusted},
		"certificate of others": {"certificate", other.Payload(enclave, now)["certificate"], attestation.ErrUntrusted},
		"no bundle":             {"cabundle", [][]byte{}, attestation.ErrForm},
		"bundle too long":       {"cabundle", make([][]byte, 33), attestation.ErrForm},
		"bundle of others":      {"cabundle", other.Payload(enclave, now)["cabundle"], attestation.ErrUntrusted},
		"bundle of no certs":    {"cabundle", [][]byte{[]byte("x")}, attestation.ErrUntrusted},
		"long user data":        {"user_data", make([]byte, 1025), attestation.ErrForm},
		"long nonce":            {"nonce", make([]byte, 1025), attestation.ErrForm},
		"unknown member":        {"pcr", 1, attestation.ErrForm},
		"member in other case":  {"Module_ID", "i-0", attestation.ErrForm},
		"empty public key":      {"public_key", []byte{}, attestation.ErrForm},
		"no public key":         {"public_key", nil, attestation.ErrNoKey},
		"public key is none":    {"public_key", []byte("x"), attestation.ErrNoKey},
		"small public key":      {"public_key", spki(&small.PublicKey), attestation.ErrNoKey},
		"public key of ECDSA":   {"public_key", spki(&elsewhere.PublicKey), attestation.ErrNoKey},
	} {
		document := ca.Document(enclave, now, func(p attestationtest.Payload) { p[test.member] = test.value })
		if _, err := judge(document, roots(t, ca), now); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
}

func TestChainsThatAreWrong(t *testing.T) {
	enclave := attestationtest.NewEnclave()
	for what, change := range map[string]attestationtest.Certificates{
		"expired signer":           func(_, _, leaf *x509.Certificate) { leaf.NotAfter = now.Add(-time.Second) },
		"signer of tomorrow":       func(_, _, leaf *x509.Certificate) { leaf.NotBefore = now.Add(time.Second) },
		"expired intermediate":     func(_, between, _ *x509.Certificate) { between.NotAfter = now.Add(-time.Second) },
		"expired root":             func(root, _, _ *x509.Certificate) { root.NotAfter = now.Add(-time.Second) },
		"intermediate that is not": func(_, between, _ *x509.Certificate) { between.IsCA = false },
		"path too long":            func(root, _, _ *x509.Certificate) { root.MaxPathLenZero = true },
		"signer for other use":     func(_, _, leaf *x509.Certificate) { leaf.KeyUsage = x509.KeyUsageKeyEncipherment },
	} {
		ca := attestationtest.NewAuthority(now, change)
		if _, err := judge(ca.Document(enclave, now), roots(t, ca), now); !errors.Is(err, attestation.ErrUntrusted) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ca, other := attestationtest.NewAuthority(now), attestationtest.NewAuthority(now)
	document := ca.Document(enclave, now)
	for what, test := range map[string]struct {
		roots *attestation.Roots
		at    time.Time
	}{
		"no roots":     {nil, now},
		"another root": {roots(t, other), now},
		"too late":     {roots(t, ca), now.Add(attestationtest.Validity)},
		"too early":    {roots(t, ca), now.Add(-attestationtest.Validity)},
	} {
		if _, err := judge(document, test.roots, test.at); !errors.Is(err, attestation.ErrUntrusted) {
			t.Errorf("%s: %v", what, err)
		}
	}
	curve := attestationtest.NewAuthorityOn(now, elliptic.P256())
	if _, err := judge(curve.Document(enclave, now), roots(t, curve), now); !errors.Is(err, attestation.ErrUntrusted) {
		t.Errorf("signer on P-256: %v", err)
	}
}

// Whatever byte of a document is changed, it is not believed.
func TestAnyChangeBreaksADocument(t *testing.T) {
	ca, enclave := attestationtest.NewAuthority(now), attestationtest.NewEnclave()
	document, r := ca.Document(enclave, now), roots(t, ca)
	for i := 0; i < len(document); i += 7 {
		wrong := bytes.Clone(document)
		wrong[i] ^= 0x10
		if _, err := judge(wrong, r, now); err == nil {
			t.Errorf("believed with byte %d of %d changed", i, len(document))
		}
	}
	wrong := bytes.Clone(document)
	wrong[len(wrong)-1] ^= 1
	if _, err := judge(wrong, r, now); !errors.Is(err, attestation.ErrSignature) {
		t.Errorf("signature changed: %v", err)
	}
}

func TestWhatIsNoDocument(t *testing.T) {
	for what, b := range map[string][]byte{
		"nothing": nil, "a number": {1}, "text": []byte("hello"), "an empty array": {0x80},
		"no signature":       {0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0, 0x41, 0xa0, 0x40},
		"another algorithm":  {0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0x41, 0xa0, 0x40},
		"more than is taken": make([]byte, attestation.MaxDocument+1),
	} {
		if _, err := attestation.Parse(b); !errors.Is(err, attestation.ErrForm) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestParseRoots(t *testing.T) {
	a, b := attestationtest.NewAuthority(now), attestationtest.NewAuthority(now)
	if r, err := attestation.ParseRoots(append(a.Root(), b.Root()...)); err != nil || r.Len() != 2 {
		t.Errorf("two roots: %d, %v", r.Len(), err)
	}
	for what, text := range map[string][]byte{
		"nothing": nil, "no PEM": []byte("root"), "rest": append(a.Root(), 'x'), "no authority": a.Leaf(),
		"a private key": attestationtest.NewEnclave().PrivateKey(),
		"no DER":        []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	} {
		if r, err := attestation.ParseRoots(text); err == nil {
			t.Errorf("%s: %d roots", what, r.Len())
		}
	}
}

func TestSeal(t *testing.T) {
	enclave, other := attestationtest.NewEnclave(), attestationtest.NewEnclave()
	for _, n := range []int{1, 15, 16, 17, 32, 1024, 4096} {
		plaintext := bytes.Repeat([]byte{byte(n)}, n)
		sealed, err := attestation.Seal(rand.Reader, enclave.RSA(), plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := enclave.Open(sealed); err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: %x, %v", n, got, err)
		}
		if _, err := other.Open(sealed); err == nil {
			t.Errorf("%d bytes: another enclave reads them", n)
		}
		if again, _ := attestation.Seal(rand.Reader, enclave.RSA(), plaintext); bytes.Equal(again, sealed) {
			t.Errorf("%d bytes: the same message twice", n)
		}
	}
	if _, err := attestation.Seal(strings.NewReader("too few"), enclave.RSA(), []byte("x")); err == nil {
		t.Error("sealed without randomness")
	}
}

// OpenSSL reads the messages, too.
func TestOpenSSLReadsSealed(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: nothing else reads the messages here")
	}
	enclave, dir := attestationtest.NewEnclave(), t.TempDir()
	key := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(key, enclave.PrivateKey(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 32, 4096} {
		plaintext := bytes.Repeat([]byte("k"), n)
		sealed, err := attestation.Seal(rand.Reader, enclave.RSA(), plaintext)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), openssl, "cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", key)
		var said strings.Builder
		cmd.Stdin, cmd.Stderr = bytes.NewReader(sealed), &said
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: %x, %v\n%s", n, got, err, said.String())
		}
	}
}

// FuzzParse looks for bytes that end Parse or Verify otherwise than with an answer, or that are believed.
func FuzzParse(f *testing.F) {
	ca, enclave := attestationtest.NewAuthority(now), attestationtest.NewEnclave()
	trusted := roots(f, attestationtest.NewAuthority(now))
	document := ca.Document(enclave, now)
	f.Add(document)
	f.Add(append([]byte{0xd2}, document...))
	f.Add(document[:len(document)/2])
	f.Add(ca.Sign([]byte{0xa0}))
	f.Add([]byte{0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0, 0x41, 0xa0, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := attestation.Parse(b)
		if err != nil {
			if !errors.Is(err, attestation.ErrForm) {
				t.Errorf("Parse: %v", err)
			}
			return
		}
		if err := d.Verify(trusted, now); err == nil {
			t.Error("believed without a root")
		}
		_, _ = d.Recipient()
	})
}
