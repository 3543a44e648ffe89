package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWalkWithAWSCLI runs the walk of the README as a newcomer would, with the environment that `env` prints.
func TestWalkWithAWSCLI(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not installed")
	}
	c := shared(t)
	exports := filepath.Join(t.TempDir(), "env.sh")
	ok(t, os.WriteFile(exports, []byte(c.do(t, "env")), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	walk := exec.CommandContext(ctx, "bash", "-c", `. "$1" && exec ../../scripts/walk.sh`, "walk", exports)
	walk.Env = append(cleanEnv(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	out, err := walk.CombinedOutput()
	transcript := string(out)
	t.Log(transcript)
	if err != nil {
		t.Fatalf("walk.sh: %v", err)
	}
	rest := transcript
	for _, line := range []string{
		`"KeyState": "Enabled"`, `"Creating"`, `"MultiRegionKeyType": "REPLICA"`,
		"attack at dawn", "InvalidCiphertextException", "ON_DEMAND", "attack at dawn",
		"PRIMARY\tEnabled", "REPLICA\tEnabled", `"KeyState": "PendingReplicaDeletion"`,
	} {
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Errorf("the transcript does not say %q, or not in its place", line)
		}
		rest = after
	}
}

// TestWalkNeedsAnEndpoint keeps the walk away from real accounts.
func TestWalkNeedsAnEndpoint(t *testing.T) {
	walk := exec.CommandContext(t.Context(), "../../scripts/walk.sh")
	walk.Env = cleanEnv()
	if out, err := walk.CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "walk.sh: ") {
		t.Errorf("walk.sh without an endpoint: %v, says %q", err, out)
	}
}
