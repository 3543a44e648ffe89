package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"meridian/cluster/fault"
	"meridian/cluster/layout"
	"meridian/replication"
)

// maxAnswer bounds an answer, and one line of an answer of lines, in bytes.
const maxAnswer = 8 << 20

// Client speaks to the admin socket of one node.
type Client struct {
	http        *http.Client
	addr, token string
}

// Connect finds the admin socket of the node with that folder. The node need not run; asking it tells.
func Connect(d layout.NodeDir) (*Client, error) {
	f, err := layout.ReadAdmin(d)
	if err != nil {
		return nil, fmt.Errorf("find the admin socket: %w", err)
	}
	if host, _, err := net.SplitHostPort(f.Addr); err != nil || !net.ParseIP(host).IsLoopback() {
		return nil, fmt.Errorf("%s names %q: not an address of this machine alone", d.Admin(), f.Addr)
	}
	return &Client{
		// Few calls, each perhaps from a process that ends after it: no connection is kept.
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		addr: f.Addr, token: f.Token,
	}, nil
}

// Status asks for what the node knows about itself.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.call(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Lag asks for how far other Regions are behind.
func (c *Client) Lag(ctx context.Context) (l []Lag, err error) {
	return l, c.call(ctx, http.MethodGet, "/v1/lag", nil, &l)
}

// Clock asks for what the Region's clock shows.
func (c *Client) Clock(ctx context.Context) (k Clock, err error) {
	return k, c.call(ctx, http.MethodGet, "/v1/clock", nil, &k)
}

// AdvanceClock asks a leader to raise the offset of its Region's time, and returns what the clock shows then.
func (c *Client) AdvanceClock(ctx context.Context, offsetMillis int64) (k Clock, err error) {
	return k, c.call(ctx, http.MethodPost, "/v1/clock", ClockOffset{OffsetMillis: offsetMillis}, &k)
}

// SeedKey asks a leader to make a key with an id that is given.
func (c *Client) SeedKey(ctx context.Context, k SeedKey) (s Seeded, err error) {
	return s, c.call(ctx, http.MethodPost, "/v1/seed", k, &s)
}

// Call asks a leader to make a call of the API. A fault is part of the answer.
func (c *Client) Call(ctx context.Context, k Call) (a Answer, err error) {
	return a, c.call(ctx, http.MethodPost, "/v1/call", k, &a)
}

// SetDials sets how Regions follow each other and returns the version that is in force then.
func (c *Client) SetDials(ctx context.Context, d replication.Dials) (uint64, error) {
	var now replication.Dials
	err := c.call(ctx, http.MethodPut, "/v1/dials", d, &now)
	return now.Version, err
}

// SetFaults puts a table of faults in force and returns the version that is in force then.
func (c *Client) SetFaults(ctx context.Context, t fault.Table) (uint64, error) {
	var f Faults
	err := c.call(ctx, http.MethodPut, "/v1/faults", t, &f)
	return f.Version, err
}

// ReloadIdentity asks the node to read its identity file again. A file that is wrong is part of the answer.
func (c *Client) ReloadIdentity(ctx context.Context) (i Identity, err error) {
	return i, c.call(ctx, http.MethodPost, "/v1/identity", nil, &i)
}

// ReloadLayout asks the node to read cluster.json again, and to go by the nodes that it names.
func (c *Client) ReloadLayout(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/layout", nil, nil)
}

// Checkpoint asks for a copy of the node's state; whoever asks removes it.
func (c *Client) Checkpoint(ctx context.Context) (cp Checkpoint, err error) {
	return cp, c.call(ctx, http.MethodPost, "/v1/checkpoint", nil, &cp)
}

// Backup writes the node's whole state, event log included, to w, as one snapshot. Whoever asks checks it to its end:
// a node that stops in the middle sends a beginning that is right.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.do(ctx, http.MethodGet, "/v1/backup", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// Members asks who is a member of the Region's Raft group; the leader knows best.
func (c *Client) Members(ctx context.Context) (m []Member, err error) {
	return m, c.call(ctx, http.MethodGet, "/v1/members", nil, &m)
}

// AddMember asks the leader to add a server without a vote, or to give one that has caught up its vote. It may be
// repeated.
func (c *Client) AddMember(ctx context.Context, m Member) error {
	return c.call(ctx, http.MethodPost, "/v1/members", m, nil)
}

// RemoveMember asks the leader to end a membership. It may be repeated.
func (c *Client) RemoveMember(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/v1/members/"+url.PathEscape(id), nil, nil)
}

// Shutdown asks the node to hand its leadership over and end. It answers before it ends.
func (c *Client) Shutdown(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/shutdown", nil, nil)
}

// Refusal is a node's no.
type Refusal struct {
	Path   string
	Status int // of HTTP
	Reason string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Path + ": " + r.Reason }

// EventQuery says which events; the zero value: all there are.
type EventQuery struct {
	Key    string // key id or ARN; empty: of all keys
	From   uint64 // the first seq
	Follow bool   // go on with those to come, until the context ends
}

// Events yields events of the node's log in order, and an error at the end if it was not the end of the log.
func (c *Client) Events(ctx context.Context, q EventQuery) iter.Seq2[Event, error] {
	v := url.Values{}
	if q.Key != "" {
		v.Set("key", q.Key)
	}
	if q.From > 0 {
		v.Set("from", strconv.FormatUint(q.From, 10))
	}
	if q.Follow {
		v.Set("follow", "1")
	}
	return lines[Event](ctx, c, "/v1/events?"+v.Encode())
}

// Records yields the records of the node's log as they are stored, from a seq to the present end, and an error at the
// end if it was not the end of the log.
func (c *Client) Records(ctx context.Context, from uint64) iter.Seq2[Record, error] {
	return lines[Record](ctx, c, "/v1/records?from="+strconv.FormatUint(from, 10))
}

// Holdings yields what the node's Region holds: its multi-Region keys, and the rest. An error ends it.
func (c *Client) Holdings(ctx context.Context) iter.Seq2[Holding, error] {
	return lines[Holding](ctx, c, "/v1/keys")
}

// lines yields the JSON values of an answer, and an error at its end if it broke off.
func lines[T any](ctx context.Context, c *Client, path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		resp, err := c.do(ctx, http.MethodGet, path, nil)
		if err != nil {
			yield(*new(T), err)
			return
		}
		defer resp.Body.Close()
		for in := json.NewDecoder(resp.Body); ; {
			var v T
			err := in.Decode(&v)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Key asks what the node's Region knows about a key, now or at a point of the past. A key that it does not know is an
// answer, too.
func (c *Client) Key(ctx context.Context, id string, at Point) (s KeyState, err error) {
	v := url.Values{}
	if at.Account != "" {
		v.Set("account", at.Account)
	}
	if at.Seq > 0 {
		v.Set("seq", strconv.FormatUint(at.Seq, 10))
	}
	if at.AtMillis > 0 {
		v.Set("at", strconv.FormatInt(at.AtMillis, 10))
	}
	return s, c.call(ctx, http.MethodGet, "/v1/keys/"+url.PathEscape(id)+"?"+v.Encode(), nil, &s)
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("answer to %s: %w", path, err)
	}
	return nil
}

// do sends a request; a refusal is an error.
func (c *Client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.addr+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	var refusal struct {
		Error string `json:"error"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&refusal) != nil || refusal.Error == "" {
		refusal.Error = resp.Status
	}
	return nil, &Refusal{Path: path, Status: resp.StatusCode, Reason: refusal.Error}
}
