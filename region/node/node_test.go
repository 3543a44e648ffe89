package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/layout"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

func TestOneRegionAnswersOnEveryNode(t *testing.T) {
	c := nodetest.New(t, 3, "us-east-1")
	c.Ready()
	ctx := t.Context()
	first := c.Client("us-east-1/1")
	created, err := first.CreateKey(ctx, &kms.CreateKeyInput{Description: new("orders")})
	if err != nil {
		t.Fatal(err)
	}
	id := created.KeyMetadata.KeyId
	sealed, err := first.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("hello"), EncryptionContext: map[string]string{"app": "orders"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 3; i++ {
		client := c.Client(fmt.Sprintf("us-east-1/%d", i))
		d, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		if err != nil || *d.KeyMetadata.Description != "orders" || d.KeyMetadata.KeyState != types.KeyStateEnabled {
			t.Errorf("node %d: DescribeKey: %+v, %v", i, d, err)
		}
		opened, err := client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: map[string]string{"app": "orders"}})
		if err != nil || !bytes.Equal(opened.Plaintext, []byte("hello")) {
			t.Errorf("node %d: Decrypt: %v, %v", i, opened, err)
		}
		var invalid *types.InvalidCiphertextException
		if _, err := client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}); !errors.As(err, &invalid) {
			t.Errorf("node %d: Decrypt without the context: %v", i, err)
		}
	}
	// A write through one node is refused on every other at once, however far that one has applied.
	if _, err := c.Client("us-east-1/2").DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	d, err := c.Client("us-east-1/3").DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
	if err != nil || d.KeyMetadata.KeyState != types.KeyStateDisabled {
		t.Errorf("DescribeKey after DisableKey: %+v, %v", d, err)
	}
}

func TestANodeComesBackWithItsData(t *testing.T) {
	c := nodetest.New(t, 3, "us-east-1")
	c.Ready()
	ctx := t.Context()
	created, err := c.Client("us-east-1/1").CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"us-east-1/1", "us-east-1/2", "us-east-1/3"} {
		c.Stop(name)
	}
	for _, name := range []string{"us-east-1/1", "us-east-1/2", "us-east-1/3"} {
		c.Start(name)
	}
	c.Ready()
	for _, name := range []string{"us-east-1/1", "us-east-1/2", "us-east-1/3"} {
		if _, err := c.Client(name).Encrypt(ctx, &kms.EncryptInput{KeyId: created.KeyMetadata.KeyId, Plaintext: []byte("x")}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A node that cannot go on says why in one line and leaves everything as it is; the Region goes on.
func TestADamagedNodeDoesNotStart(t *testing.T) {
	const name = "us-east-1/3"
	c := nodetest.New(t, 3, "us-east-1")
	c.Ready()
	c.File.Regions[0].Bootstrapped = true
	if err := layout.WriteCluster(c.Dir, &c.File); err != nil {
		t.Fatal(err)
	}
	c.Stop(name)
	dir := c.Dir.Node(name)
	raftFile := filepath.Join(dir.Raft(), "raft.db")
	for what, damage := range map[string]struct {
		path  string
		bytes []byte // what is written in its place, or over the beginning of a longer file; nil: it is gone
		says  string
	}{
		"lost log":           {raftFile, nil, "lost its disk"},
		"damaged log":        {raftFile, bytes.Repeat([]byte{0xa5}, 3*4096), "raft.db"},
		"damaged keystore":   {dir.Keystore(), []byte("meridian?"), "keystore"},
		"another's folder":   {dir.NodeFile(), []byte(`{"format":1,"clusterId":"other","name":"us-east-1/3"}`), "belongs to node us-east-1/3 () of cluster other"},
		"a newer version":    {dir.NodeFile(), []byte(`{"format":99}`), "newer version"},
		"damaged state":      {filepath.Join(dir.State(), "CURRENT"), []byte("\x00\x00\x00\x00"), "state"},
		"no root key at all": {dir.RootKey(), nil, "root key"},
	} {
		t.Run(what, func(t *testing.T) {
			before, err := os.ReadFile(damage.path)
			if err != nil {
				t.Fatal(err)
			}
			defer os.WriteFile(damage.path, before, 0o600)
			switch {
			case damage.bytes == nil:
				err = os.Remove(damage.path)
			case damage.path == raftFile:
				err = os.WriteFile(damage.path, append(damage.bytes, before[len(damage.bytes):]...), 0o600)
			default:
				err = os.WriteFile(damage.path, damage.bytes, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			n, err := start(c, name)
			if err == nil {
				n.Close()
				t.Fatal("the node started")
			}
			// What only another build can read, or another node, is not the disk's fault.
			cures := what != "another's folder" && what != "a newer version"
			if strings.Contains(err.Error(), "`meridian replace us-east-1/3`") != cures {
				t.Errorf("the node names the cure, or does not: %v", err)
			}
			if !strings.Contains(err.Error(), damage.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the node says: %v", err)
			}
		})
	}
	if _, err := c.Client("us-east-1/1").CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
		t.Errorf("the Region without its damaged node: %v", err)
	}
}

// start starts a node as a process would, and lets it report what a process would end with.
func start(c *nodetest.Cluster, name string) (n *node.Node, err error) {
	config, err := node.Load(c.Dir, name, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("fatal: %v", p)
		}
	}()
	config.Fatal = func(err error) { panic(err) }
	return node.Start(config)
}

func TestAKeyLivesInThreeRegions(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1", "eu-west-1", "ap-southeast-2")
	c.Ready()
	ctx := t.Context()
	east, west := c.Client("us-east-1/1"), c.Client("eu-west-1/1")
	created, err := east.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	id := created.KeyMetadata.KeyId
	for _, region := range []string{"eu-west-1", "ap-southeast-2"} {
		r, err := east.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: new(region)})
		if err != nil || r.ReplicaKeyMetadata.KeyState != types.KeyStateCreating {
			t.Fatalf("ReplicateKey to %s: %+v, %v", region, r, err)
		}
	}
	state := func(client *kms.Client) types.KeyState {
		d, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		if err != nil {
			return ""
		}
		return d.KeyMetadata.KeyState
	}
	c.Eventually("the replica is enabled", func() bool { return state(west) == types.KeyStateEnabled })

	sealed, err := east.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("over the sea")})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := west.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	if err != nil || string(opened.Plaintext) != "over the sea" {
		t.Fatalf("Decrypt in the other Region: %v, %v", opened, err)
	}

	if _, err := east.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	c.Eventually("both Regions encrypt with the new material", func() bool {
		a, err1 := east.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		b, err2 := west.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		return err1 == nil && err2 == nil && *a.KeyMetadata.CurrentKeyMaterialId != *created.KeyMetadata.CurrentKeyMaterialId &&
			*a.KeyMetadata.CurrentKeyMaterialId == *b.KeyMetadata.CurrentKeyMaterialId
	})
	if _, err := west.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}); err != nil {
		t.Errorf("Decrypt of a ciphertext from before the rotation: %v", err)
	}

	if _, err := east.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: id, PrimaryRegion: new("eu-west-1")}); err != nil {
		t.Fatal(err)
	}
	c.Eventually("the primary has moved", func() bool {
		for _, name := range []string{"us-east-1/1", "eu-west-1/1", "ap-southeast-2/1"} {
			d, err := c.Client(name).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
			if err != nil || d.KeyMetadata.KeyState != types.KeyStateEnabled || *d.KeyMetadata.MultiRegionConfiguration.PrimaryKey.Region != "eu-west-1" {
				return false
			}
		}
		return true
	})
}
