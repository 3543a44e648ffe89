package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"meridian/keyengine/kmsapi"
)

// The caller and the moment of AWS's published examples.
const (
	exampleID     = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var exampleTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func verifier(service string, now time.Time) *Verifier {
	return &Verifier{
		Credentials: func(id, token string, now time.Time) (Credential, error) {
			c := Credential{Secret: exampleSecret, Principal: kmsapi.Principal{Account: "111122223333", AccessKeyID: id}}
			switch id + " " + token {
			case exampleID + " ", "ASIASESSION token":
				return c, nil
			case "ASIAEXPIRED token":
				return Credential{}, ErrExpired
			}
			return Credential{}, ErrUnknown
		},
		Now:     func() time.Time { return now },
		Regions: func(region string) bool { return region == "us-east-1" },
		Service: service,
	}
}

func TestPublishedExamples(t *testing.T) {
	for _, tt := range []struct {
		name, service, method, target, host string
		headers                             [][2]string
		body, signed, signature             string
	}{
		{
			name: "get-vanilla", service: "service", method: "GET", target: "/", host: "example.amazonaws.com",
			signed: "host;x-amz-date", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		{
			name: "post-vanilla", service: "service", method: "POST", target: "/", host: "example.amazonaws.com",
			signed: "host;x-amz-date", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
		},
		{
			name: "get-vanilla-query-order-key-case", service: "service", method: "GET", target: "/?Param2=value2&Param1=value1", host: "example.amazonaws.com",
			signed: "host;x-amz-date", signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		{
			name: "get-header-value-trim", service: "service", method: "GET", target: "/", host: "example.amazonaws.com",
			headers: [][2]string{{"My-Header1", " value1"}, {"My-Header2", ` "a   b   c"`}},
			signed:  "host;my-header1;my-header2;x-amz-date", signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
		},
		{
			name: "post-x-www-form-urlencoded", service: "service", method: "POST", target: "/", host: "example.amazonaws.com",
			headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}, body: "Param1=value1",
			signed: "content-type;host;x-amz-date", signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
		},
		{
			name: "iam list users", service: "iam", method: "GET", target: "/?Action=ListUsers&Version=2010-05-08", host: "iam.amazonaws.com",
			headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
			signed:  "content-type;host;x-amz-date", signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.target, nil)
			r.Host = tt.host
			r.Header.Set("X-Amz-Date", exampleTime.Format(basicTime))
			for _, h := range tt.headers {
				r.Header.Add(h[0], h[1])
			}
			r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20150830/us-east-1/%s/aws4_request, SignedHeaders=%s, Signature=%s", exampleID, tt.service, tt.signed, tt.signature))
			got, fault := verifier(tt.service, exampleTime).Verify(r, []byte(tt.body))
			if fault != nil {
				t.Fatal(fault)
			}
			if got.Caller.Account != "111122223333" || got.Region != "us-east-1" {
				t.Errorf("signed by %v", got)
			}
		})
	}
}

// signed is a request as aws-sdk-go-v2 signs it.
func signed(t testing.TB, id, token, region, service string, at time.Time, body string, change func(*http.Request)) *http.Request {
	t.Helper()
	r := httptest.NewRequest("POST", "https://kms.us-east-1.localhost:4566/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "TrentService.DescribeKey")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	if change != nil {
		change(r)
	}
	hash := sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: id, SecretAccessKey: exampleSecret, SessionToken: token}
	if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hex.EncodeToString(hash[:]), service, region, at); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequestsOfTheSDKSigner(t *testing.T) {
	v := verifier("", exampleTime)
	for _, tt := range []struct {
		name, id, token string
		at              time.Time
		change          func(*http.Request)
	}{
		{name: "plain", id: exampleID, at: exampleTime},
		{name: "session token", id: "ASIASESSION", token: "token", at: exampleTime},
		{name: "five minutes old", id: exampleID, at: exampleTime.Add(-Skew)},
		{name: "five minutes early", id: exampleID, at: exampleTime.Add(Skew)},
		{name: "path and query", id: exampleID, at: exampleTime, change: func(r *http.Request) {
			r.URL.Path, r.URL.RawQuery = "/a b/ü", "b=2&a=%C3%BC+x&a&b=1"
		}},
		{name: "spaces and repeated headers", id: exampleID, at: exampleTime, change: func(r *http.Request) {
			r.Header["X-Thing"] = []string{"  a   b ", "c"}
		}},
		{name: "announced hash", id: exampleID, at: exampleTime, change: func(r *http.Request) {
			hash := sha256.Sum256([]byte(`{"KeyId":"k"}`))
			r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(hash[:]))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"KeyId":"k"}`
			r := signed(t, tt.id, tt.token, "us-east-1", "kms", tt.at, body, tt.change)
			if _, fault := v.Verify(r, []byte(body)); fault != nil {
				t.Fatalf("%v\n%s", fault, canonicalRequest(r, &authorization{signedHeaders: []string{"host"}}, ""))
			}
			if _, fault := v.Verify(r, []byte(body+" ")); fault == nil {
				t.Error("another body is accepted")
			}
		})
	}
}

const mismatch = "InvalidSignatureException: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

func TestRefusals(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	edit := func(old, replacement string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, replacement, 1))
		}
	}
	for _, tt := range []struct {
		name, want          string
		id, token           string
		region, service     string
		at                  time.Time
		beforeSign, tampers func(*http.Request)
	}{
		{name: "no header", tampers: func(r *http.Request) { r.Header.Del("Authorization") }, want: "MissingAuthenticationTokenException: Missing Authentication Token"},
		{name: "presigned", tampers: func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
		}, want: "IncompleteSignatureException: AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters."},
		{name: "two headers", tampers: func(r *http.Request) { r.Header.Add("Authorization", "x") }, want: "IncompleteSignatureException: Authorization header must be sent once and be no longer than 8192 bytes."},
		{name: "huge header", tampers: header("Authorization", strings.Repeat("A", 9000)), want: "IncompleteSignatureException: Authorization header must be sent once and be no longer than 8192 bytes."},
		{name: "other algorithm", tampers: edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), want: "IncompleteSignatureException: Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."},
		{name: "nothing but the algorithm", tampers: header("Authorization", "AWS4-HMAC-SHA256"), want: "IncompleteSignatureException: '' not a valid key=value pair (missing equal-sign) in Authorization header."},
		{name: "no credential", tampers: edit("Credential=", "Credentials="), want: "IncompleteSignatureException: Authorization header requires 'Credential' parameter."},
		{name: "no signature and no date", tampers: func(r *http.Request) {
			edit("Signature=", "Sig=")(r)
			r.Header.Del("X-Amz-Date")
		}, want: "IncompleteSignatureException: Authorization header requires 'Signature' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{name: "no signed headers", tampers: edit("SignedHeaders=", "X="), want: "IncompleteSignatureException: Authorization header requires 'SignedHeaders' parameter."},
		{name: "repeated parameter", tampers: edit("Signature=", "Signature=x, Signature="), want: "IncompleteSignatureException: Authorization header repeats the 'Signature' parameter."},
		{name: "short credential", tampers: edit("/kms", ""), want: "IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20150830/us-east-1/aws4_request'."},
		{name: "unsorted headers", tampers: edit("content-length;content-type", "content-type;content-length"), want: "IncompleteSignatureException: SignedHeaders must be in lower case, sorted and without repetition."},
		{name: "repeated signed header", tampers: edit("host;", "host;host;"), want: "IncompleteSignatureException: SignedHeaders must be in lower case, sorted and without repetition."},
		{name: "too many signed headers", tampers: edit("host;", "host;"+strings.Repeat("i;", 100)), want: "IncompleteSignatureException: SignedHeaders lists more than 100 headers."},
		{name: "unsigned host", tampers: edit("host;", ""), want: "InvalidSignatureException: 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{name: "unsigned operation", tampers: edit(";x-amz-target", ""), want: "InvalidSignatureException: 'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."},
		{name: "unsigned date", tampers: func(r *http.Request) {
			edit(";x-amz-date", "")(r)
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Date", exampleTime.Format(http.TimeFormat))
		}, want: "InvalidSignatureException: 'Date' must be a 'SignedHeader' in the AWS Authorization."},
		{name: "odd date", tampers: header("X-Amz-Date", "yesterday"), want: "IncompleteSignatureException: Date must be in ISO-8601 'basic format'. Got 'yesterday'."},
		{name: "two dates", tampers: func(r *http.Request) { r.Header.Add("X-Amz-Date", "x") }, want: "IncompleteSignatureException: Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{name: "other Region", region: "eu-west-1", want: "InvalidSignatureException: Credential should be scoped to a valid region."},
		{name: "other service", service: "s3", want: "InvalidSignatureException: Credential should be scoped to correct service: 'kms'."},
		{name: "other terminator", tampers: edit("aws4_request", "aws5_request"), want: "InvalidSignatureException: Credential should be scoped with a valid terminator: 'aws4_request'."},
		{name: "unknown access key", id: "AKIDNOBODY", want: "UnrecognizedClientException: The security token included in the request is invalid."},
		{name: "wrong session token", id: "ASIASESSION", token: "other", want: "UnrecognizedClientException: The security token included in the request is invalid."},
		{name: "no session token", id: "ASIASESSION", want: "UnrecognizedClientException: The security token included in the request is invalid."},
		{name: "needless session token", token: "token", want: "UnrecognizedClientException: The security token included in the request is invalid."},
		{name: "expired session token", id: "ASIAEXPIRED", token: "token", want: "ExpiredTokenException: The security token included in the request is expired"},
		{name: "expired", at: exampleTime.Add(-Skew - time.Second), want: "InvalidSignatureException: Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z (20150830T123600Z - 5 min.)"},
		{name: "early", at: exampleTime.Add(Skew + time.Second), want: "InvalidSignatureException: Signature not yet current: 20150830T124101Z is still later than 20150830T124100Z (20150830T123600Z + 5 min.)"},
		{name: "other day", tampers: edit("/20150830/", "/20150831/"), want: "InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != '20150830', from '20150830T123600Z'."},
		{name: "unsigned payload", beforeSign: header("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), want: "InvalidSignatureException: Unsigned payloads are not supported."},
		{name: "other payload announced", beforeSign: header("X-Amz-Content-Sha256", strings.Repeat("0", 64)), want: "InvalidSignatureException: The provided 'x-amz-content-sha256' header does not match what was computed."},
		{name: "other operation", tampers: header("X-Amz-Target", "TrentService.ScheduleKeyDeletion"), want: mismatch},
		{name: "other host", tampers: func(r *http.Request) { r.Host = "elsewhere" }, want: mismatch},
		{name: "other method", tampers: func(r *http.Request) { r.Method = "PUT" }, want: mismatch},
		{name: "other path", tampers: func(r *http.Request) { r.URL.Path = "/x" }, want: mismatch},
		{name: "other query", tampers: func(r *http.Request) { r.URL.RawQuery = "x" }, want: mismatch},
		{name: "upper case signature", tampers: func(r *http.Request) {
			before, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", before+"Signature="+strings.ToUpper(signature))
		}, want: mismatch},
		{name: "short signature", tampers: func(r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-1])
		}, want: mismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := signed(t, or(tt.id, exampleID), tt.token, or(tt.region, "us-east-1"), or(tt.service, "kms"), orTime(tt.at), "{}", tt.beforeSign)
			if tt.tampers != nil {
				tt.tampers(r)
			}
			got, fault := verifier("", exampleTime).Verify(r, []byte("{}"))
			if fault == nil {
				t.Fatal("accepted")
			}
			if fault.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", fault, tt.want)
			}
			if fault.StatusCode() != 400 || got != (Signed{}) {
				t.Errorf("refused with status %d, and yet signed by %v", fault.StatusCode(), got)
			}
		})
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func orTime(at time.Time) time.Time {
	if at.IsZero() {
		return exampleTime
	}
	return at
}

// The Date header serves where there is no X-Amz-Date; the SDK never does this, so it is signed here.
func TestDateHeader(t *testing.T) {
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Date", exampleTime.Format(http.TimeFormat))
	a := &authorization{date: "20150830", region: "us-east-1", service: "kms", terminator: terminator, at: exampleTime, signedHeaders: []string{"date", "host"}}
	key := signingScope{exampleSecret, a.date, a.region, a.service}.derive()
	empty := sha256.Sum256(nil)
	signature := sign(key, a, canonicalRequest(r, a, hex.EncodeToString(empty[:])))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request,SignedHeaders=date;host,Signature="+signature)
	if _, fault := verifier("", exampleTime).Verify(r, nil); fault != nil {
		t.Fatal(fault)
	}
}

// curl is an independent signer, and it goes through Go's HTTP server.
func TestRequestsOfCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl on this machine")
	}
	if help, _ := exec.Command(curl, "--help", "all").Output(); !bytes.Contains(help, []byte("--aws-sigv4")) {
		t.Skip("this curl cannot sign")
	}
	v := &Verifier{Credentials: Development("aws"), Now: time.Now, Regions: func(region string) bool { return region == "eu-west-1" }}
	var by Signed
	var fault *kmsapi.Fault
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil {
			t.Error(err)
		}
		by, fault = v.Verify(r, body.Bytes())
	}))
	defer server.Close()
	out, err := exec.Command(curl, "-sS", "-q", "--noproxy", "*", "--aws-sigv4", "aws:amz:eu-west-1:kms", "--user", "111122223333:test",
		"-H", "X-Amz-Target: TrentService.ListKeys", "-H", "Content-Type: application/x-amz-json-1.1", "-d", `{"Limit":5}`, server.URL).CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v: %s", err, out)
	}
	if fault != nil {
		t.Fatal(fault)
	}
	if by.Caller.ARN != "arn:aws:iam::111122223333:root" {
		t.Errorf("signed by %v", by)
	}
}

func TestDevelopment(t *testing.T) {
	for id, account := range map[string]string{
		"test": "000000000000", "111122223333": "111122223333", "": "", "Test": "", "11112222333": "", "1111222233334": "", "11112222333x": "",
	} {
		c, err := Development("aws-cn")(id, "", exampleTime)
		if (err == nil) != (account != "") {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := Development("aws-cn")(id, "token", exampleTime); err == nil {
			t.Errorf("%q is known with a session token", id)
		}
		if err == nil && c.Principal != (kmsapi.Principal{Account: account, ARN: "arn:aws-cn:iam::" + account + ":root", AccessKeyID: id}) {
			t.Errorf("%q is %v", id, c.Principal)
		}
	}
}

func TestScopeRegion(t *testing.T) {
	r := signed(t, exampleID, "", "ap-southeast-2", "kms", exampleTime, "", nil)
	if got := ScopeRegion(r); got != "ap-southeast-2" {
		t.Errorf("got %q", got)
	}
	for header, want := range map[string]string{
		"": "", "Credential=": "", "AWS4-HMAC-SHA256 Credential=a/b/c": "", "AWS4-HMAC-SHA256 Credential= a/d/r-1/kms/aws4_request ,SignedHeaders=": "r-1",
		"Basic dGVzdDp0ZXN0": "", "Credential=a/d/" + strings.Repeat("r", 9000) + "/s/t": "",
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", header)
		if got := ScopeRegion(r); got != want {
			t.Errorf("%.40q: got %.40q, want %q", header, got, want)
		}
	}
	if got := ScopeRegion(httptest.NewRequest("GET", "/?X-Amz-Credential=a%2Fd%2Fr-2%2Fkms%2Faws4_request", nil)); got != "r-2" {
		t.Errorf("presigned: got %q", got)
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	var c keyCache
	for i := range maxKeys + 10 {
		s := signingScope{secret: fmt.Sprint(i), date: "20150830"}
		if first, again := c.get(s), c.get(s); !bytes.Equal(first, again) || !bytes.Equal(first, s.derive()) {
			t.Fatal("the cache changes keys")
		}
	}
	if len(c.keys) != 10 {
		t.Errorf("%d keys are kept", len(c.keys))
	}
}

// Whatever is changed in the header, the date, the operation or the body, nothing but the original
// signature over the original values is accepted.
func FuzzVerify(f *testing.F) {
	const body, target = `{"KeyId":"k"}`, "TrentService.DescribeKey"
	good := signed(f, exampleID, "", "us-east-1", "kms", exampleTime, body, nil)
	authorization := good.Header.Get("Authorization")
	_, signature, _ := strings.Cut(authorization, "Signature=")
	date := exampleTime.Format(basicTime)
	f.Add(authorization, date, target, []byte(body))
	f.Add(strings.ReplaceAll(authorization, ", ", ","), date, target, []byte(body))
	f.Add(strings.Replace(authorization, "content-length;", "", 1), date, target, []byte(body))
	f.Add("AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature=", "", "", []byte{})
	f.Add("AWS4-HMAC-SHA256 =,=", "Sun, 30 Aug 2015 12:36:00 GMT", "x", []byte(nil))
	v := verifier("", exampleTime)
	f.Fuzz(func(t *testing.T, header, stamp, operation string, sent []byte) {
		r := good.Clone(context.Background())
		r.Header.Set("Authorization", header)
		r.Header.Set("X-Amz-Date", stamp)
		r.Header.Set("X-Amz-Target", operation)
		_, fault := v.Verify(r, sent)
		ScopeRegion(r)
		if fault != nil {
			if len(fault.Message) > 2048 {
				t.Errorf("a message of %d bytes", len(fault.Message))
			}
			return
		}
		if !strings.Contains(header, signature) || string(sent) != body || strings.Join(strings.Fields(operation), " ") != target {
			t.Errorf("accepted %q, %q, %q, %q", header, stamp, operation, sent)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := []byte(`{"KeyId":"k"}`)
	r := signed(b, exampleID, "", "us-east-1", "kms", exampleTime, string(body), nil)
	v := verifier("", exampleTime)
	b.ReportAllocs()
	for b.Loop() {
		if _, fault := v.Verify(r, body); fault != nil {
			b.Fatal(fault)
		}
	}
}
