package e2e

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/history"
)

// TestRecordAtTheFrontDoor records what clients of the AWS SDK do, has the judges look at it, and plants a violation.
func TestRecordAtTheFrontDoor(t *testing.T) {
	c := shared(t)
	file := filepath.Join(t.TempDir(), "run.jsonl")
	c.do(t, "record", "start", file)
	t.Cleanup(func() { _, _ = c.run("record", "stop") }) // a test may have ended before its own
	if _, err := c.run("record", "start", file+"2"); exitOf(t, err) != 2 {
		t.Errorf("two recordings at a time: %v", err)
	}
	us := c.client(east)
	key := createKey(t, us, true)
	blob := encrypt(t, us, key, "attack at dawn", nil)
	c.replicate(t, key, east, west)
	decrypt(t, c.client(west), blob, nil)
	for _, text := range []string{"one", "two", "three"} {
		_, err := us.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: &key, Description: aws.String(text)})
		ok(t, err)
		_, err = describe(t, us, key)
		ok(t, err)
	}
	if out := c.do(t, "record"); !strings.Contains(out, "recording into "+file) {
		t.Error(out)
	}
	if out := c.do(t, "record", "stop"); !strings.Contains(out, "recorded into "+file) {
		t.Error(out)
	}
	_, err := describe(t, us, key)
	ok(t, err)
	text, err := os.ReadFile(file)
	ok(t, err)
	for _, secret := range []string{"attack", base64.StdEncoding.EncodeToString([]byte("attack at dawn")), base64.StdEncoding.EncodeToString(blob)[:40]} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the history holds %q", secret)
		}
	}
	h, err := history.Read(bytes.NewReader(text))
	ok(t, err)
	mine := 0
	for _, e := range h.Entries {
		if e.Ask.Key == key || e.Answer.Key == key {
			mine++
		}
	}
	if mine < 10 || len(h.Marks) != 1 {
		t.Errorf("%d calls about the key, marks %v", mine, h.Marks)
	}
	t.Log("\n" + c.do(t, "check", file))

	lines := strings.Split(string(text), "\n")
	for i, line := range lines { // only what was read: the write stays as it was
		if !strings.Contains(line, `"op":"UpdateKeyDescription"`) {
			lines[i] = strings.ReplaceAll(line, `"description":"three"`, `"description":"one"`)
		}
	}
	ok(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
	out, err := c.run("check", file)
	if exitOf(t, err) != 1 || !strings.Contains(out, "VIOLATED") {
		t.Errorf("a reading older than what was written passes: %v\n%s", err, out)
	}
}
