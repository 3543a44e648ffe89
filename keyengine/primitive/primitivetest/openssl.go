package primitivetest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// OpenSSL runs another implementation, in a folder that holds files, and returns what it prints. It
// skips the test where there is none.
func OpenSSL(t *testing.T, files map[string][]byte, args ...string) []byte {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: nothing to compare with")
	}
	folder := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = folder
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// OpenSSLVerifies lets it verify a signature of message under a public key. The options say how.
func OpenSSLVerifies(t *testing.T, spki, message, signature []byte, options ...string) {
	t.Helper()
	args := append([]string{"pkeyutl", "-verify", "-pubin", "-inkey", "key", "-keyform", "DER", "-sigfile", "signature", "-in", "message"}, options...)
	out := OpenSSL(t, map[string][]byte{"key": spki, "message": message, "signature": signature}, args...)
	if !bytes.Contains(out, []byte("Signature Verified Successfully")) {
		t.Errorf("openssl says %s", out)
	}
}

// OpenSSLSigns lets it sign message under a private key. The options say how.
func OpenSSLSigns(t *testing.T, m []byte, message []byte, options ...string) []byte {
	t.Helper()
	args := append([]string{"pkeyutl", "-sign", "-inkey", "key", "-keyform", "DER", "-in", "message"}, options...)
	return OpenSSL(t, map[string][]byte{"key": m, "message": message}, args...)
}

// OpenSSLDerives lets it agree on a secret.
func OpenSSLDerives(t *testing.T, m, peerSPKI []byte) []byte {
	t.Helper()
	return OpenSSL(t, map[string][]byte{"key": m, "peer": peerSPKI},
		"pkeyutl", "-derive", "-inkey", "key", "-keyform", "DER", "-peerkey", "peer", "-peerform", "DER")
}
