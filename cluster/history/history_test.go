package history

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go/middleware"
)

// service answers each request by what do says.
func service(t *testing.T, r *Recorder, c Client, do http.HandlerFunc) *kms.Client {
	server := httptest.NewServer(do)
	t.Cleanup(server.Close)
	return kms.New(kms.Options{
		Region: c.Region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		APIOptions:  []func(*middleware.Stack) error{r.Middleware(c)},
	})
}

// TestRecordedCalls records what an SDK's client is told, and finds neither plaintext nor ciphertext in the history.
func TestRecordedCalls(t *testing.T) {
	var file bytes.Buffer
	r, err := NewRecorder(&file, Header{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	var sessions, levels []string
	client := service(t, r, Client{Name: "c1", Region: "us-east-1", Level: "session"}, func(w http.ResponseWriter, q *http.Request) {
		sessions, levels = append(sessions, q.Header.Get("X-Meridian-Session")), append(levels, q.Header.Get("X-Meridian-Consistency"))
		w.Header().Set("X-Meridian-Node", "us-east-1/2")
		w.Header().Set("X-Meridian-Session", "us-east-1.1.41")
		switch q.Header.Get("X-Amz-Target") {
		case "TrentService.Encrypt":
			_, _ = w.Write([]byte(`{"CiphertextBlob":"c2VjcmV0LWNpcGhlcg==","KeyId":"arn:aws:kms:us-east-1:000000000000:key/k1"}`))
		case "TrentService.DescribeKey":
			_, _ = w.Write([]byte(`{"KeyMetadata":{"KeyId":"mrk-1","KeyState":"Enabled","MultiRegion":true,"CreationDate":1.5,"MultiRegionConfiguration":{"PrimaryKey":{"Region":"eu-west-1"},"ReplicaKeys":[{"Region":"us-west-2"},{"Region":"us-east-1"}]}}}`))
		case "TrentService.EnableKey":
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"__type":"KMSInternalException","message":"m"}`))
		default:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"__type":"DisabledException","message":"m"}`))
		}
	})
	ctx := t.Context()
	_, errs := client.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String("alias/x"), Plaintext: []byte("secret-plain")})
	_, err = client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("arn:aws:kms:us-east-1:0:key/mrk-1")})
	if errs = errors.Join(errs, err); errs != nil {
		t.Fatal(errs)
	}
	_, enabled := client.EnableKey(ctx, &kms.EnableKeyInput{KeyId: aws.String("k1")})
	_, disabled := client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: aws.String("k1")})
	if enabled == nil || disabled == nil {
		t.Fatal("faults were not told to the caller")
	}
	r.Mark(Quiet)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"secret", "c2VjcmV0"} {
		if strings.Contains(file.String(), secret) {
			t.Errorf("%q is in the history:\n%s", secret, file.String())
		}
	}
	h, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if h.Header.Seed != 7 || len(h.Entries) != 4 || len(h.Marks) != 1 || h.Marks[0].At < h.Entries[3].End {
		t.Fatalf("%+v", h)
	}
	e := h.Entries
	if e[0].Ask.Alias != "alias/x" || e[0].Ask.Plain == "" || e[0].Answer.Blob == "" || e[0].Answer.Key != "k1" || e[0].Node != "us-east-1/2" {
		t.Errorf("Encrypt: %+v", e[0])
	}
	if a := e[1].Answer; e[1].Ask.Key != "mrk-1" || a.Primary != "eu-west-1" || strings.Join(a.Replicas, " ") != "us-east-1 us-west-2" || a.State != "Enabled" {
		t.Errorf("DescribeKey: %+v", e[1])
	}
	if e[2].Outcome != Unknown || e[3].Outcome != Fault || e[3].Code != "DisabledException" || e[3].Session != "us-east-1.1.41" {
		t.Errorf("faults: %v\n%v", e[2], e[3])
	}
	if e[0].After != "" || e[1].After != "us-east-1.1.41" {
		t.Errorf("tokens sent %q, %q", e[0].After, e[1].After)
	}
	if strings.Join(levels, " ") != "session session session session" || strings.Join(sessions[:2], " ") != " us-east-1.1.41" {
		t.Errorf("levels %q, sessions %q", levels, sessions)
	}
}

// TestNoTokenIsNoted: only a client of the level session sends tokens back, and a call that sent none promises nothing by one.
func TestNoTokenIsNoted(t *testing.T) {
	for _, level := range []string{"", "eventual", "bounded=2000", "strong"} {
		var file bytes.Buffer
		r, err := NewRecorder(&file, Header{})
		if err != nil {
			t.Fatal(err)
		}
		var sent []string
		client := service(t, r, Client{Name: "c", Region: "us-east-1", Level: level}, func(w http.ResponseWriter, q *http.Request) {
			sent = append(sent, q.Header.Get("X-Meridian-Session"))
			w.Header().Set("X-Meridian-Session", "us-east-1.1.41")
			_, _ = w.Write([]byte(`{"KeyMetadata":{"KeyId":"k"}}`))
		})
		for range 2 {
			if _, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("k")}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		h, err := Read(&file)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range h.Entries {
			if e.After != "" || sent[i] != "" {
				t.Errorf("level %q: call %d is noted to have sent %q, and sent %q", level, i, e.After, sent[i])
			}
		}
	}
}

// sentIn is the session token that is noted of a call that sent one.
func sentIn(t *testing.T, token string) string {
	t.Helper()
	var file bytes.Buffer
	r, err := NewRecorder(&file, Header{})
	if err != nil {
		t.Fatal(err)
	}
	r.Observe(Seen{Client: "c", Region: "us-east-1", Operation: "DescribeKey", Status: 200, Request: http.Header{"X-Meridian-Session": {token}}, Answer: []byte(`{}`)})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	return h.Entries[0].After
}

// TestObservedCalls records what a server between client and service sees, as the client's own record would be.
func TestObservedCalls(t *testing.T) {
	var file bytes.Buffer
	r, err := NewRecorder(&file, Header{})
	if err != nil {
		t.Fatal(err)
	}
	ask := Seen{Client: "c", Region: "us-east-1", Operation: "UpdateKeyDescription", Request: http.Header{}, Body: []byte(`{"KeyId":"k","Description":"d"}`)}
	token := map[string]string{"": "", "us-east-1.1.42": "us-east-1.1.42", "nonsense": "", strings.Repeat("a", 5000) + ".1": ""}
	for sent, want := range token {
		if got := sentIn(t, sent); got != want {
			t.Errorf("the token %.20q is noted as %.20q", sent, got)
		}
	}
	for _, c := range []struct {
		status int
		answer string
		want   Outcome
	}{
		{200, `{}`, OK},
		{400, `{"__type":"NotFoundException"}`, Fault},
		{400, `{"__type":"ThrottlingException"}`, Unknown}, // an earlier attempt may have gone through
		{500, `{"__type":"KMSInternalException"}`, Unknown},
		{0, ``, Unknown},
	} {
		ask.Status, ask.Answer, ask.Header = c.status, []byte(c.answer), http.Header{}
		r.Observe(ask)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		h, err := Read(bytes.NewReader(file.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if e := h.Entries[len(h.Entries)-1]; e.Outcome != c.want || e.Ask.Description != "d" {
			t.Errorf("%d %s: %+v", c.status, c.answer, e)
		}
	}
}

// TestReadRefuses names the line that is wrong.
func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "empty",
		"hello":                             "line 1",
		`{"history":2}`:                     "form 2",
		"{\"history\":1}\n{}":               "line 2 of the history: is neither a call nor a mark",
		"{\"history\":1}\n\n{\"op\":\"x\"}": "line 3 of the history: a call without client",
		"{\"history\":1}\n{\"mark\":\"m\",\"op\":\"x\"}":                                                             "at once",
		"{\"history\":1}\n{\"op\":\"x\",\"client\":\"c\",\"region\":\"r\",\"start\":2,\"end\":1,\"outcome\":\"ok\"}": "from 2 to 1",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzRead never breaks, and what it reads a recorder writes the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte("{\"history\":1}\n{\"client\":\"a\",\"region\":\"r\",\"op\":\"DescribeKey\",\"start\":1,\"end\":2,\"outcome\":\"ok\"}\n{\"mark\":\"quiet\",\"at\":3}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var file bytes.Buffer
		r, err := NewRecorder(&file, h.Header)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range h.Entries {
			_ = e.String()
			r.Add(e)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&file)
		if err != nil || len(again.Entries) != len(h.Entries) {
			t.Fatalf("%d entries became %d: %v", len(h.Entries), len(again.Entries), err)
		}
	})
}
