package awsjson

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"
	"meridian/keyengine/kmsapi"
	"meridian/region/sigv4"
)

// client is AWS's own client, talking to service through the real handler and verifier.
func client(t *testing.T, service kmsapi.Service, secret string) *kms.Client {
	t.Helper()
	server := httptest.NewServer(New(Config{
		Service: service,
		Verifier: &sigv4.Verifier{
			Credentials: sigv4.Development("aws"),
			Now:         time.Now,
			Regions:     func(region string) bool { return region == "eu-west-1" },
		},
		Node:      "eu-west-1/1",
		RequestID: uuid.NewString,
		Log:       slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(server.Close)
	return kms.New(kms.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("111122223333", secret, ""),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
}

func TestSDKRoundTrip(t *testing.T) {
	service := &fake{}
	c := client(t, service, "test")
	ctx := context.Background()
	created, err := c.CreateKey(ctx, &kms.CreateKeyInput{
		Description: aws.String("<é>"),
		KeySpec:     types.KeySpecEccNistP256,
		KeyUsage:    types.KeyUsageTypeSignVerify,
		MultiRegion: aws.Bool(true),
		Tags:        []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := created.KeyMetadata
	if *m.KeyId != "mrk-1" || *m.Description != "<é>" || m.KeySpec != types.KeySpecEccNistP256 || !m.Enabled || !*m.MultiRegion ||
		!m.CreationDate.Equal(time.UnixMilli(1607472987918)) || m.SigningAlgorithms[0] != types.SigningAlgorithmSpecEcdsaSha256 ||
		m.MultiRegionConfiguration.MultiRegionKeyType != types.MultiRegionKeyTypePrimary {
		t.Errorf("metadata is %+v", m)
	}
	call := service.calls[0]
	if call.Caller.Account != "111122223333" || call.Region != "eu-west-1" || call.InvocationID == "" || call.RequestID == "" {
		t.Errorf("call is %+v", call)
	}

	encrypted, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String("k"), Plaintext: []byte{0, 1, 255}, EncryptionContext: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encrypted.CiphertextBlob, []byte{255, 1, 0}) {
		t.Errorf("blob is %v", encrypted.CiphertextBlob)
	}
	if _, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: aws.String("k")}); err != nil {
		t.Errorf("an operation without output: %v", err)
	}
	listed, err := c.ListKeys(ctx, &kms.ListKeysInput{Limit: aws.Int32(5)})
	if err != nil || listed.Truncated || len(listed.Keys) != 0 {
		t.Errorf("listed %+v, %v", listed, err)
	}
}

func TestSDKErrors(t *testing.T) {
	c := client(t, &fake{}, "test")
	describe := func(c *kms.Client, id string) error {
		_, err := c.DescribeKey(context.Background(), &kms.DescribeKeyInput{KeyId: aws.String(id)})
		return err
	}
	err := describe(c, "missing")
	if notFound := new(types.NotFoundException); !errors.As(err, &notFound) || notFound.ErrorMessage() != "Key 'missing' does not exist" {
		t.Errorf("missing key: %v", err)
	}
	if unavailable := new(types.KeyUnavailableException); !errors.As(describe(c, "unavailable"), &unavailable) {
		t.Errorf("unavailable key: no KeyUnavailableException")
	}
	for _, tt := range []struct {
		err  error
		code string
	}{
		{describe(c, ""), "ValidationException"},
		{describe(client(t, &fake{}, "wrong"), "k"), "InvalidSignatureException"},
		{describe(c, "broken"), "KMSInternalException"},
	} {
		if e := smithy.APIError(nil); !errors.As(tt.err, &e) || e.ErrorCode() != tt.code {
			t.Errorf("got %v, want %s", tt.err, tt.code)
		}
	}
}

// A retry of the SDK is recognisable as the same call.
func TestSDKRetriesUnderOneInvocationID(t *testing.T) {
	service := &fake{}
	if _, err := client(t, service, "test").CreateKey(context.Background(), &kms.CreateKeyInput{Description: aws.String("fail once")}); err != nil {
		t.Fatal(err)
	}
	if len(service.calls) != 2 {
		t.Fatalf("%d attempts", len(service.calls))
	}
	first, second := service.calls[0], service.calls[1]
	if first.InvocationID == "" || first.InvocationID != second.InvocationID || first.BodyHash != second.BodyHash || first.RequestID == second.RequestID {
		t.Errorf("attempts are %+v and %+v", first, second)
	}
}
