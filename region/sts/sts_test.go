package sts

import (
	"crypto/rand"
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/keyengine/identity"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/region/sessions"
	"meridian/region/sigv4"
)

// alice is who signed every request, whatever it says.
type alice struct{ caller *identity.Caller }

func (a alice) Verify(*http.Request, []byte) (sigv4.Signed, *kmsapi.Fault) {
	return sigv4.Signed{Caller: a.caller.Principal(), Identity: a.caller, Region: "us-east-1"}, nil
}

func handler(t testing.TB) *Handler {
	t.Helper()
	key, err := keyring.OpenSessions(filepath.Join(t.TempDir(), "session.key"), "c", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := sessions.Open(sessions.Config{
		File: "../../keyengine/identity/testdata/identity.yaml", Partition: "aws", Seal: key, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	known, err := keeper.Find("AKIAALICE00000000001", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{
		Verifier: alice{known.Caller}, Sessions: keeper, Partition: "aws", Region: "us-east-1",
		RequestID: func() string { return "r-1" }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
}

// ask sends a form and returns the answer.
func ask(h *Handler, query, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/", strings.NewReader(form))
	r.URL.RawQuery = query
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	v      = "&Version=2011-06-15"
	assume = "Action=AssumeRole" + v + "&RoleSessionName=s1&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2F"
)

func TestAnswers(t *testing.T) {
	h := handler(t)
	for _, tt := range []struct {
		name, query, form string
		status            int
		want              string
	}{
		{"who calls", "", "Action=GetCallerIdentity" + v, 200, "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/staff/alice</Arn>"},
		{"who calls, in the query", "Action=GetCallerIdentity" + v + "&X-Amz-Signature=00", "", 200, "<Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"},
		{"a session", "", "Action=GetSessionToken" + v, 200, "<GetSessionTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetSessionTokenResult><Credentials><AccessKeyId>ASIA"},
		{"a role", "", assume + "auditor", 200, "<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/auditor/s1</Arn><AssumedRoleId>AROA"},
		{"a role with tags", "", assume + "tagger&Tags.member.1.Key=a&Tags.member.1.Value=b&TransitiveTagKeys.member.1=a&SourceIdentity=alice", 200, "<SourceIdentity>alice</SourceIdentity>"},
		{"a role with an empty list", "", assume + "auditor&Tags=", 200, "</Credentials></AssumeRoleResult>"},
		{"a tag without a value", "", assume + "tagger&Tags.member.1.Key=a", 400, "<Code>ValidationError</Code>"},
		{"a misspelt session policy", "", assume + "auditor&Polici=%7B%7D", 400, "<Code>MalformedInput</Code><Message>Unexpected parameter: Polici</Message>"},
		{"a list with a gap", "", assume + "auditor&PolicyArns.member.2.arn=x", 400, "Unexpected parameter: PolicyArns.member.2.arn"},
		{"a second factor", "", "Action=GetSessionToken" + v + "&SerialNumber=x&TokenCode=123456", 403, "<Code>AccessDenied</Code>"},
		{"a short session", "", "Action=GetSessionToken" + v + "&DurationSeconds=1", 400, "<Code>ValidationError</Code>"},
		{"a session of text", "", "Action=GetSessionToken" + v + "&DurationSeconds=long", 400, "<Code>ValidationError</Code>"},
		{"a parameter twice", "Action=GetCallerIdentity", "Action=GetCallerIdentity" + v, 400, "<Code>MalformedInput</Code>"},
		{"no form", "", "%zz", 400, "<Code>MalformedInput</Code>"},
		{"many parameters", "", strings.Repeat("a=1&", maxParameters+1), 400, "<Code>MalformedInput</Code>"},
		{"a long body", "", strings.Repeat("a", maxBody+1), 400, "<Code>RequestEntityTooLarge</Code>"},
		{"another version", "", "Action=GetCallerIdentity&Version=2010-01-01", 400, "<Code>NoSuchVersion</Code>"},
		{"another action", "", "Action=Get%3CCaller%3E" + v, 400, "<Type>Sender</Type><Code>InvalidAction</Code><Message>Could not find operation Get&lt;Caller&gt;"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(h, tt.query, tt.form)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d %s\nwant %d %s", w.Code, w.Body, tt.status, tt.want)
			}
			if w.Header().Get("X-Amzn-Requestid") != "r-1" || w.Header().Get("Content-Type") != "text/xml" {
				t.Errorf("headers: %v", w.Header())
			}
		})
	}
}

func TestClaims(t *testing.T) {
	for _, tt := range []struct {
		name, query, authorization, target, contentType string
		want                                            bool
	}{
		{"signed for it", "", "AWS4-HMAC-SHA256 Credential=a/d/us-east-1/sts/aws4_request, SignedHeaders=host", "", "", true},
		{"signed for the key service", "Action=x", "AWS4-HMAC-SHA256 Credential=a/d/us-east-1/kms/aws4_request, SignedHeaders=host", "", "application/x-www-form-urlencoded", false},
		{"signed in the query", "X-Amz-Credential=a%2Fd%2Fus-east-1%2Fsts%2Faws4_request", "", "", "", true},
		{"a form that nobody signed", "", "", "", "application/x-www-form-urlencoded", true},
		{"a call of the key service that nobody signed", "", "", "TrentService.ListKeys", "application/x-amz-json-1.1", false},
	} {
		r := httptest.NewRequest("POST", "/?"+tt.query, nil)
		for name, value := range map[string]string{"Authorization": tt.authorization, "X-Amz-Target": tt.target, "Content-Type": tt.contentType} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if got := Claims(r); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// Whatever is sent, the answer is XML of this protocol, and no session is made of a request that is not understood.
func FuzzRequests(f *testing.F) {
	h := handler(f)
	f.Add("", "Action=GetCallerIdentity"+v)
	f.Add("Action=GetSessionToken"+v, "DurationSeconds=900")
	f.Add("", assume+"auditor&Policy=%7B%7D&PolicyArns.member.1.arn=x&Tags.member.1.Key=a&Tags.member.1.Value=b")
	f.Add("X-Amz-Signature=1", "a=b&a=c;;&%")
	f.Fuzz(func(t *testing.T, query, form string) {
		w := ask(h, query, form)
		var any struct{ XMLName xml.Name }
		if err := xml.Unmarshal(w.Body.Bytes(), &any); err != nil {
			t.Fatalf("%v: %q", err, w.Body)
		}
		if (any.XMLName.Local == "ErrorResponse") != (w.Code >= 400) || w.Code >= 500 || any.XMLName.Space != namespace {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w.Body.Len() > 64<<10 {
			t.Errorf("an answer of %d bytes", w.Body.Len())
		}
	})
}
