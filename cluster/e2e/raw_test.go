package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// call is a request as a client of one's own would make it. What is empty is as it should be.
type call struct {
	address    string // host:port
	target     string // TrentService.CreateKey
	body       string
	region     string // of the signature's scope; us-east-1
	service    string // of the signature's scope; kms
	secret     string
	at         time.Time // of signing
	invocation string
	unsigned   bool
	change     func(*http.Request) // after signing
}

// answer is what came back.
type answer struct {
	status    int
	code      string // the fault's
	message   string
	requestID string
	body      map[string]any
}

func (c call) send(t *testing.T) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.address+"/", strings.NewReader(c.body))
	ok(t, err)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", c.target)
	if c.invocation != "" {
		req.Header.Set("Amz-Sdk-Invocation-Id", c.invocation)
	}
	if !c.unsigned {
		c.sign(t, req)
	}
	if c.change != nil {
		c.change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	ok(t, err)
	defer resp.Body.Close()
	return read(t, resp)
}

func (c call) sign(t *testing.T, req *http.Request) {
	t.Helper()
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	at := c.at
	if at.IsZero() {
		at = time.Now()
	}
	hash := sha256.Sum256([]byte(c.body))
	who := aws.Credentials{AccessKeyID: "test", SecretAccessKey: or(c.secret, "test")}
	ok(t, v4.NewSigner().SignHTTP(t.Context(), who, req, hex.EncodeToString(hash[:]), or(c.service, "kms"), or(c.region, east), at))
}

func read(t *testing.T, resp *http.Response) answer {
	t.Helper()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	ok(t, err)
	a := answer{status: resp.StatusCode, requestID: resp.Header.Get("x-amzn-RequestId")}
	if len(bytes.TrimSpace(text)) == 0 {
		return a
	}
	if err := json.Unmarshal(text, &a.body); err != nil {
		t.Errorf("status %d and a body that is not JSON: %q", a.status, text)
	}
	a.code, _ = a.body["__type"].(string)
	a.message, _ = a.body["message"].(string)
	return a
}
