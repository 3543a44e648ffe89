package region_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"meridian/keyengine/kmsapi"
	"meridian/region/awsjson"
)

// serve puts the front of a hostile world behind the server that nodes use.
func (h *hostile) serve() (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	server := awsjson.NewServer(h.front)
	go func() { _ = server.Serve(listener) }()
	h.t.Cleanup(func() { server.Close() })
	return listener.Addr().String()
}

// TestHostileHeaders changes what is around a good body, signed as it is sent.
func TestHostileHeaders(t *testing.T) {
	h := newHostile(t, "us-east-1")
	op, _ := kmsapi.Lookup("Encrypt")
	good := mixed(h.good("Encrypt"), nil)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(good)
	_ = z.Close()
	for name, c := range map[string]struct {
		header string
		values []string
		body   []byte
		want   string // code, or ok
	}{
		"no target":                 {"X-Amz-Target", nil, good, kmsapi.UnknownOperationException},
		"two targets":               {"X-Amz-Target", []string{"TrentService.Encrypt", "TrentService.ListKeys"}, good, kmsapi.UnknownOperationException},
		"target of another service": {"X-Amz-Target", []string{"DynamoDB_20120810.ListTables"}, good, kmsapi.UnknownOperationException},
		"target in lower case":      {"X-Amz-Target", []string{"TrentService.encrypt"}, good, kmsapi.UnknownOperationException},
		"target with a dot":         {"X-Amz-Target", []string{"TrentService.Encrypt."}, good, kmsapi.UnknownOperationException},
		"target with a space":       {"X-Amz-Target", []string{"TrentService.Encrypt x"}, good, kmsapi.UnknownOperationException},
		"long target":               {"X-Amz-Target", []string{"TrentService." + strings.Repeat("A", 50_000)}, good, kmsapi.UnknownOperationException},
		"target of an own command":  {"X-Amz-Target", []string{"TrentService.AdvanceClock"}, good, kmsapi.UnknownOperationException},
		"no content type":           {"Content-Type", nil, good, "ok"},
		"content type of JSON 1.0":  {"Content-Type", []string{"application/x-amz-json-1.0"}, good, "ok"},
		"content type of a form":    {"Content-Type", []string{"application/x-www-form-urlencoded"}, good, "ok"},
		"content type of CBOR":      {"Content-Type", []string{"application/cbor"}, good, "ok"},
		"content type with charset": {"Content-Type", []string{"application/x-amz-json-1.1; charset=utf-16"}, good, "ok"},
		"compressed":                {"Content-Encoding", []string{"gzip"}, packed.Bytes(), kmsapi.SerializationException},
		"chunks of AWS's own":       {"Content-Encoding", []string{"aws-chunked"}, fmt.Appendf(nil, "%x;chunk-signature=0\r\n%s\r\n0\r\n\r\n", len(good), good), kmsapi.SerializationException},
		"byte order mark":           {"X-Any", []string{"1"}, append([]byte("\xef\xbb\xbf"), good...), kmsapi.SerializationException},
		"two bodies":                {"X-Any", []string{"1"}, append(bytes.Clone(good), good...), kmsapi.SerializationException},
		"no body":                   {"X-Any", []string{"1"}, nil, kmsapi.ValidationException},
		"white space":               {"X-Any", []string{"1"}, []byte(" \n\t"), kmsapi.SerializationException},
		"a list":                    {"X-Any", []string{"1"}, []byte("[]"), kmsapi.SerializationException},
		"null":                      {"X-Any", []string{"1"}, []byte("null"), kmsapi.SerializationException},
		"a member twice":            {"X-Any", []string{"1"}, []byte(strings.Replace(string(good), "{", `{"KeyId":"x",`, 1)), "any"},
		"unknown members":           {"X-Any", []string{"1"}, []byte(strings.Replace(string(good), "{", `{"x":{"y":[1,{"z":null}]},"keyid":"x",`, 1)), "ok"},
		"a level nobody knows":      {awsjson.ConsistencyHeader, []string{"perfect"}, good, kmsapi.ValidationException},
		"a bound beyond numbers":    {awsjson.ConsistencyHeader, []string{"bounded=99999999999999999999999"}, good, kmsapi.ValidationException},
		"a negative bound":          {awsjson.ConsistencyHeader, []string{"bounded=-1"}, good, kmsapi.ValidationException},
		"two levels":                {awsjson.ConsistencyHeader, []string{"strong", "eventual"}, good, kmsapi.ValidationException},
		"a session of nonsense":     {awsjson.SessionHeader, []string{"x/y/z"}, good, kmsapi.ValidationException},
		"a long session":            {awsjson.SessionHeader, []string{strings.Repeat("a", 5000)}, good, kmsapi.ValidationException},
		"an invocation of nonsense": {"Amz-Sdk-Invocation-Id", []string{strings.Repeat("é", 500)}, good, "ok"},
		"an invocation of NULs":     {"Amz-Sdk-Invocation-Id", []string{"00000000-0000-0000-0000-00000000000\x00"}, good, "ok"},
	} {
		r := h.sign("Encrypt", c.body)
		r.Header.Del(c.header)
		for _, v := range c.values {
			r.Header.Add(c.header, v)
		}
		r.Header.Del("Authorization")
		h.seal(r, c.body)
		a := h.exchange(r)
		got := a.code
		if a.status == http.StatusOK {
			got = "ok"
		}
		if wrong := h.judge(op, a); wrong != "" && got != kmsapi.UnknownOperationException {
			t.Errorf("%s: %s: %d %s", name, wrong, a.status, cut(a.body))
		} else if got != c.want && c.want != "any" {
			t.Errorf("%s: %s, want %s: %s", name, got, c.want, cut(a.body))
		}
	}
}

// TestHostileAuthorization spoils the signature: whatever it is, the answer is an error of
// authentication, and says nothing of keys.
func TestHostileAuthorization(t *testing.T) {
	h := newHostile(t, "us-east-1")
	body := mixed(h.good("Encrypt"), nil)
	good := h.sign("Encrypt", body).Header.Get("Authorization")
	spoiled := []string{"", "x", "Basic dGVzdDp0ZXN0", "Bearer test", good + ",", good[:len(good)-1], strings.ToLower(good), strings.Repeat("A", 60_000), good + "\x00"}
	for i := 0; i < len(good); i += 3 {
		spoiled = append(spoiled, good[:i]+string(rune('a'+i%26))+good[i+1:], good[:i])
	}
	for _, authorization := range spoiled {
		if authorization == good {
			continue
		}
		r := h.sign("Encrypt", body)
		r.Header.Set("Authorization", authorization)
		switch a := h.exchange(r); a.code {
		case kmsapi.MissingAuthenticationTokenException, kmsapi.IncompleteSignatureException, kmsapi.InvalidSignatureException, kmsapi.UnrecognizedClientException:
			if secretIn(a.body) != "" || len(a.body) > 8192 {
				t.Errorf("%s: %s", cut([]byte(authorization)), cut(a.body))
			}
		default:
			t.Errorf("%s: %d %s", cut([]byte(authorization)), a.status, cut(a.body))
		}
	}
	for _, id := range []string{"123456789012", "other", "", "0", strings.Repeat("1", 5000)} { // callers that are not root of account 0
		r := h.sign("Encrypt", body)
		r.Header.Del("Authorization")
		h.sealAs(r, body, aws.Credentials{AccessKeyID: id, SecretAccessKey: "test"})
		if a := h.exchange(r); a.status == http.StatusOK || a.status >= 500 {
			t.Errorf("%s: %d %s", cut([]byte(id)), a.status, cut(a.body))
		}
	}
}

// TestHostileBytes writes what is hardly HTTP to a real server, which answers with an error or hangs up,
// and goes on serving.
func TestHostileBytes(t *testing.T) {
	h := newHostile(t, "us-east-1")
	addr := h.serve()
	for name, c := range map[string]struct {
		request string
		want    []string // statuses; empty: it may hang up
	}{
		"another method":      {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", []string{"404"}},
		"a method of its own": {"HACK / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", []string{"404"}},
		"get":                 {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", []string{"404"}},
		"another path":        {"POST /../../etc/passwd HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", []string{"404", "400"}},
		"a proxy's path":      {"POST http://elsewhere/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", []string{"404"}},
		"a tunnel":            {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", []string{"404"}},
		"no host":             {"POST / HTTP/1.1\r\n\r\n", []string{"400"}},
		"two lengths":         {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", []string{"400"}},
		"negative length":     {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", []string{"400"}},
		"length too great":    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", []string{"400"}},
		"length and chunks":   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []string{"400"}},
		"chunks":              {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", []string{"400"}},
		"a chunk that lies":   {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}", []string{"400"}},
		"another encoding":    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n{}", []string{"501", "400"}},
		"a header bomb":       {"POST / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-A: "+strings.Repeat("b", 1000)+"\r\n", 100) + "\r\n", []string{"431"}},
		"many headers":        {"POST / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-A: b\r\n", 20_000) + "\r\n", []string{"431"}},
		"a header of NULs":    {"POST / HTTP/1.1\r\nHost: a\r\nX-A: \x00\r\n\r\n", []string{"400"}},
		"another protocol":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", nil},
		"an old protocol":     {"POST / HTTP/0.9\r\n\r\n", []string{"505"}},
		"TLS":                 {"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", nil},
		"noise":               {strings.Repeat("\x00\xff", 3000) + "\r\n\r\n", nil},
	} {
		if got := raw(t, addr, c.request); !allowed(got, c.want) {
			t.Errorf("%s: %q, want %v", name, got, c.want)
		}
	}
	body := strings.Repeat(" ", awsjson.DefaultMaxBody+1)
	if got := raw(t, addr, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body)); got != "413" {
		t.Errorf("a body too long: %q", got)
	}
	if got := raw(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"); got != "400" {
		t.Errorf("afterwards it answers %q", got)
	}
	if a := h.send("ListKeys", []byte("{}")); a.status != http.StatusOK {
		t.Errorf("afterwards: %s", a.body)
	}
	if h.spill.secrets.Load() > 0 {
		t.Error("a secret is in the log")
	}
}

func allowed(got string, want []string) bool {
	if slices.Contains(want, got) {
		return true
	}
	return len(want) == 0 && got != "200" && !strings.HasPrefix(got, "5")
}

// raw writes bytes and returns the status of the answer; empty: the server hung up.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // the server may stop reading
		_, _ = io.WriteString(conn, request)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	line, _ := bufio.NewReader(conn).ReadString('\n')
	if _, rest, ok := strings.Cut(line, " "); ok {
		return rest[:min(3, len(rest))]
	}
	return ""
}
