package chaos

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"meridian/cluster/history"
	"meridian/cluster/layout"
)

// callTime bounds a call with all its attempts.
const callTime = 15 * time.Second

// door makes SDK clients of a cluster, with the SDK's own retries, and records their calls.
type door struct {
	file *layout.Cluster
	rec  *history.Recorder
	http *http.Client
}

func newDoor(file *layout.Cluster, rec *history.Recorder) *door {
	return &door{file: file, rec: rec, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: 10 * time.Second}}}
}

func (d *door) client(c history.Client) *kms.Client {
	return kms.New(kms.Options{
		Region: c.Region, BaseEndpoint: aws.String("http://" + d.file.Addr(d.file.Port)),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:  d.http,
		APIOptions:  []func(*middleware.Stack) error{d.rec.Middleware(c)},
	})
}

// client carries out a script.
type client struct {
	name  string
	level string
	in    map[string]*kms.Client // by Region
	ring  *ring
}

func (d *door) newClient(name, level string, r *ring) *client {
	c := &client{name: name, level: level, in: map[string]*kms.Client{}, ring: r}
	for _, region := range d.file.Names() {
		c.in[region] = d.client(history.Client{Name: name, Region: region, Level: level})
	}
	return c
}

// work makes the calls of a script until ctx ends. The call that is under way then is finished.
func (c *client) work(ctx context.Context, script *Script) {
	for ctx.Err() == nil {
		s := script.Next()
		c.step(context.WithoutCancel(ctx), s)
		sleep(ctx, s.Pause)
	}
}

// step makes one call. What it answers is in the history; here only what later steps need of it is kept.
func (c *client) step(ctx context.Context, s Step) {
	at := c.ring.at(s)
	key, primary, renew := at.use()
	if renew {
		at.occupy(c.make(ctx, s.Class, s.Region, s.Text))
		return
	}
	if key == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := c.call(ctx, s, at, key, primary)
	if codeOf(err) == "NotFoundException" && s.Class == Doomed {
		at.gone(key)
	}
}

// call is the call of a step.
func (c *client) call(ctx context.Context, s Step, at *slot, key, primary string) error {
	k := c.in[s.Region]
	switch s.Operation {
	case "DescribeKey":
		return c.describe(ctx, s, at, key)
	case "Encrypt", "Decrypt", "GenerateDataKey":
		return crypt(ctx, k, s, at, key)
	case "CreateAlias", "UpdateAlias", "DeleteAlias", "ListAliases":
		return alias(ctx, k, s, key)
	case "CreateGrant", "RevokeGrant", "ListGrants":
		return grants(ctx, k, s, at, key)
	case "UpdatePrimaryRegion", "ReplicateKey":
		return c.move(ctx, s, key, primary)
	case "RotateKeyOnDemand":
		if s.Class == Mobile {
			k = c.in[primary]
		}
		_, err := k.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: &key})
		return err
	case "ScheduleKeyDeletion":
		if s.Class == Churn && s.Region == primary {
			return nil // only replicas come and go
		}
		_, err := k.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
		return err
	}
	return manage(ctx, k, s, key)
}

func (c *client) describe(ctx context.Context, s Step, at *slot, key string) error {
	name := key
	if s.Alias != "" {
		name = s.Alias
	}
	out, err := c.in[s.Region].DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &name})
	if err == nil {
		at.heard(out.KeyMetadata)
	}
	return err
}

// crypt is cryptography.
func crypt(ctx context.Context, k *kms.Client, s Step, at *slot, key string) error {
	var blob []byte
	switch s.Operation {
	case "Encrypt":
		out, err := k.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte(s.Text)})
		if err != nil {
			return err
		}
		blob = out.CiphertextBlob
	case "GenerateDataKey":
		out, err := k.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &key, KeySpec: types.DataKeySpecAes256})
		if err != nil {
			return err
		}
		blob = out.CiphertextBlob
	default:
		in := &kms.DecryptInput{CiphertextBlob: at.blob(s.Pick)}
		if in.CiphertextBlob == nil {
			return nil
		}
		_, err := k.Decrypt(ctx, in)
		return err
	}
	at.keep(key, blob)
	return nil
}

func alias(ctx context.Context, k *kms.Client, s Step, key string) (err error) {
	switch s.Operation {
	case "CreateAlias":
		_, err = k.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &s.Alias, TargetKeyId: &key})
	case "UpdateAlias":
		_, err = k.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &s.Alias, TargetKeyId: &key})
	case "DeleteAlias":
		_, err = k.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &s.Alias})
	default:
		_, err = k.ListAliases(ctx, &kms.ListAliasesInput{Limit: aws.Int32(100)})
	}
	return err
}

func grants(ctx context.Context, k *kms.Client, s Step, at *slot, key string) error {
	switch s.Operation {
	case "CreateGrant":
		out, err := k.CreateGrant(ctx, &kms.CreateGrantInput{
			KeyId: &key, GranteePrincipal: aws.String("arn:aws:iam::000000000000:role/chaos"),
			Operations: []types.GrantOperation{types.GrantOperationDecrypt},
		})
		if err == nil {
			at.granted(grant{key, *out.GrantId})
		}
		return err
	case "RevokeGrant":
		g, ok := at.grant(s.Pick)
		if !ok {
			return nil
		}
		_, err := k.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: &g.key, GrantId: &g.id})
		return err
	}
	_, err := k.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &key, Limit: aws.Int32(100)})
	return err
}

// move is about a multi-Region key's members: asked where its primary was when it was last heard of.
func (c *client) move(ctx context.Context, s Step, key, primary string) (err error) {
	to := s.Other
	if to == primary {
		to = s.Region
	}
	if to == "" || to == primary {
		return nil
	}
	k := c.in[primary]
	if s.Operation == "ReplicateKey" {
		_, err = k.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: &key, ReplicaRegion: &to})
		return err
	}
	_, err = k.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: &key, PrimaryRegion: &to})
	return err
}

func manage(ctx context.Context, k *kms.Client, s Step, key string) (err error) {
	switch s.Operation {
	case "UpdateKeyDescription":
		_, err = k.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: &key, Description: &s.Text})
	case "EnableKey":
		_, err = k.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &key})
	case "DisableKey":
		_, err = k.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &key})
	case "CancelKeyDeletion":
		_, err = k.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &key})
	}
	return err
}

// make makes a key of a class, with replicas everywhere if it is Mobile; an empty id: it was not made, as far as
// is known.
func (c *client) make(ctx context.Context, class Class, region, text string) (key, primary string) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := c.in[region].CreateKey(ctx, &kms.CreateKeyInput{Description: &text, MultiRegion: aws.Bool(class == Mobile || class == Churn)})
	if err != nil {
		return "", ""
	}
	key = *out.KeyMetadata.KeyId
	for _, to := range slices.Sorted(maps.Keys(c.in)) {
		if class == Mobile && to != region {
			_, _ = c.in[region].ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: &key, ReplicaRegion: &to})
		}
	}
	return key, region
}

// codeOf is the code of a fault that a service answered with; empty if it was none.
func codeOf(err error) string {
	var fault smithy.APIError
	if errors.As(err, &fault) {
		return fault.ErrorCode()
	}
	return ""
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
