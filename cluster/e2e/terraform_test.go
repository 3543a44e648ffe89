package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/clustertest"
)

// TestTerraform applies testdata/terraform/main.tf with the real program and provider, without one of the provider's
// skip_* arguments and with a role assumed in one Region. After each apply a plan must find nothing left to change: that
// is where a key service that keeps a value in another form than it was given shows. MERIDIAN_TERRAFORM_PLUGINS names a
// folder laid out as a file system mirror, with hashicorp/aws in it; `make terraform` runs this test alone.
func TestTerraform(t *testing.T) {
	plugins := os.Getenv("MERIDIAN_TERRAFORM_PLUGINS")
	if plugins == "" {
		t.Skip("MERIDIAN_TERRAFORM_PLUGINS does not name a folder with the provider hashicorp/aws")
	}
	for _, lag := range []string{"instant", "aws-like"} {
		t.Run(lag, func(t *testing.T) { terraformLife(t, plugins, lag) })
	}
}

func terraformLife(t *testing.T, plugins, lag string) {
	c := identified(t, "testdata/terraform/identity.yaml", lag)
	tf := newTerraform(t, c, plugins)
	tf.do(t, "init")

	tf.do(t, "apply", "-auto-approve")
	out := tf.outputs(t)
	if out["east"] != "arn:aws:iam::111122223333:user/alice" || out["west"] != "111122223333" {
		t.Errorf("the callers are %s and of account %s", out["east"], out["west"])
	}
	if out["hello"] != "hello" || out["target"] != out["primary"] {
		t.Errorf("after the first apply: %v", out)
	}
	tf.unchanged(t)

	tf.do(t, "apply", "-auto-approve", "-var", "changed=true")
	if out := tf.outputs(t); out["target"] != out["imported"] {
		t.Errorf("the alias was moved to %s, and leads to %s", out["imported"], out["target"])
	}
	tf.unchanged(t, "-var", "changed=true")

	tf.do(t, "state", "rm", "aws_kms_alias.billing", "aws_kms_grant.app")
	tf.do(t, "import", "-var", "changed=true", "aws_kms_alias.billing", "alias/billing")
	tf.do(t, "destroy", "-auto-approve", "-var", "changed=true")
	alice := kms.New(kms.Options{Region: east, BaseEndpoint: aws.String("http://" + c.door()), Credentials: credentials.NewStaticCredentialsProvider("AKIAALICEEXAMPLE0001", "alices-secret-for-tests", "")})
	m, err := describe(t, alice, out["primary"])
	ok(t, err)
	if m.KeyState != types.KeyStatePendingDeletion && m.KeyState != types.KeyStatePendingReplicaDeletion {
		t.Errorf("after destroy the primary is %s", m.KeyState)
	}
}

// identified starts a cluster of two Regions with an identity file and a lag profile, for this test alone.
func identified(t *testing.T, identity, lag string) *cluster {
	t.Helper()
	port, err := clustertest.FreePort(2, nodes)
	ok(t, err)
	c := &cluster{data: filepath.Join(t.TempDir(), "cluster"), port: port}
	t.Cleanup(c.purge)
	c.do(t, "up", "--detach", "--port", strconv.Itoa(port), "--regions", east+","+west, "--identity", identity, "--lag", lag)
	return c
}

// terraform is one working folder of Terraform.
type terraform struct {
	folder string
	env    []string
}

func newTerraform(t *testing.T, c *cluster, plugins string) *terraform {
	t.Helper()
	tf := &terraform{folder: t.TempDir()}
	main, err := os.ReadFile("testdata/terraform/main.tf")
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(tf.folder, "main.tf"), main, 0o600))
	config := filepath.Join(tf.folder, "config.tfrc")
	ok(t, os.WriteFile(config, []byte("provider_installation {\n  filesystem_mirror {\n    path = "+strconv.Quote(plugins)+"\n  }\n}\n"), 0o600))
	tf.env = append(cleanEnv(), "TF_CLI_CONFIG_FILE="+config, "TF_VAR_endpoint=http://"+c.door(), "TF_INPUT=0", "NO_COLOR=1", "TF_CLI_ARGS=-no-color", "CHECKPOINT_DISABLE=1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	return tf
}

func (tf *terraform) run(t *testing.T, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir, cmd.Env = tf.folder, tf.env
	return cmd.CombinedOutput()
}

func (tf *terraform) do(t *testing.T, args ...string) {
	t.Helper()
	began := time.Now()
	if out, err := tf.run(t, args...); err != nil {
		t.Fatalf("terraform %v: %v\n%s", args, err, out)
	}
	t.Logf("terraform %v: %s", args, time.Since(began).Round(time.Second))
}

// unchanged holds that a plan has nothing to do.
func (tf *terraform) unchanged(t *testing.T, args ...string) {
	t.Helper()
	out, err := tf.run(t, append([]string{"plan", "-detailed-exitcode", "-no-color"}, args...)...)
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == 2 {
		t.Fatalf("a plan after the apply wants to change something:\n%s", out)
	}
	if err != nil {
		t.Fatalf("terraform plan: %v\n%s", err, out)
	}
}

func (tf *terraform) outputs(t *testing.T) map[string]string {
	t.Helper()
	text, err := tf.run(t, "output", "-json")
	ok(t, err)
	var all map[string]struct{ Value string }
	ok(t, json.Unmarshal(text, &all))
	values := make(map[string]string, len(all))
	for name, v := range all {
		values[name] = v.Value
	}
	return values
}
