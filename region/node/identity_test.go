package node_test

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"meridian/keyengine/identity"
	"meridian/keyengine/keyring"
	"meridian/region/node/nodetest"
	"meridian/region/sessions"
)

const (
	east, west = "us-east-1/1", "eu-west-1/1"
	auditor    = "arn:aws:iam::111122223333:role/auditor"
)

// callers is a cluster of two Regions that knows the callers of the example of package identity.
type callers struct {
	*nodetest.Cluster
	example []byte
}

func newCallers(t *testing.T) *callers {
	c := &callers{Cluster: nodetest.New(t, 1, "us-east-1", "eu-west-1")}
	c.Ready()
	var err error
	if c.example, err = os.ReadFile("../../keyengine/identity/testdata/identity.yaml"); err != nil {
		t.Fatal(err)
	}
	c.write(t, c.example)
	c.Eventually("every node goes by the identity file", func() bool {
		return c.Nodes[east].Status().Identity.Digest != "" && c.Nodes[west].Status().Identity.Digest != ""
	})
	return c
}

func (c *callers) write(t *testing.T, text []byte) {
	t.Helper()
	temp := c.Dir.IdentityFile() + ".new"
	if err := errors.Join(os.WriteFile(temp, text, 0o600), os.Rename(temp, c.Dir.IdentityFile())); err != nil {
		t.Fatal(err)
	}
}

// at is the configuration of a client of a node.
func (c *callers) at(node string, p aws.CredentialsProvider) aws.Config {
	n, _ := c.File.Node(node)
	region, _, _ := strings.Cut(node, "/")
	return aws.Config{Region: region, BaseEndpoint: aws.String("http://" + n.KMS), Credentials: p, RetryMaxAttempts: 1}
}

func static(id, secret, token string) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(id, secret, token)
}

// answers requires a code of a fault, or none.
func answers(t *testing.T, err error, code string) {
	t.Helper()
	var fault smithy.APIError
	switch {
	case err == nil && code == "":
	case errors.As(err, &fault) && fault.ErrorCode() == code:
	default:
		t.Errorf("answered %v, want %q", err, code)
	}
}

func TestCallers(t *testing.T) {
	c := newCallers(t)
	alice := static("AKIAALICE00000000001", "alice-secret-for-tests", "")
	who := func(node string, p aws.CredentialsProvider) (string, error) {
		out, err := sts.NewFromConfig(c.at(node, p)).GetCallerIdentity(t.Context(), nil)
		if err != nil {
			return "", err
		}
		return *out.Arn, nil
	}
	list := func(node string, p aws.CredentialsProvider) error {
		_, err := kms.NewFromConfig(c.at(node, p)).ListKeys(t.Context(), nil)
		return err
	}

	t.Run("lasting access keys", func(t *testing.T) {
		for _, tt := range []struct{ name, id, secret, token, kms, sts string }{
			{"a user", "AKIAALICE00000000001", "alice-secret-for-tests", "", "", ""},
			{"a wrong secret", "AKIAALICE00000000001", "alice-secret", "", "InvalidSignatureException", "SignatureDoesNotMatch"},
			{"an inactive access key", "AKIAALICE00000000002", "alice-secret-for-tests", "", "UnrecognizedClientException", "InvalidClientTokenId"},
			{"an unknown access key", "AKIANOBODY0000000001", "alice-secret-for-tests", "", "UnrecognizedClientException", "InvalidClientTokenId"},
			{"a token that is none", "AKIAALICE00000000001", "alice-secret-for-tests", "dG9rZW4=", "UnrecognizedClientException", "InvalidClientTokenId"},
			{"the access key of development, which the file turns off", "test", "test", "", "UnrecognizedClientException", "InvalidClientTokenId"},
		} {
			p := static(tt.id, tt.secret, tt.token)
			t.Run(tt.name, func(t *testing.T) {
				answers(t, list(east, p), tt.kms)
				_, err := who(east, p)
				answers(t, err, tt.sts)
			})
		}
	})

	t.Run("a role in every Region", func(t *testing.T) {
		role := aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(c.at(east, alice)), auditor, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "night-shift"
		}))
		for _, node := range []string{east, west} {
			answers(t, list(node, role), "")
			if arn, err := who(node, role); arn != "arn:aws:sts::111122223333:assumed-role/auditor/night-shift" {
				t.Errorf("%s says %s, %v", node, arn, err)
			}
		}
		got, err := role.Retrieve(t.Context())
		if err != nil || time.Until(got.Expires) > 15*time.Minute || !strings.HasPrefix(got.AccessKeyID, "ASIA") {
			t.Fatalf("credentials of %s until %s, %v", got.AccessKeyID, got.Expires, err)
		}
		for name, p := range map[string]aws.CredentialsProvider{
			"without the token":            static(got.AccessKeyID, got.SecretAccessKey, ""),
			"with a changed token":         static(got.AccessKeyID, got.SecretAccessKey, "A"+got.SessionToken[1:]),
			"with another access key":      static("ASIAOTHER00000000001", got.SecretAccessKey, got.SessionToken),
			"with a lasting access key":    static("AKIAALICE00000000001", "alice-secret-for-tests", got.SessionToken),
			"with a token of great length": static(got.AccessKeyID, got.SecretAccessKey, strings.Repeat("QUFB", 8000)),
		} {
			t.Run(name, func(t *testing.T) { answers(t, list(west, p), "UnrecognizedClientException") })
		}
		answers(t, list(west, static(got.AccessKeyID, "secret", got.SessionToken)), "InvalidSignatureException")
		if arn, err := who(west, alice); arn != "arn:aws:iam::111122223333:user/staff/alice" {
			t.Errorf("alice is %s, %v", arn, err)
		}
	})

	t.Run("roles that may not be assumed", func(t *testing.T) {
		assume := func(p aws.CredentialsProvider, change func(*sts.AssumeRoleInput)) error {
			in := &sts.AssumeRoleInput{RoleArn: aws.String(auditor), RoleSessionName: aws.String("s1")}
			change(in)
			_, err := sts.NewFromConfig(c.at(east, p)).AssumeRole(t.Context(), in)
			return err
		}
		bob := static("AKIABOB0000000000001", "bobs-secret-for-tests", "")
		answers(t, assume(bob, func(*sts.AssumeRoleInput) {}), "AccessDenied")
		answers(t, assume(alice, func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{}") }), "MalformedPolicyDocument")
		answers(t, assume(alice, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7201) }), "ValidationError")
		answers(t, assume(alice, func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::444455556666:role/team/partner") }), "AccessDenied")
		answers(t, assume(alice, func(in *sts.AssumeRoleInput) {
			in.RoleArn, in.ExternalId = aws.String("arn:aws:iam::444455556666:role/team/partner"), aws.String("handshake")
		}), "")
	})

	t.Run("temporary credentials of a user", func(t *testing.T) {
		out, err := sts.NewFromConfig(c.at(east, alice)).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
		if err != nil {
			t.Fatal(err)
		}
		p := static(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
		if arn, err := who(west, p); arn != "arn:aws:iam::111122223333:user/staff/alice" {
			t.Errorf("they are of %s, %v", arn, err)
		}
		_, err = sts.NewFromConfig(c.at(east, p)).GetSessionToken(t.Context(), nil)
		answers(t, err, "AccessDenied")
	})

	t.Run("an expired session", func(t *testing.T) {
		key, err := keyring.OpenSessions(c.Dir.SessionKey(), c.File.ID, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keeper, err := sessions.Open(sessions.Config{File: c.Dir.IdentityFile(), Partition: "aws", Seal: key, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		s, err := keeper.Issue(identity.Session{Account: "111122223333", Issuer: "AKIAALICE00000000001"}, time.Now().Add(-time.Hour), 59*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		p := static(s.AccessKeyID, s.Secret.Reveal(), s.Token)
		answers(t, list(east, p), "ExpiredTokenException")
		_, err = who(east, p)
		answers(t, err, "ExpiredToken")
	})

	t.Run("who holds a presigned URL", func(t *testing.T) {
		signed, err := sts.NewPresignClient(sts.NewFromConfig(c.at(east, alice))).PresignGetCallerIdentity(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for url, want := range map[string]string{
			signed.URL: "<Arn>arn:aws:iam::111122223333:user/staff/alice</Arn>",
			strings.Replace(signed.URL, "GetCallerIdentity", "GetSessionToken", 1): "<Code>SignatureDoesNotMatch</Code>",
		} {
			resp, err := http.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if !strings.Contains(string(body), want) {
				t.Errorf("%d %s, want %s", resp.StatusCode, body, want)
			}
		}
	})

	t.Run("a file that is wrong changes nothing", func(t *testing.T) {
		before := c.Nodes[east].Status().Identity.Digest
		c.write(t, []byte("acounts: []\n"))
		c.Eventually("the node says what is wrong", func() bool {
			s := c.Nodes[east].Status().Identity
			return strings.Contains(s.Error, "did you mean accounts?") && s.Digest == before
		})
		answers(t, list(east, alice), "")
		c.write(t, []byte(strings.Replace(string(c.example), "AKIAALICE00000000001", "AKIAALICE00000000003", 1)))
		c.Eventually("the next file is in force", func() bool {
			s := c.Nodes[east].Status().Identity
			return s.Error == "" && s.Digest != before
		})
		answers(t, list(east, alice), "UnrecognizedClientException")
	})
}
