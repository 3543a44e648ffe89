package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestWalkWithAWSCLI runs the walk of the README as a newcomer would, with the environment that `env` prints.
func TestWalkWithAWSCLI(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not installed")
	}
	c := breakable(t)
	exports := filepath.Join(t.TempDir(), "env.sh")
	ok(t, os.WriteFile(exports, []byte(c.do(t, "env")), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	walk := exec.CommandContext(ctx, "bash", "-c", `. "$1" && exec ../../scripts/walk.sh`, "walk", exports)
	walk.Env = append(cleanEnv(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"MERIDIAN="+program+" --data "+c.data)
	out, err := walk.CombinedOutput()
	transcript := string(out)
	t.Log(transcript)
	if err != nil {
		t.Fatalf("walk.sh: %v", err)
	}
	rest := transcript
	for _, line := range []string{
		`"KeyState": "Enabled"`, `"Creating"`, `"MultiRegionKeyType": "REPLICA"`,
		"attack at dawn", "InvalidCiphertextException", "$ scripts/cluster.sh kill", "attack at dawn", "ON_DEMAND", "attack at dawn",
		"$ scripts/cluster.sh partition", "PRIMARY\tUpdating", "attack at dawn", "PRIMARY\tEnabled", "REPLICA\tEnabled", `"KeyState": "PendingReplicaDeletion"`,
	} {
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Errorf("the transcript does not say %q, or not in its place", line)
		}
		rest = after
	}
	if got, want := commands(transcript), commands(section(t, "walk")); got != want {
		t.Errorf("the README shows another walk: put the transcript above between its marks.\nREADME:\n%s\nwalk.sh:\n%s", want, got)
	}
}

// volatile is what differs from walk to walk.
var volatile = regexp.MustCompile(`mrk-[0-9a-f]{32}|walk-[0-9a-f]{8}`)

// commands are the lines of a transcript that are not answers.
func commands(transcript string) string {
	var lines []string
	for line := range strings.Lines(volatile.ReplaceAllString(transcript, "KEY")) {
		if strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "# ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// section is what stands between the marks of that name in the README.
func section(t *testing.T, name string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	ok(t, err)
	_, after, begun := strings.Cut(string(readme), "<!-- "+name+" -->")
	text, _, ended := strings.Cut(after, "<!-- /"+name+" -->")
	if !begun || !ended {
		t.Fatalf("the README has no section %s", name)
	}
	return text
}

// TestWalkNeedsAnEndpoint keeps the walk away from real accounts.
func TestWalkNeedsAnEndpoint(t *testing.T) {
	walk := exec.CommandContext(t.Context(), "../../scripts/walk.sh")
	walk.Env = cleanEnv()
	if out, err := walk.CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "walk.sh: ") {
		t.Errorf("walk.sh without an endpoint: %v, says %q", err, out)
	}
}
