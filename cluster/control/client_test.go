package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meridian/cluster/fault"
	"meridian/cluster/layout"
)

// connect writes an admin.json for a server and returns the client that reads it.
func connect(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	d := layout.NodeDir(t.TempDir())
	f := layout.AdminFile{Format: layout.Format, Addr: strings.TrimPrefix(s.URL, "http://"), Token: "secret"}
	if err := layout.WriteFile(d.Admin(), f, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Connect(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClientAsks(t *testing.T) {
	var asked []string
	c := connect(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/v1/status":
			fmt.Fprint(w, `{"name":"us-east-1/2","term":7}`)
		case "/v1/faults":
			var t fault.Table
			_ = json.NewDecoder(r.Body).Decode(&t)
			fmt.Fprintf(w, `{"version":%d}`, t.Version)
		case "/v1/members":
			if r.Method == http.MethodGet {
				fmt.Fprint(w, `[{"id":"a-b","addr":"127.0.0.1:1","voter":true}]`)
			}
		case "/v1/events":
			fmt.Fprint(w, `{"seq":1,"type":"A"}`+"\n"+`{"seq":2,"type":"B"}`+"\n")
		}
	})
	ctx := t.Context()
	if s, err := c.Status(ctx); err != nil || s.Name != "us-east-1/2" || s.Term != 7 {
		t.Errorf("status %+v, %v", s, err)
	}
	if v, err := c.SetFaults(ctx, fault.Table{Format: 1, Version: 9}); err != nil || v != 9 {
		t.Errorf("version %d, %v", v, err)
	}
	var types strings.Builder
	for e, err := range c.Events(ctx, EventQuery{Key: "a/b", From: 3, Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		types.WriteString(e.Type)
	}
	member := Member{ID: "a-b", Addr: "127.0.0.1:1", Voter: true}
	if list, err := c.Members(ctx); err != nil || len(list) != 1 || list[0] != member {
		t.Errorf("members %+v, %v", list, err)
	}
	if err := errors.Join(c.AddMember(ctx, member), c.RemoveMember(ctx, "../a b")); err != nil {
		t.Error(err)
	}
	want := []string{
		"GET /v1/status Bearer secret",
		"PUT /v1/faults Bearer secret",
		"GET /v1/events?follow=1&from=3&key=a%2Fb Bearer secret",
		"GET /v1/members Bearer secret",
		"POST /v1/members Bearer secret",
		"DELETE /v1/members/..%2Fa%20b Bearer secret",
	}
	if types.String() != "AB" || strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("events %q; asked\n%s", types.String(), strings.Join(asked, "\n"))
	}
}

// TestProfile asks for each profile where net/http/pprof serves it.
func TestProfile(t *testing.T) {
	var asked string
	c := connect(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI() + " " + r.Header.Get("Authorization")
		fmt.Fprint(w, "a profile")
	})
	for what, path := range map[string]string{
		"cpu": "/debug/pprof/profile?seconds=7", "heap": "/debug/pprof/heap?gc=1", "goroutine": "/debug/pprof/goroutine", "trace": "/debug/pprof/trace?seconds=7",
	} {
		var out strings.Builder
		if err := c.Profile(t.Context(), what, 7, &out); err != nil || out.String() != "a profile" || asked != path+" Bearer secret" {
			t.Errorf("%s: %q from %s, %v", what, out.String(), asked, err)
		}
	}
	asked = ""
	for _, bad := range []struct {
		what    string
		seconds int
	}{{"cpu", 0}, {"cpu", MaxProfileSeconds + 1}, {"cmdline", 1}, {"../v1/shutdown", 1}, {"", 1}} {
		if err := c.Profile(t.Context(), bad.what, bad.seconds, &strings.Builder{}); err == nil || asked != "" {
			t.Errorf("asked for %q over %d seconds: %q", bad.what, bad.seconds, asked)
		}
	}
}

func TestRefusalsAndBrokenAnswers(t *testing.T) {
	for _, tc := range []struct{ answer, says string }{
		{`{"error":"no such thing"}`, "no such thing"},
		{`<html>`, "418"},
	} {
		c := connect(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprint(w, tc.answer)
		})
		var no *Refusal
		if _, err := c.Checkpoint(t.Context()); !errors.As(err, &no) || no.Status != http.StatusTeapot || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", tc.answer, err)
		}
	}
	c := connect(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"seq":1}`+"\n"+`{"se`) })
	n, last := 0, error(nil)
	for _, err := range c.Events(t.Context(), EventQuery{}) {
		n, last = n+1, err
	}
	if n != 2 || last == nil {
		t.Errorf("a log that breaks off: %d, %v", n, last)
	}
	c = connect(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"na`) })
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("half an answer was taken")
	}
}

func TestTheTokenStaysOnThisMachine(t *testing.T) {
	for _, addr := range []string{"192.0.2.1:80", "example.com:80", "127.0.0.1", ""} {
		d := layout.NodeDir(t.TempDir())
		if err := layout.WriteFile(d.Admin(), layout.AdminFile{Format: 1, Addr: addr, Token: "x"}, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Connect(d); err == nil {
			t.Errorf("connected to %q", addr)
		}
	}
}
