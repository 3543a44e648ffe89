package e2e

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/control"
)

// exitOf is the exit code of a command that ran.
func exitOf(t *testing.T, err error) int {
	t.Helper()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	if err == nil {
		return 0
	}
	return ended.ExitCode()
}

// TestExplain asks who may use a key, before and after its policy denied it: the exit code is the answer, the words
// name the statement, and the past stays to be asked about.
func TestExplain(t *testing.T) {
	c := shared(t)
	client := c.patient(east)
	key := createKey(t, client, false)
	m, err := describe(t, client, key)
	ok(t, err)
	root := "arn:aws:iam::" + *m.AWSAccountId + ":root"
	ask := func(more ...string) []string {
		return append([]string{"explain", "--region", east, "--principal", root, "--action", "kms:Encrypt", "--key", key}, more...)
	}

	var before control.Reasons
	eventually(t, 10*time.Second, "the node that is asked knows the key", func() error {
		out, err := c.run(ask("-o", "json")...)
		if err == nil {
			parse(t, out, &before)
		}
		return err
	})
	if !before.Allowed || before.Reason != "root" || !strings.Contains(before.By, "Enable IAM User Permissions") || before.Region != east || before.Seq == 0 {
		t.Errorf("by the default policy: %+v", before)
	}

	policy := `{"Version":"2012-10-17","Statement":[
		{"Sid":"All","Effect":"Allow","Principal":{"AWS":"` + root + `"},"Action":"kms:*","Resource":"*"},
		{"Sid":"NoEncrypt","Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{"StringNotEquals":{"kms:EncryptionContext:app":"x"}}}]}`
	_, err = client.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &policy})
	ok(t, err)
	var after string
	eventually(t, 10*time.Second, "the node that is asked knows the policy", func() (err error) {
		if after, err = c.run(ask()...); err == nil {
			return errors.New("still allowed")
		}
		if code := exitOf(t, err); code != 1 {
			t.Fatalf("exit code %d of a denial: %v", code, err)
		}
		return nil
	})
	for _, words := range []string{"denied (", "NoEncrypt", "told: User: " + root + " is not authorized to perform: kms:Encrypt"} {
		if !strings.Contains(after, words) {
			t.Errorf("%q lacks %q", after, words)
		}
	}
	if out, err := c.run(ask("--context", "app=x")...); err != nil || !strings.HasPrefix(out, "allowed (") || !strings.Contains(out, "near: ") {
		t.Errorf("with the context that the statement wants: %q, %v", out, err)
	}
	if out, err := c.run(ask("--as-of", strconv.FormatUint(before.Seq, 10))...); err != nil || !strings.HasPrefix(out, "allowed (") {
		t.Errorf("as it was before: %q, %v", out, err)
	}

	for _, wrong := range [][]string{
		{"explain", "--principal", root},
		{"explain", "--principal", root, "--action", "kms:Fly", "--key", key},
		{"explain", "--principal", "nobody", "--action", "kms:Encrypt", "--key", key},
		ask("--as-of", "yesterday"),
		ask("--context", "app"),
		ask("--grant-token", "none"),
		ask("--region", "mars-1"),
	} {
		if out, err := c.run(wrong...); exitOf(t, err) != 2 || out != "" {
			t.Errorf("%q: %q, %v", wrong, out, err)
		}
	}
}
