package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestRetriesMakeOneKey repeats a call under one invocation id, at every entry to the Region.
func TestRetriesMakeOneKey(t *testing.T) {
	c := shared(t)
	body := fmt.Sprintf(`{"Description":%q}`, unique("retried"))
	id := uuid.NewString()
	made := func(address, invocation string) string {
		a := call{address: address, target: "TrentService.CreateKey", body: body, invocation: invocation}.send(t)
		m, _ := a.body["KeyMetadata"].(map[string]any)
		key, _ := m["KeyId"].(string)
		if a.status != http.StatusOK || key == "" {
			t.Fatalf("CreateKey at %s: %+v", address, a)
		}
		return key
	}
	first := made(c.endpoint(east), id)
	for _, address := range []string{c.endpoint(east), c.door(), c.node(east, 1), c.node(east, 2), c.node(east, 3)} {
		if again := made(address, id); again != first {
			t.Errorf("a repeat at %s made another key", address)
		}
	}
	if other := made(c.endpoint(east), uuid.NewString()); other == first {
		t.Error("another invocation got the key of the first")
	}

	// The same for an operation without output: a repeat succeeds again, it is not refused for what it did itself.
	alias := call{target: "TrentService.CreateAlias", invocation: uuid.NewString()}
	alias.body = fmt.Sprintf(`{"AliasName":"alias/retried-%s","TargetKeyId":%q}`, alias.invocation, first)
	for _, alias.address = range []string{c.endpoint(east), c.node(east, 1), c.node(east, 2), c.node(east, 3)} {
		if a := alias.send(t); a.status != http.StatusOK || a.body != nil {
			t.Errorf("CreateAlias, repeated at %s: %+v", alias.address, a)
		}
	}
	alias.invocation = uuid.NewString()
	if a := alias.send(t); a.code != "AlreadyExistsException" {
		t.Errorf("another CreateAlias of the same name: %+v", a)
	}
}

// TestBadInput sends what no client should: each gets a clear refusal, and no process minds.
func TestBadInput(t *testing.T) {
	c := shared(t)
	pids := c.pids(t)
	const (
		list = "TrentService.ListKeys"
		half = "AWS4-HMAC-SHA256 Credential=test"
	)
	for _, x := range []struct {
		name   string
		call   call
		status int
		code   string
		says   string // part of the message
	}{
		{"unknown target", call{target: "TrentService.MeltKey", body: "{}"}, 400, "UnknownOperationException", ""},
		{"foreign target", call{target: "DynamoDB_20120810.ListTables", body: "{}"}, 400, "UnknownOperationException", ""},
		{"no target", call{body: "{}"}, 400, "UnknownOperationException", ""},
		{"not JSON", call{target: list, body: `{"Limit":`}, 400, "SerializationException", ""},
		{"a list for an object", call{target: list, body: `[]`}, 400, "SerializationException", ""},
		{"a string for a number", call{target: list, body: `{"Limit":"ten"}`}, 400, "SerializationException", ""},
		{"a number for a string", call{target: "TrentService.DescribeKey", body: `{"KeyId":7}`}, 400, "SerializationException", ""},
		{"deeply nested", call{target: list, body: strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)}, 400, "SerializationException", ""},
		{"out of range", call{target: list, body: `{"Limit":0}`}, 400, "ValidationException", "limit"},
		{"not in the enum", call{target: "TrentService.CreateKey", body: `{"KeySpec":"AES_999"}`}, 400, "ValidationException", "keySpec"},
		{"required but missing", call{target: "TrentService.DescribeKey", body: `{}`}, 400, "ValidationException", "keyId"},
		{"no signature", call{target: list, body: "{}", unsigned: true}, 400, "MissingAuthenticationTokenException", ""},
		{"half a signature", call{target: list, body: "{}", change: setHeader("Authorization", half)}, 400, "IncompleteSignatureException", ""},
		{"wrong secret", call{target: list, body: "{}", secret: "tset"}, 400, "InvalidSignatureException", ""},
		{"changed after signing", call{target: list, body: "{}", change: setHeader("X-Amz-Target", "TrentService.CreateKey")}, 400, "InvalidSignatureException", ""},
		{"signed for another service", call{target: list, body: "{}", service: "sqs"}, 400, "InvalidSignatureException", "kms"},
		{"signed an hour ago", call{target: list, body: "{}", at: time.Now().Add(-time.Hour)}, 400, "InvalidSignatureException", "expired"},
		{"signed in an hour", call{target: list, body: "{}", at: time.Now().Add(time.Hour)}, 400, "InvalidSignatureException", "not yet current"},
		{"unknown Region", call{address: c.door(), target: list, body: "{}", region: "mars-north-1"}, 400, "", east},
		{"another Region's endpoint", call{address: c.endpoint(west), target: list, body: "{}"}, 400, "InvalidSignatureException", ""},
		{"a body without end", call{target: list, body: `{"Marker":"` + strings.Repeat("x", 2<<20) + `"}`}, 413, "RequestEntityTooLargeException", "1048576"},
	} {
		t.Run(x.name, func(t *testing.T) {
			addresses := []string{c.door(), c.endpoint(east), c.node(east, 2)}
			if x.call.address != "" {
				addresses = []string{x.call.address}
			}
			for _, x.call.address = range addresses {
				a := x.call.send(t)
				if a.status != x.status || x.code != "" && a.code != x.code || !strings.Contains(a.message, x.says) {
					t.Errorf("at %s: %d %s %q, want %d %s %q", x.call.address, a.status, a.code, a.message, x.status, x.code, x.says)
				}
				if a.code == "" || a.requestID == "" {
					t.Errorf("at %s: an answer without a code or a request id: %+v", x.call.address, a)
				}
			}
		})
	}
	if now := c.pids(t); now != pids {
		t.Errorf("processes before: %s\nafter: %s", pids, now)
	}
	_ = createKey(t, c.client(east), false)
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// TestHalfOpenConnections leaves hundreds of requests unfinished: others are served beside them.
func TestHalfOpenConnections(t *testing.T) {
	c := shared(t)
	for _, address := range []string{c.door(), c.endpoint(east), c.node(east, 1)} {
		for i := range 100 {
			conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", address)
			ok(t, err)
			t.Cleanup(func() { conn.Close() })
			beginnings := []string{"", "POST", "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: TrentService.L", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n{", "\x00\xff\x16\x03\x01"}
			_, err = conn.Write([]byte(beginnings[i%len(beginnings)]))
			ok(t, err)
		}
	}
	key := createKey(t, c.client(east), false)
	for n := 1; n <= nodes; n++ {
		_, err := describe(t, c.clientAt(east, c.node(east, n), 1), key)
		ok(t, err)
	}
}

// pids says which processes run.
func (c *cluster) pids(t *testing.T) string {
	t.Helper()
	var s strings.Builder
	for _, r := range c.status(t) {
		for _, n := range r.Nodes {
			fmt.Fprintf(&s, "%s=%d/%s ", n.Name, n.PID, n.State)
		}
	}
	return s.String()
}
