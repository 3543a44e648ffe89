package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// presigned is a request as aws-sdk-go-v2 signs it in its query.
func presigned(t testing.TB, token, body string, change func(*http.Request)) *http.Request {
	t.Helper()
	r := httptest.NewRequest("POST", "https://kms.us-east-1.localhost:4566/?Action=Say&Word=two%20words&X-Amz-Expires=900", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	id := exampleID
	if token != "" {
		id = "ASIASESSION"
	}
	hash := sha256.Sum256([]byte(body))
	signedURL, headers, err := v4.NewSigner().PresignHTTP(context.Background(), aws.Credentials{AccessKeyID: id, SecretAccessKey: exampleSecret, SessionToken: token},
		r, hex.EncodeToString(hash[:]), "kms", "us-east-1", exampleTime)
	if err != nil {
		t.Fatal(err)
	}
	out := httptest.NewRequest("POST", signedURL, strings.NewReader(body))
	out.Header = headers
	out.Header.Del("Host")
	return out
}

func TestPresigned(t *testing.T) {
	for _, tt := range []struct {
		name, token string
		after       time.Duration
		change      func(*http.Request)
		want        string // of the fault; empty: accepted
	}{
		{name: "plain"},
		{name: "with a session token", token: "token"},
		{name: "with another session token", token: "other", want: "UnrecognizedClientException"},
		{name: "as long as it says", after: 15 * time.Minute},
		{name: "longer than it says", after: 15*time.Minute + time.Second, want: "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"},
		{name: "too early", after: -Skew - time.Second, want: "InvalidSignatureException: Signature not yet current"},
		{name: "a day that says so", after: 24 * time.Hour, change: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Expires=86400" }},
		{name: "without an end, five minutes", after: Skew, change: func(r *http.Request) { r.URL.RawQuery = "" }},
		{name: "without an end, longer", after: Skew + time.Second, change: func(r *http.Request) { r.URL.RawQuery = "" }, want: "InvalidSignatureException: Signature expired"},
		{name: "for more than a week", change: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Expires=604801" }, want: "IncompleteSignatureException: X-Amz-Expires must be"},
		{name: "for nothing", change: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Expires=0" }, want: "IncompleteSignatureException: X-Amz-Expires must be"},
		{name: "an unsigned payload", change: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD" }, want: "InvalidSignatureException: Unsigned payloads are not supported."},
		{name: "a chunked payload", change: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") }, want: "InvalidSignatureException: Unsigned payloads are not supported."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const body = "x=1"
			r := presigned(t, tt.token, body, tt.change)
			_, fault := verifier("", exampleTime.Add(tt.after)).Verify(r, []byte(body))
			if tt.want == "" && fault != nil || tt.want != "" && (fault == nil || !strings.HasPrefix(fault.Error(), tt.want)) {
				t.Errorf("got  %v\nwant %s\n%s", fault, tt.want, r.URL)
			}
		})
	}
}

// Whatever is changed of a presigned request, it is no longer signed.
func TestPresignedAndChanged(t *testing.T) {
	edit := func(old, replacement string) func(*http.Request) {
		return func(r *http.Request) {
			if !strings.Contains(r.URL.RawQuery, old) {
				panic(old + " is not in " + r.URL.RawQuery)
			}
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, old, replacement, 1)
		}
	}
	add := func(parameter string) func(*http.Request) {
		return func(r *http.Request) { r.URL.RawQuery += "&" + parameter }
	}
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   string
	}{
		{"another action", edit("Action=Say", "Action=Shout"), mismatch},
		{"one more parameter", add("Word=three"), mismatch},
		{"a longer life", edit("X-Amz-Expires=900", "X-Amz-Expires=901"), mismatch},
		{"no end", edit("X-Amz-Expires=900&", ""), mismatch},
		{"another date", edit("20150830T123600Z", "20150830T123601Z"), mismatch},
		{"another method", func(r *http.Request) { r.Method = "GET" }, mismatch},
		{"another host", func(r *http.Request) { r.Host = "elsewhere" }, mismatch},
		{"a short signature", func(r *http.Request) { r.URL.RawQuery = r.URL.RawQuery[:len(r.URL.RawQuery)-1] }, mismatch},
		{"the signature of nothing", edit("X-Amz-Signature=", "X-Amz-Signature=&z="), "IncompleteSignatureException: AWS query-string parameters must include 'X-Amz-Signature'."},
		{"another Region", edit("us-east-1", "eu-west-1"), "InvalidSignatureException: Credential should be scoped to a valid region."},
		{"another service", edit("%2Fkms%2F", "%2Fs3%2F"), "InvalidSignatureException: Credential should be scoped to correct service: 'kms'."},
		{"another algorithm", edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "IncompleteSignatureException: Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."},
		{"a parameter twice", add("X-Amz-Date=20150830T123600Z"), "IncompleteSignatureException: AWS query-string parameters repeat 'X-Amz-Date'."},
		{"a parameter twice, once in disguise", add("%58-Amz-Expires=86400"), "IncompleteSignatureException: AWS query-string parameters repeat 'X-Amz-Expires'."},
		{"a parameter that is no text", add("X-Amz-Foo=%zz"), "IncompleteSignatureException: The query-string parameter 'X-Amz-Foo' is not encoded properly."},
		{"a token that was not signed", add("X-Amz-Security-Token=t"), "UnrecognizedClientException"},
		{"an Authorization header, too", func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x") }, "IncompleteSignatureException: The request is signed in its query and in an Authorization header"},
		{"an unsigned x-amz header", func(r *http.Request) { r.Header.Set("X-Amz-Target", "TrentService.ListKeys") }, "InvalidSignatureException: 'X-Amz-Target' must be a 'SignedHeader'"},
		{"the date in a header, too", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20150830T123600Z") }, "IncompleteSignatureException: 'X-Amz-Date' is in the query string and among the headers."},
		{"too much of it", add(strings.Repeat("X-Amz-Foo=1", 3000)), "IncompleteSignatureException: The query string of a presigned request must be no longer than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := presigned(t, "", "x=1", nil)
			tt.change(r)
			_, fault := verifier("", exampleTime).Verify(r, []byte("x=1"))
			if fault == nil || !strings.HasPrefix(fault.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", fault, tt.want)
			}
		})
	}
	r := presigned(t, "", "x=1", nil)
	if _, fault := verifier("", exampleTime).Verify(r, []byte("x=2")); fault == nil || fault.Error() != mismatch {
		t.Errorf("another body: %v", fault)
	}
}

// The published test suite of Signature Version 4, the part that is signed in the query.
func TestQueriesOfThePublishedSuite(t *testing.T) {
	const unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for name, tt := range map[string]struct{ query, signature string }{
		"get-vanilla-utf8-query":       {"\u1234=bar", "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600"},
		"get-vanilla-query-unreserved": {unreserved + "=" + unreserved, "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host = "example.amazonaws.com"
			r.URL.RawQuery = tt.query + "&" + url.Values{
				"X-Amz-Algorithm": {algorithm}, "X-Amz-Credential": {exampleID + "/20150830/us-east-1/service/aws4_request"},
				"X-Amz-Date": {"20150830T123600Z"}, "X-Amz-SignedHeaders": {"host"}, "X-Amz-Expires": {"3600"}, "X-Amz-Signature": {tt.signature},
			}.Encode()
			if _, fault := verifier("service", exampleTime).Verify(r, nil); fault != nil {
				t.Error(fault)
			}
		})
	}
}

// botocore is an independent signer of both forms.
func TestRequestsOfBotocore(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	const script = `
import sys
try:
    from botocore.auth import SigV4Auth, SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    print("no botocore"); sys.exit(0)
form, token, url = sys.argv[1], sys.argv[2], sys.argv[3]
body = '{"KeyId":"k \u00fc"}'.encode() if form == "header" else b"" # botocore moves a body into the query
r = AWSRequest(method="POST", url=url, data=body, headers={"X-Amz-Target": "TrentService.DescribeKey", "Content-Type": "application/x-amz-json-1.1", "X-Amz-Thing": "  a   b "})
c = Credentials("ASIASESSION" if token else "AKIDEXAMPLE", "` + exampleSecret + `", token or None)
(SigV4Auth(c, "kms", "us-east-1") if form == "header" else SigV4QueryAuth(c, "kms", "us-east-1", expires=60)).add_auth(r)
p = r.prepare()
print(p.url)
for k, v in p.headers.items():
    print(k + ": " + (v.decode() if isinstance(v, bytes) else v))
`
	for form, body := range map[string][]byte{"header": []byte("{\"KeyId\":\"k ü\"}"), "query": {}} {
		for _, token := range []string{"", "token"} {
			t.Run(form+" "+token, func(t *testing.T) {
				out, err := exec.Command(python, "-c", script, form, token, "http://kms.localhost:4566/?b=2&a=%C3%BC%20x&a=~1&c").CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if bytes.HasPrefix(out, []byte("no botocore")) {
					t.Skip("no botocore on this machine")
				}
				lines := strings.Split(strings.TrimSpace(string(out)), "\n")
				r := httptest.NewRequest("POST", lines[0], bytes.NewReader(body))
				r.Host = "kms.localhost:4566"
				for _, line := range lines[1:] {
					name, value, _ := strings.Cut(line, ": ")
					r.Header.Set(name, value)
				}
				v := verifier("", time.Now())
				if _, fault := v.Verify(r, body); fault != nil {
					t.Fatalf("%v\n%s", fault, out)
				}
				if _, fault := v.Verify(r, append(body, ' ')); fault == nil {
					t.Error("another body is accepted")
				}
			})
		}
	}
}

// Whatever a query says, nothing but the original one is accepted.
func FuzzPresigned(f *testing.F) {
	const body = "x=1"
	good := presigned(f, "", body, nil)
	f.Add(good.URL.RawQuery, []byte(body))
	f.Add(strings.Replace(good.URL.RawQuery, "Action=Say", "%41ction=Say", 1), []byte(body))
	f.Add("X-Amz-Algorithm&X-Amz-Credential=////&X-Amz-Signature", []byte{})
	f.Add("X-Amz-Signature=%zz&&=&%=", []byte{})
	want := canonicalQuery(good.URL.RawQuery, true)
	v := verifier("", exampleTime)
	f.Fuzz(func(t *testing.T, raw string, sent []byte) {
		r := good.Clone(context.Background())
		r.URL.RawQuery = raw
		_, fault := v.Verify(r, sent)
		ScopeRegion(r)
		ScopeService(r)
		switch {
		case fault != nil && len(fault.Message) > 2048:
			t.Errorf("a message of %d bytes", len(fault.Message))
		case fault == nil && (string(sent) != body || canonicalQuery(raw, true) != want):
			t.Errorf("accepted %q with %q", raw, sent)
		}
	})
}
