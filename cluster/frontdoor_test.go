package cluster

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meridian/cluster/layout"
	"meridian/keyengine/kmsapi"
	"meridian/region"
)

// backendFake is a node behind the front door: what it got last, and what it does.
type backendFake struct {
	*httptest.Server
	ready atomic.Bool
	calls atomic.Int32
	do    http.HandlerFunc
}

func newBackend(t *testing.T, name string) *backendFake {
	b := &backendFake{}
	b.do = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Amzn-Requestid", "r-"+name)
		w.Header().Set("X-Seen-Host", r.Host)
		w.Header().Set("X-Seen-Target", r.URL.RequestURI())
		for k := range r.Header {
			w.Header().Add("X-Seen-Headers", k)
		}
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte(name + ":" + string(body)))
	}
	b.ready.Store(true)
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_meridian/ready" {
			if !b.ready.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return
		}
		b.calls.Add(1)
		b.do(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *backendFake) addr() string { return strings.TrimPrefix(b.URL, "http://") }

// door is a front door before backends, two Regions: east has the first two, west the last.
type door struct {
	*httptest.Server
	front *FrontDoor
	nodes map[string]*backendFake
}

func newDoor(t *testing.T, region string) *door {
	t.Helper()
	d := &door{nodes: map[string]*backendFake{}}
	file := &layout.Cluster{Format: layout.Format, ID: "c", Host: "127.0.0.1", Port: 4566}
	for i, r := range []struct {
		name  string
		nodes int
	}{{"us-east-1", 2}, {"eu-west-1", 1}} {
		region := layout.Region{Name: r.name, Port: layout.RegionPort(4566, i+1)}
		for n := 1; n <= r.nodes; n++ {
			name := layout.NodeName(r.name, n)
			d.nodes[name] = newBackend(t, name)
			region.Nodes = append(region.Nodes, layout.Node{Name: name, ID: name, KMS: d.nodes[name].addr()})
		}
		file.Regions = append(file.Regions, region)
	}
	tempo := Tempo{Poll: 5 * time.Millisecond, Look: 5 * time.Millisecond, Answer: time.Second, Attempt: 2 * time.Second, Search: 300 * time.Millisecond}
	d.front = NewFrontDoor(file, tempo, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	polled := make(chan struct{})
	go func() { d.front.Poll(ctx); close(polled) }()
	d.Server = httptest.NewServer(d.front.Handler(region))
	t.Cleanup(func() { cancel(); <-polled; d.Close(); d.front.client.CloseIdleConnections() })
	d.await(t, "us-east-1", 2)
	d.await(t, "eu-west-1", 1)
	return d
}

// await waits until so many nodes of a Region are known to be ready.
func (d *door) await(t *testing.T, region string, n int) {
	t.Helper()
	ok := poll(5*time.Second, func() bool {
		ready := 0
		for _, b := range d.front.regions[region].nodes() {
			if b.ready.Load() {
				ready++
			}
		}
		return ready == n
	})
	if !ok {
		t.Fatalf("%s never had %d nodes ready", region, n)
	}
}

// signed is a request as a client signs it.
func (d *door) signed(t *testing.T, region, operation string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+"/", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+region+"/kms/aws4_request, SignedHeaders=host, Signature=00")
	r.Header.Set("X-Amz-Target", "TrentService."+operation)
	return r
}

func send(t *testing.T, r *http.Request) (resp *http.Response, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp, string(b)
}

// isFault requires an AWS-shaped error.
func isFault(t *testing.T, resp *http.Response, body string, status int, code, says string) {
	t.Helper()
	var f struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if resp.StatusCode != status || f.Type != code || !strings.Contains(f.Message, says) {
		t.Errorf("answered %d %+v, want %d %s saying %q", resp.StatusCode, f, status, code, says)
	}
	if resp.Header.Get("X-Amzn-Requestid") == "" || resp.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("headers of a fault: %v", resp.Header)
	}
}

func TestFrontDoorRoutes(t *testing.T) {
	d := newDoor(t, "")
	for _, tc := range []struct {
		name, scope, host, want string
	}{
		{"by the signature", "eu-west-1", "", "eu-west-1/1:"},
		{"the signature before the host", "eu-west-1", "kms.us-east-1.localhost", "eu-west-1/1:"},
		{"by the host", "", "kms.eu-west-1.localhost:4566", "eu-west-1/1:"},
		{"another Region", "us-east-1", "", "us-east-1/"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := d.signed(t, tc.scope, "ListKeys")
			if tc.scope == "" {
				r.Header.Del("Authorization")
			}
			if tc.host != "" {
				r.Host = tc.host
			}
			if resp, body := send(t, r); resp.StatusCode != http.StatusTeapot || !strings.HasPrefix(body, tc.want) {
				t.Errorf("%d %q, want %q", resp.StatusCode, body, tc.want)
			}
		})
	}
	d = newDoor(t, "")
	delete(d.front.regions, "us-east-1")
	d.front.file.Regions = d.front.file.Regions[1:]
	global := d.signed(t, "us-east-1", "ListKeys")
	global.Header.Set("Authorization", strings.Replace(global.Header.Get("Authorization"), "/kms/", "/sts/", 1))
	if _, body := send(t, global); !strings.HasPrefix(body, "eu-west-1/1:") {
		t.Errorf("%q: who signed for the global endpoint of STS is served where there is no such Region", body)
	}
	d = newDoor(t, "")
	resp, body := send(t, d.signed(t, "mars-1", "ListKeys"))
	isFault(t, resp, body, 400, "InvalidSignatureException", "us-east-1, eu-west-1")
}

// What is wrong with a signature, a node says, in the words that it has for it on any port.
func TestAMalformedSignatureIsForANodeToRefuse(t *testing.T) {
	for _, tc := range []struct{ name, header, query, host string }{
		{"another scheme", "Bearer x", "", ""},
		{"no parameters", "AWS4-HMAC-SHA256", "", ""},
		{"no credential", "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00", "", ""},
		{"a short credential", "AWS4-HMAC-SHA256 Credential=test/20260101, SignedHeaders=host, Signature=00", "", ""},
		{"a presigned URL without credential", "", "X-Amz-Signature=00", ""},
		{"a host of nowhere", "Bearer x", "", "kms.mars-1.localhost"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDoor(t, "")
			d.nodes["us-east-1/1"].ready.Store(false)
			d.await(t, "us-east-1", 1)
			r := d.signed(t, "", "ListKeys")
			r.Header.Set("Authorization", tc.header)
			r.URL.RawQuery, r.Host = tc.query, tc.host
			if resp, body := send(t, r); resp.StatusCode != http.StatusTeapot || !strings.HasPrefix(body, "us-east-1/2:") {
				t.Errorf("%d %q, want the answer of the first Region's node that is ready", resp.StatusCode, body)
			}
		})
	}
	d := newDoor(t, "")
	for _, host := range []string{"", "kms.mars-1.localhost"} {
		r := d.signed(t, "", "ListKeys")
		r.Header.Del("Authorization")
		r.Host = host
		resp, body := send(t, r)
		isFault(t, resp, body, 400, "MissingAuthenticationTokenException", "Missing Authentication Token")
		if !strings.Contains(body, `"Missing Authentication Token"`) {
			t.Errorf("it says more: %s", body)
		}
	}
}

func TestRegionPortTakesEverything(t *testing.T) {
	d := newDoor(t, "eu-west-1")
	if _, body := send(t, d.signed(t, "us-east-1", "ListKeys")); !strings.HasPrefix(body, "eu-west-1/1:") {
		t.Errorf("%q: the node judges the signature, not the port", body)
	}
}

func TestWhatIsSignedPassesUnchanged(t *testing.T) {
	d := newDoor(t, "")
	r := d.signed(t, "eu-west-1", "ListKeys")
	r.Host = "kms.eu-west-1.amazonaws.com"
	r.URL.RawQuery = "b=2&a=%2F1"
	r.Header["User-Agent"] = nil
	r.Header.Set("X-Amz-Meta", "  kept  ")
	r.Header.Set("Connection", "X-Mine")
	r.Header.Set("X-Mine", "1")
	resp, body := send(t, r)
	if resp.StatusCode != http.StatusTeapot || body != `eu-west-1/1:{"a":1}` || resp.Header.Get("X-Amzn-Requestid") != "r-eu-west-1/1" {
		t.Errorf("answer: %d %q %v", resp.StatusCode, body, resp.Header)
	}
	if resp.Header.Get("X-Seen-Host") != r.Host || resp.Header.Get("X-Seen-Target") != "/?b=2&a=%2F1" {
		t.Errorf("the node saw %q %q", resp.Header.Get("X-Seen-Host"), resp.Header.Get("X-Seen-Target"))
	}
	seen := strings.Join(resp.Header.Values("X-Seen-Headers"), " ")
	for _, h := range []string{"Authorization", "X-Amz-Target", "X-Amz-Meta"} {
		if !strings.Contains(seen, h) {
			t.Errorf("%s did not pass: %s", h, seen)
		}
	}
	for _, h := range []string{"X-Forwarded-For", "User-Agent", "X-Mine"} {
		if strings.Contains(seen, h) {
			t.Errorf("%s was added or passed: %s", h, seen)
		}
	}
}

func TestCallsAreSpreadOverReadyNodes(t *testing.T) {
	d := newDoor(t, "")
	for range 10 {
		send(t, d.signed(t, "us-east-1", "ListKeys"))
	}
	a, b := d.nodes["us-east-1/1"], d.nodes["us-east-1/2"]
	if a.calls.Load() != 5 || b.calls.Load() != 5 {
		t.Errorf("%d and %d calls, want 5 and 5", a.calls.Load(), b.calls.Load())
	}
	b.ready.Store(false)
	d.await(t, "us-east-1", 1)
	for range 10 {
		send(t, d.signed(t, "us-east-1", "ListKeys"))
	}
	if a.calls.Load() != 15 || b.calls.Load() != 5 {
		t.Errorf("%d and %d calls: a node that is not ready was called", a.calls.Load(), b.calls.Load())
	}
}

// A node that breaks off after it got a call may have carried it out.
func TestRepeatingIsSafe(t *testing.T) {
	for _, tc := range []struct {
		name, operation string
		invocation      bool
		repeated        bool
	}{
		{"an operation that changes nothing", "Decrypt", false, true},
		{"a change", "CreateKey", false, false},
		{"a change with an invocation id", "CreateKey", true, true},
		{"an operation that nobody knows", "Frobnicate", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDoor(t, "")
			broken := d.nodes["us-east-1/1"]
			broken.do = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
			answered, faults := 0, 0
			for range 4 { // half of them meet the broken node first
				r := d.signed(t, "us-east-1", tc.operation)
				if tc.invocation {
					r.Header.Set("amz-sdk-invocation-id", "i-1")
				}
				resp, body := send(t, r)
				if resp.StatusCode == http.StatusTeapot {
					answered++
					continue
				}
				faults++
				isFault(t, resp, body, 500, "KMSInternalException", "unknown")
			}
			if tc.repeated && faults > 0 || !tc.repeated && faults != 2 {
				t.Errorf("%d answered, %d failed", answered, faults)
			}
			if other := d.nodes["us-east-1/2"].calls.Load(); int(other) != answered {
				t.Errorf("the other node got %d calls, %d were answered", other, answered)
			}
		})
	}
}

func TestARefusedConnectionIsAlwaysRepeated(t *testing.T) {
	d := newDoor(t, "")
	d.nodes["us-east-1/1"].Close() // the next poll may not have seen it
	for range 4 {
		if resp, body := send(t, d.signed(t, "us-east-1", "CreateKey")); resp.StatusCode != http.StatusTeapot {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
}

// A node that was just started again may be asked before the front door has seen that it is not ready.
func TestACallThatANodeIsNotReadyForGoesToAnother(t *testing.T) {
	d := newDoor(t, "")
	unready := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(region.HeaderUnready, "1")
		refuse(w, kmsapi.Errorf(kmsapi.KMSInternalException, "not caught up"))
	}
	d.nodes["us-east-1/1"].do = unready
	for range 4 {
		if resp, body := send(t, d.signed(t, "us-east-1", "CreateKey")); resp.StatusCode != http.StatusTeapot {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
	if d.nodes["us-east-1/1"].calls.Load() == 0 {
		t.Error("no call met the node that is not ready")
	}
	d.nodes["eu-west-1/1"].do = unready
	resp, body := send(t, d.signed(t, "eu-west-1", "CreateKey"))
	isFault(t, resp, body, 500, "KMSInternalException", "not caught up")
}

func TestNoNode(t *testing.T) {
	d := newDoor(t, "")
	west := d.nodes["eu-west-1/1"]
	west.ready.Store(false)
	d.await(t, "eu-west-1", 0)
	resp, body := send(t, d.signed(t, "eu-west-1", "ListKeys"))
	isFault(t, resp, body, 500, "KMSInternalException", "eu-west-1")
	if resp, _ := send(t, d.get(t, "/_meridian/ready")); resp.StatusCode != 503 {
		t.Errorf("ready answers %d", resp.StatusCode)
	}
	// A call waits for a node that comes in time.
	done := make(chan int)
	go func() { resp, _ := send(t, d.signed(t, "eu-west-1", "ListKeys")); done <- resp.StatusCode }()
	west.ready.Store(true)
	if code := <-done; code != http.StatusTeapot {
		t.Errorf("answered %d though a node came", code)
	}
}

func (d *door) get(t *testing.T, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHostileRequestsAreBounded(t *testing.T) {
	d := newDoor(t, "")
	r := d.signed(t, "us-east-1", "Encrypt")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", maxBody+1))), maxBody+1
	resp, body := send(t, r)
	isFault(t, resp, body, 413, "RequestEntityTooLargeException", "The request body must be no longer than 1048576 bytes.")
	if n := d.nodes["us-east-1/1"].calls.Load() + d.nodes["us-east-1/2"].calls.Load(); n != 0 {
		t.Errorf("%d nodes got it", n)
	}
	r = d.signed(t, strings.Repeat("a", 10_000), "Encrypt")
	if _, body := send(t, r); len(body) > 500 {
		t.Errorf("the answer repeats %d bytes", len(body))
	}
}

func TestOverview(t *testing.T) {
	d := newDoor(t, "")
	resp, body := send(t, d.get(t, "/_meridian/"))
	var o Overview
	if err := json.Unmarshal([]byte(body), &o); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	if o.ClusterID != "c" || len(o.Regions) != 2 || len(o.Regions[0].Ready) != 2 || o.Regions[1].Endpoint != "http://127.0.0.1:4586" {
		t.Errorf("%+v", o)
	}
	if resp, _ := send(t, d.get(t, "/_meridian/health")); resp.StatusCode != 200 {
		t.Errorf("health answers %d", resp.StatusCode)
	}
}

func FuzzScopeRegion(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=00", "kms.us-east-1.localhost:4566")
	f.Add("AWS4-HMAC-SHA256 Credential=/////,Credential=a", "[::1]:1")
	f.Fuzz(func(t *testing.T, auth, host string) {
		r := &http.Request{Header: http.Header{"Authorization": {auth}}, Host: host}
		r.URL = &url.URL{Path: "/"}
		if got := scopeRegion(r); strings.ContainsAny(got, "/,") {
			t.Errorf("Region %q", got)
		}
		if got := hostRegion(host); strings.Contains(got, ".") {
			t.Errorf("Region %q of host %q", got, host)
		}
	})
}

// TestFrontDoorFollowsNodes: a node that is added takes calls, one that is removed takes none.
func TestFrontDoorFollowsNodes(t *testing.T) {
	d := newDoor(t, "us-east-1")
	d.nodes["us-east-1/4"] = newBackend(t, "us-east-1/4")
	east := d.front.regions["us-east-1"]
	begun := make(chan *backend, 4)
	ctx, cancel := context.WithCancel(t.Context())
	file := *d.front.file
	file.Regions = slices.Clone(file.Regions)
	file.Regions[0].Nodes = []layout.Node{file.Regions[0].Nodes[1], {Name: "us-east-1/4", ID: "4", KMS: d.nodes["us-east-1/4"].addr()}}
	d.front.reread = func() (*layout.Cluster, error) { return &file, nil }
	var polling sync.WaitGroup
	polling.Go(func() {
		d.front.follow(ctx, func(p *pool, b *backend) {
			asking, forget := context.WithCancel(ctx)
			b.forget = forget
			polling.Go(func() { d.front.pollNode(asking, p, b) })
			begun <- b
		})
	})
	t.Cleanup(func() { cancel(); polling.Wait() })
	if b := <-begun; b.name != "us-east-1/4" {
		t.Errorf("%s came", b.name)
	}
	d.await(t, "us-east-1", 2)
	answered := map[string]bool{}
	for range 8 {
		_, body := send(t, d.signed(t, "us-east-1", "ListKeys"))
		for name := range d.nodes {
			if strings.Contains(body, name) {
				answered[name] = true
			}
		}
	}
	if len(answered) != 2 || !answered["us-east-1/2"] || !answered["us-east-1/4"] {
		t.Errorf("calls were answered by %v", answered)
	}
	if len(begun) != 0 || len(east.nodes()) != 2 {
		t.Errorf("%d nodes, %d more came", len(east.nodes()), len(begun))
	}
}
