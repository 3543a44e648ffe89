package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/clustertest"
	"meridian/cluster/layout"
	"meridian/keyengine/attestation/attestationtest"
)

const (
	seededOrders   = "mrk-1234abcd12ab34cd56ef1234567890ab"
	seededMAC      = "00000000-0000-4000-8000-000000000001"
	seededImported = "00000000-0000-4000-8000-000000000002"
	seededPending  = "00000000-0000-4000-8000-000000000003"
	seededMaterial = "5cdaead27fe7da2de47945d73cd6d79e36494e73802f3cd3869f1d2cb0b5d7a9"
)

const seedFile = `keys:
  - keyId: ` + seededOrders + `
    description: orders
    tags: {team: orders}
    rotationPeriodInDays: 90
    aliases: [alias/orders]
    replicas:
      - {region: eu-west-1, aliases: [alias/orders]}
  - keyId: ` + seededMAC + `
    keySpec: HMAC_256
    keyUsage: GENERATE_VERIFY_MAC
    material: ` + seededMaterial + `
  - {keyId: ` + seededImported + `, origin: EXTERNAL, material: ` + seededMaterial + `}
  - {keyId: ` + seededPending + `, origin: EXTERNAL}
`

// seeded starts a small cluster of its own with a seed file and roots of attestation.
func seeded(t *testing.T, roots []byte) (c *cluster, up []string) {
	t.Helper()
	port, err := clustertest.FreePort(2, 1)
	ok(t, err)
	folder := t.TempDir()
	keys, pem := filepath.Join(folder, "keys.yaml"), filepath.Join(folder, "roots.pem")
	ok(t, os.WriteFile(keys, []byte(seedFile), 0o600))
	ok(t, os.WriteFile(pem, roots, 0o600))
	c = &cluster{data: filepath.Join(folder, "data", "cluster"), port: port}
	t.Cleanup(c.purge)
	up = []string{
		"up", "--detach", "--port", strconv.Itoa(port), "--regions", east + "," + west, "--nodes", "1",
		"--seed-file", keys, "--attestation-roots", pem,
	}
	c.do(t, up...)
	return c, up
}

func TestSeedFileAndRecipient(t *testing.T) {
	ca, enclave := attestationtest.NewAuthority(time.Now()), attestationtest.NewEnclave()
	c, up := seeded(t, ca.Root())
	ctx := t.Context()
	here, there := c.patient(east), c.patient(west)

	sealed, err := here.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String("alias/orders"), Plaintext: []byte("an order")})
	ok(t, err)
	opened, err := there.Decrypt(ctx, &kms.DecryptInput{KeyId: aws.String("alias/orders"), CiphertextBlob: sealed.CiphertextBlob})
	ok(t, err)
	if !strings.HasSuffix(*sealed.KeyId, seededOrders) || string(opened.Plaintext) != "an order" {
		t.Errorf("encrypted with %s, decrypted %q", *sealed.KeyId, opened.Plaintext)
	}
	rotation, err := here.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: aws.String(seededOrders)})
	ok(t, err)
	tags, err := here.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: aws.String(seededOrders)})
	ok(t, err)
	if !rotation.KeyRotationEnabled || *rotation.RotationPeriodInDays != 90 || len(tags.Tags) != 1 || *tags.Tags[0].TagValue != "orders" {
		t.Errorf("rotation %+v, tags %+v", rotation, tags.Tags)
	}

	material, err := hex.DecodeString(seededMaterial)
	ok(t, err)
	mac, err := here.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: aws.String(seededMAC), Message: []byte("m"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	ok(t, err)
	want := hmac.New(sha256.New, material)
	want.Write([]byte("m"))
	if !hmac.Equal(mac.Mac, want.Sum(nil)) {
		t.Error("the HMAC key has other material than the file")
	}
	for id, state := range map[string]types.KeyState{seededImported: types.KeyStateEnabled, seededPending: types.KeyStatePendingImport} {
		d, err := here.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(id)})
		ok(t, err)
		if d.KeyMetadata.KeyState != state || d.KeyMetadata.Origin != types.OriginTypeExternal {
			t.Errorf("%s is %s, of origin %s", id, d.KeyMetadata.KeyState, d.KeyMetadata.Origin)
		}
	}

	random, err := here.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32), Recipient: &types.RecipientInfo{
		KeyEncryptionAlgorithm: types.KeyEncryptionMechanismRsaesOaepSha256, AttestationDocument: ca.Document(enclave, time.Now()),
	}})
	ok(t, err)
	if secret, err := enclave.Open(random.CiphertextForRecipient); err != nil || len(secret) != 32 || len(random.Plaintext) != 0 {
		t.Errorf("the enclave reads %d bytes, %v; in plain are %d", len(secret), err, len(random.Plaintext))
	}

	// The same file again changes nothing, even where keys were changed since; what is missing is made.
	_, err = here.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: aws.String(seededOrders), Description: aws.String("changed since")})
	ok(t, err)
	_, err = there.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: aws.String("alias/orders")})
	ok(t, err)
	_, err = here.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: aws.String(seededMAC), PendingWindowInDays: aws.Int32(7)})
	ok(t, err)
	c.do(t, up...)
	d, err := here.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(seededOrders)})
	ok(t, err)
	if *d.KeyMetadata.Description != "changed since" {
		t.Errorf("the second run changed the description to %q", *d.KeyMetadata.Description)
	}
	_, err = there.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/orders")})
	ok(t, err)
	d, err = here.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(seededMAC)})
	ok(t, err)
	if d.KeyMetadata.KeyState != types.KeyStatePendingDeletion {
		t.Errorf("the second run made a key %s that was to be deleted", d.KeyMetadata.KeyState)
	}

	taken := filepath.Join(t.TempDir(), "taken.yaml")
	ok(t, os.WriteFile(taken, []byte("keys:\n  - keyId: 1234abcd-12ab-34cd-56ef-00000000dead\n    region: us-east-1\n    aliases: [alias/orders]\n"), 0o600))
	if _, err := c.run("up", "--detach", "--seed-file", taken); err == nil ||
		!strings.Contains(err.Error(), "line 2: key 1234abcd-12ab-34cd-56ef-00000000dead") || !strings.Contains(err.Error(), "It leads to key "+seededOrders) {
		t.Errorf("an alias that another key has: %v", err)
	}

	if text, err := os.ReadFile(layout.Dir(c.data).AttestationRoots()); err != nil || string(text) != string(ca.Root()) {
		t.Errorf("the roots in the folder: %q, %v", text, err)
	}
	other := filepath.Join(t.TempDir(), "other.pem")
	ok(t, os.WriteFile(other, attestationtest.NewAuthority(time.Now()).Root(), 0o600))
	if _, err := c.run("up", "--detach", "--attestation-roots", other); err == nil || !strings.Contains(err.Error(), "runs with other attestation roots") {
		t.Errorf("other roots for a running cluster: %v", err)
	}
}

// A file that is wrong is refused before anything is made.
func TestFilesOfUpThatAreRefused(t *testing.T) {
	folder := t.TempDir()
	c := &cluster{data: filepath.Join(folder, "cluster")}
	file := func(text string) string {
		path := filepath.Join(folder, "file")
		ok(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for what, test := range map[string]struct{ option, text, says string }{
		"keys":            {"--seed-file", "keys:\n  - keyId: orders\n", `line 2: keyId "orders" is not the id of a key`},
		"a key elsewhere": {"--seed-file", "keys:\n  - keyId: " + seededOrders + "\n    region: us-west-2\n", `line 2: the cluster has no Region "us-west-2"`},
		"roots":           {"--attestation-roots", "root", "something else than a PEM CERTIFICATE"},
	} {
		if _, err := c.run("up", "--detach", test.option, file(test.text)); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", what, err, test.says)
		}
		if _, err := os.Stat(c.data); err == nil {
			t.Errorf("%s: a cluster was made", what)
		}
	}
}
