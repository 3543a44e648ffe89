package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"meridian/cluster/observability"
	"meridian/keyengine/kmsapi"
	"meridian/region"
	"meridian/region/sts"
	"meridian/region/trace"
)

// invocationHeader names a call of a client across its attempts: a Region knows a repeat by it.
const invocationHeader = "Amz-Sdk-Invocation-Id"

// pass sends a call to a node that is ready. Where a node fails, another one gets the call if that is safe; where none
// is ready, it waits a little for one.
func (f *FrontDoor) pass(w http.ResponseWriter, r *http.Request, p *pool, body []byte) {
	safe := repeatable(r)
	deadline := time.NewTimer(f.tempo.Search)
	defer deadline.Stop()
	tried := make(map[*backend]bool)
	var refusal *answer // of the last node that was not ready after all
	for {
		changed := p.watch()
		b := p.pick(tried)
		if b == nil {
			select {
			case <-changed:
			case <-deadline.C:
				if refusal != nil {
					refusal.write(w)
					return
				}
				refuse(w, kmsapi.Errorf(kmsapi.KMSInternalException, "No node of %s takes calls now.", p.region))
				return
			case <-r.Context().Done():
				return
			}
			clear(tried) // a node that failed may be back
			continue
		}
		tried[b] = true
		answer, sent, err := f.attempt(r, b, body)
		f.metrics.Attempted(b.name, outcome(sent, err))
		switch {
		case err == nil:
			answer.write(w)
			return
		case errors.Is(err, errUnready):
			refusal = answer
		}
		if r.Context().Err() != nil {
			return // the caller left
		}
		f.log.Warn("node failed a call", "node", b.name, "err", err, "sent", sent, "repeat", !sent || safe)
		if sent && !safe {
			refuse(w, kmsapi.Errorf(kmsapi.KMSInternalException,
				"Node %s did not answer; whether it carried out the request is unknown.", b.name))
			return
		}
		if !sent {
			p.setReady(b, false) // until the next poll
		}
	}
}

// errUnready: the node is up, but does not hear its Region's leader, and did nothing with the call.
var errUnready = errors.New("the node is not ready")

// outcome is how an attempt ended.
func outcome(sent bool, err error) string {
	switch {
	case err == nil:
		return observability.Answered
	case sent:
		return observability.Unknown
	}
	return observability.Unsent
}

// repeatable says whether a call may reach two nodes: it changes nothing, or the Region knows a repeat.
func repeatable(r *http.Request) bool {
	if r.Header.Get(invocationHeader) != "" || scopeService(r) == sts.Service { // of two sessions one is never used
		return true
	}
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	op, ok := kmsapi.Lookup(name)
	return ok && op.ReadOnly()
}

// answer is what a node said, whole: half an answer could not be repeated.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) write(w http.ResponseWriter) {
	h := w.Header()
	maps.Copy(h, a.header)
	dropHop(h)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // an error means that the caller left
}

// attempt sends a call to one node. Sent is false only if no byte of it can have left, or the node says that it did
// nothing with it (errUnready, with its answer).
func (f *FrontDoor) attempt(r *http.Request, b *backend, body []byte) (a *answer, sent bool, err error) {
	var connected atomic.Bool
	ctx, cancel := context.WithTimeout(r.Context(), f.tempo.Attempt)
	defer cancel()
	ctx, span := trace.Start(ctx, "pass to node")
	span.Text("meridian.node", b.name)
	defer func() { span.End(err) }()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	out, err := outgoing(ctx, r, b, body)
	if err != nil {
		return nil, false, err
	}
	resp, err := f.client.RoundTrip(out)
	if err != nil {
		return nil, connected.Load(), err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(got) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	if err != nil {
		return nil, true, err
	}
	a = &answer{resp.StatusCode, resp.Header, got}
	if a.header.Get(region.HeaderUnready) != "" {
		return a, false, errUnready
	}
	return a, true, nil
}

// outgoing is the request for a node: the same target, host, headers and body.
func outgoing(ctx context.Context, r *http.Request, b *backend, body []byte) (*http.Request, error) {
	out, err := http.NewRequestWithContext(ctx, r.Method, "http://"+b.addr, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if r.URL.Path == "" || r.URL.Path[0] != '/' {
		return nil, errors.New("the target of the request is not a path")
	}
	out.URL.Path, out.URL.RawPath, out.URL.RawQuery = r.URL.Path, r.URL.RawPath, r.URL.RawQuery
	out.Host = r.Host
	out.Header = r.Header.Clone()
	dropHop(out.Header)
	trace.Depart(ctx, out.Header)
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = nil // else the transport would add one
	}
	return out, nil
}

// dropHop removes the headers that are about one connection.
func dropHop(h http.Header) {
	for list := range strings.SplitSeq(strings.Join(h.Values("Connection"), ","), ",") {
		if name := strings.TrimSpace(list); name != "" {
			h.Del(name)
		}
	}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		h.Del(name)
	}
}
