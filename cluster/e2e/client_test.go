package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"
)

// client returns an SDK client of a Region, at the Region's endpoint, that tries once.
func (c *cluster) client(region string) *kms.Client { return c.clientAt(region, c.endpoint(region), 1) }

// patient returns an SDK client that tries again for about ten seconds, as the SDK does: under one invocation id.
func (c *cluster) patient(region string) *kms.Client {
	return c.clientAt(region, c.endpoint(region), 15)
}

func (c *cluster) clientAt(region, address string, attempts int) *kms.Client {
	return kms.New(kms.Options{
		Region:       region,
		BaseEndpoint: aws.String("http://" + address),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:   &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 5 * time.Second}},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = attempts
			o.MaxBackoff = time.Second
			o.RateLimiter = unlimited{} // the SDK's bucket of retries would run dry before a Region has a new leader
		}),
	})
}

type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

// refused requires an error with that code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	if got := codeOf(err); got != code {
		t.Errorf("answered %q (%v), want %q", got, err, code)
	}
}

// codeOf returns the code of a fault that a service answered with; empty if it was none.
func codeOf(err error) string {
	var fault smithy.APIError
	if errors.As(err, &fault) {
		return fault.ErrorCode()
	}
	return ""
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unique makes a description that no other key has.
func unique(what string) string { return what + " " + uuid.NewString() }

func createKey(t *testing.T, client *kms.Client, multiRegion bool) string {
	t.Helper()
	out, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{
		MultiRegion: aws.Bool(multiRegion),
		Description: aws.String(unique(t.Name())),
	})
	ok(t, err)
	return *out.KeyMetadata.KeyId
}

func describe(t *testing.T, client *kms.Client, key string) (*types.KeyMetadata, error) {
	out, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &key})
	if err != nil {
		return nil, err
	}
	return out.KeyMetadata, nil
}

// awaitState waits until a key is in a state.
func awaitState(t *testing.T, client *kms.Client, key string, want types.KeyState) *types.KeyMetadata {
	t.Helper()
	var m *types.KeyMetadata
	eventually(t, 45*time.Second, fmt.Sprintf("%s in %s is %s", key, client.Options().Region, want), func() (err error) {
		if m, err = describe(t, client, key); err == nil && m.KeyState != want {
			err = fmt.Errorf("it is %s", m.KeyState)
		}
		return err
	})
	return m
}

// replicate makes a replica and waits until it is enabled.
func (c *cluster) replicate(t *testing.T, key, from, to string) {
	t.Helper()
	out, err := c.client(from).ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: &key, ReplicaRegion: &to})
	ok(t, err)
	if s := out.ReplicaKeyMetadata.KeyState; s != types.KeyStateCreating {
		t.Errorf("ReplicateKey answers %s, want Creating", s)
	}
	awaitState(t, c.client(to), key, types.KeyStateEnabled)
}

func encrypt(t *testing.T, client *kms.Client, key, plaintext string, about map[string]string) []byte {
	t.Helper()
	out, err := client.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte(plaintext), EncryptionContext: about})
	ok(t, err)
	return out.CiphertextBlob
}

func decrypt(t *testing.T, client *kms.Client, blob []byte, about map[string]string) *kms.DecryptOutput {
	t.Helper()
	out, err := client.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: about})
	if err != nil {
		t.Fatalf("decrypt in %s: %v", client.Options().Region, err)
	}
	return out
}
