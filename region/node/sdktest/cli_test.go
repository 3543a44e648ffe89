package sdktest

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// commandLine has the AWS CLI carry blobs through files, as scripts do: what it writes others can read.
func commandLine(t *testing.T, w *world) {
	program, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the AWS CLI is not installed")
	}
	dir := t.TempDir()
	n, _ := w.cluster.File.Node("us-east-1/1")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, append([]string{"kms", "--output", "text"}, args...)...)
		cmd.Dir = dir
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ENDPOINT_URL=http://" + n.KMS,
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "failed: " + string(out)
		}
		return strings.TrimSpace(string(out))
	}
	blob := func(text string) []byte {
		t.Helper()
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatalf("no base64: %s", text)
		}
		return b
	}
	file := func(name string, b []byte) string {
		t.Helper()
		ok(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
		return "fileb://" + name
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	message := file("message", all)

	key := *create(t, w.east, inputOf(signing)).KeyId
	signed := blob(run("sign", "--key-id", key, "--signing-algorithm", "ECDSA_SHA_256", "--message", message, "--query", "Signature"))
	spki := blob(run("get-public-key", "--key-id", key, "--query", "PublicKey"))
	public, err := x509.ParsePKIXPublicKey(spki)
	ok(t, err)
	digest := sha256.Sum256(all)
	equal(t, "the signature in the file is the key's", ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], signed), true)
	verify := []string{"verify", "--key-id", key, "--signing-algorithm", "ECDSA_SHA_256", "--message", message, "--query", "SignatureValid", "--signature"}
	equal(t, "what verify says", run(append(verify, file("signature", signed))...), "True")
	if says := run(append(verify, message)...); !strings.Contains(says, "KMSInvalidSignatureException") {
		t.Errorf("verify says of what is no signature: %s", says)
	}

	external := create(t, w.east, kms.CreateKeyInput{Origin: types.OriginTypeExternal}).KeyId
	parameters := strings.Fields(run("get-parameters-for-import", "--key-id", *external, "--wrapping-algorithm", "RSAES_OAEP_SHA_256",
		"--wrapping-key-spec", "RSA_2048", "--query", "[PublicKey,ImportToken]"))
	if len(parameters) != 2 {
		t.Fatalf("get-parameters-for-import says %v", parameters)
	}
	run("import-key-material", "--key-id", *external, "--expiration-model", "KEY_MATERIAL_DOES_NOT_EXPIRE", "--import-token", file("token", blob(parameters[1])),
		"--encrypted-key-material", file("material", wrap(t, blob(parameters[0]), types.AlgorithmSpecRsaesOaepSha256, all[:32])))
	equal(t, "the state after the import", describe(t, w.east, external).KeyState, types.KeyStateEnabled)
}
