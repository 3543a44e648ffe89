package awsjson

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"meridian/keyengine/kmsapi"
)

func handler(service kmsapi.Service, log io.Writer) *Handler {
	n := 0
	return New(Config{
		Service:  service,
		Verifier: trusting{},
		Node:     "eu-west-1/2",
		MaxBody:  200,
		Log:      slog.New(slog.NewTextHandler(log, nil)),
		RequestID: func() string {
			n++
			return fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
		},
	})
}

// Each block is a request as on the wire, and its answer. An error line of the log is shown without
// its stack.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var log bytes.Buffer
			head, body, _ := strings.Cut(d.Input+"\n", "\n\n")
			var lines []string
			for line := range strings.SplitSeq(head, "\n") {
				lines = append(lines, strings.TrimSpace(line))
			}
			body = strings.TrimSuffix(body, "\n")
			if d.Cmd == "large" {
				body += strings.Repeat(" ", 200)
			}
			r := httptest.NewRequest(strings.Fields(lines[0])[0], strings.Fields(lines[0])[1], strings.NewReader(body))
			for _, line := range lines[1:] {
				if name, value, ok := strings.Cut(line, ": "); ok && name == "Host" {
					r.Host = value
				} else if ok {
					r.Header.Add(name, value)
				}
			}
			w := httptest.NewRecorder()
			handler(&fake{}, &log).ServeHTTP(w, r)
			return render(w) + logged(log.String())
		})
	})
}

func render(w *httptest.ResponseRecorder) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d\n", w.Code)
	header := w.Result().Header
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(header[name], ", "))
	}
	if w.Body.Len() > 0 {
		fmt.Fprintf(&out, "%s\n", w.Body)
	}
	return out.String()
}

func logged(log string) string {
	if log == "" {
		return ""
	}
	_, line, _ := strings.Cut(log, " level=")
	line, _, _ = strings.Cut(line, " took=")
	line, stack, panicked := strings.Cut(line, " stack=")
	if panicked && strings.Contains(stack, "DescribeKey") {
		line += " stack=..."
	}
	return "log: level=" + strings.TrimSpace(line) + "\n"
}

// A forwarded request is answered as if it had come to this node itself.
func TestForwardedRequest(t *testing.T) {
	service := &fake{}
	received := handler(service, io.Discard)
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"KeyId":"call"}`))
	r.Host = "kms.eu-west-1.localhost"
	r.Header.Set("X-Amz-Target", "TrentService.DescribeKey")
	r.Header.Set("Authorization", "111122223333")
	received.ServeHTTP(httptest.NewRecorder(), r)
	call := service.calls[0]

	leader := handler(service, io.Discard)
	a := leader.Handle(context.Background(), Request{ID: call.RequestID, Raw: call.Raw, Forwarded: true})
	want := `{"KeyMetadata":{"KeyId":"call","Description":"111122223333|eu-west-1||||` + fmt.Sprintf("%x", call.BodyHash[:4]) + `|kms.eu-west-1.localhost|true"}}`
	if a.Status != 200 || string(a.Body) != want {
		t.Errorf("got %d %s\nwant %s", a.Status, a.Body, want)
	}
	if a.Header.Get(RequestIDHeader) != call.RequestID || a.Header.Get(SessionHeader) != "eu-west-1.1.42" {
		t.Errorf("headers are %v", a.Header)
	}
}

// TestOneLineForACallThatFailed counts the lines of calls that ended with 500 and more, by whom and how they came.
func TestOneLineForACallThatFailed(t *testing.T) {
	for _, tc := range []struct {
		key, target string
		forwarded   bool
		want        string // of the line; empty: there is none
	}{
		{key: "unavailable", want: "level=WARN msg=request request=the-id operation=DescribeKey account=1 status=500 code=KeyUnavailableException"},
		{key: "unavailable", forwarded: true},
		{key: "broken", want: `level=ERROR msg="request failed" request=the-id operation=DescribeKey account=1 error="the disk is on fire"`},
		{key: "broken", forwarded: true, want: `level=ERROR msg="request failed" request=the-id operation=DescribeKey account=1 error="the disk is on fire"`},
		{key: "missing"},
		{key: "fine"},
	} {
		var log bytes.Buffer
		handler(&fake{}, &log).Handle(t.Context(), Request{ID: "the-id", Forwarded: tc.forwarded, Raw: kmsapi.Raw{
			Header: http.Header{"X-Amz-Target": {"TrentService.DescribeKey"}, "Authorization": {"1"}}, Body: []byte(`{"KeyId":"` + tc.key + `"}`),
		}})
		if n := strings.Count(log.String(), "\n"); n > 1 || (n == 1) != (tc.want != "") || !strings.Contains(log.String(), tc.want) {
			t.Errorf("%s (forwarded: %v) is logged as %q", tc.key, tc.forwarded, log.String())
		}
	}
}

func TestObserve(t *testing.T) {
	var seen []Outcome
	h := handler(&fake{}, io.Discard)
	h.config.Observe = func(o Outcome) {
		if o.Took < 0 {
			t.Errorf("took %v", o.Took)
		}
		if named := o.Operation != ""; named != (o.Input != nil) || named != (o.Call.Caller.Account == "1") {
			t.Errorf("%s comes with the input %v of %v", o.Operation, o.Input, o.Call.Caller)
		}
		if (o.Output != nil) != (o.Status == http.StatusOK) || (o.Fault != nil) == (o.Status == http.StatusOK) {
			t.Errorf("%s with status %d comes with the output %v, the fault %v", o.Operation, o.Status, o.Output, o.Fault)
		}
		seen = append(seen, Outcome{Operation: o.Operation, Code: o.Code, Status: o.Status})
	}
	for _, target := range []string{"TrentService.ListKeys", "TrentService.DescribeKey", "TrentService.Nothing"} {
		h.Handle(context.Background(), Request{Raw: kmsapi.Raw{Header: http.Header{"X-Amz-Target": {target}, "Authorization": {"1"}}}})
	}
	want := []Outcome{
		{Operation: "ListKeys", Status: 200},
		{Operation: "DescribeKey", Code: kmsapi.ValidationException, Status: 400},
		{Code: kmsapi.UnknownOperationException, Status: 400},
	}
	if !slices.Equal(seen, want) {
		t.Errorf("got  %v\nwant %v", seen, want)
	}
}

// The server refuses headers beyond its limit, and is not the default one that waits for ever.
func TestServerLimits(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(handler(&fake{}, io.Discard))
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	defer func() {
		server.Close()
		<-done
	}()
	r, err := http.NewRequest("POST", "http://"+listener.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Large", strings.Repeat("x", 80<<10))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("80 KiB of headers give %s", response.Status)
	}
	for name, limit := range map[string]bool{
		"headers": server.ReadHeaderTimeout > 0, "reading": server.ReadTimeout > 0, "writing": server.WriteTimeout > 0, "idle": server.IdleTimeout > 0,
	} {
		if !limit {
			t.Errorf("%s has no time-out", name)
		}
	}
}

// Whatever is sent, the answer is one that an SDK understands.
func FuzzHandler(f *testing.F) {
	f.Add("POST", "/", "TrentService.DescribeKey", "1", "strong", []byte(`{"KeyId":"markup"}`))
	f.Add("POST", "/", "TrentService.Encrypt", "1", "", []byte(`{"KeyId":"k","Plaintext":"AAEC","EncryptionContext":{"a":"b"}}`))
	f.Add("POST", "/?x", "TrentService.", "", "", []byte(`{`))
	f.Add("GET", "/x", "", "", "", []byte(nil))
	f.Add("POST", "/", "TrentService.CreateKey", "1", "x\n", []byte(`{"Tags":[{}]}`))
	f.Fuzz(func(t *testing.T, method, path, target, authorization, consistency string, body []byte) {
		r := &http.Request{Method: method, URL: httptest.NewRequest("GET", "/", nil).URL, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
		r.URL.Path = path
		r.Header["X-Amz-Target"] = []string{target}
		r.Header["Authorization"] = []string{authorization}
		r.Header[ConsistencyHeader] = []string{consistency}
		w := httptest.NewRecorder()
		handler(&fake{}, io.Discard).ServeHTTP(w, r)
		if w.Header().Get(RequestIDHeader) == "" || w.Header().Get("Content-Type") != ContentType {
			t.Errorf("headers are %v", w.Header())
		}
		switch w.Code {
		case 200:
			if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
				t.Errorf("answer is %q", w.Body)
			}
		case 400, 404, 413, 500:
			var fault struct {
				Type string `json:"__type"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &fault); err != nil || fault.Type == "" {
				t.Errorf("fault is %q: %v", w.Body, err)
			}
		default:
			t.Errorf("status %d", w.Code)
		}
	})
}

func BenchmarkEncrypt(b *testing.B) {
	h := New(Config{Service: &fake{}, Verifier: trusting{}, RequestID: func() string { return "r" }})
	q := Request{Raw: kmsapi.Raw{
		Header: http.Header{"X-Amz-Target": {"TrentService.Encrypt"}, "Authorization": {"1"}},
		Body:   []byte(`{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Plaintext":"` + strings.Repeat("QUFB", 20) + `","EncryptionContext":{"a":"b"}}`),
	}}
	b.ReportAllocs()
	for b.Loop() {
		if a := h.Handle(context.Background(), q); a.Status != 200 {
			b.Fatalf("%s", a.Body)
		}
	}
}
