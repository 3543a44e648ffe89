package forward

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"meridian/keyengine"
	"meridian/region/trace"
)

// Limits of a forwarded call.
const (
	MaxAnswer   = 4 << 20 // bytes
	idlePerNode = 64
)

// RequestIDHeader carries the request id that the entry node gave a call.
const RequestIDHeader = "x-meridian-request-id"

// SourceHeader carries the address of the caller, as the entry node saw it.
const SourceHeader = "x-meridian-source"

// Paths of the calls between nodes.
const (
	pathPosition = "/internal/position"
	pathClock    = "/internal/clock"
	pathStanding = "/internal/standing"
	pathUses     = "/internal/uses"
)

// Call is a caller's request as it was received.
type Call struct {
	Host      string
	Query     string // as received
	Header    http.Header
	Body      []byte
	RequestID string
	Source    string // address of the caller; empty: it is not known
}

// Answer is what the leader said to a forwarded call.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Position is how far a leader has applied its log.
type Position struct {
	Term uint64 `json:"term"`
	Seq  uint64 `json:"seq"`
}

// Standing is how a node takes part in its Region's log.
type Standing struct {
	ID      string `json:"id"`      // in the log's membership
	Last    uint64 `json:"last"`    // newest entry on its disk
	Joining bool   `json:"joining"` // it has not written down yet that the Region counts on it
	Level   uint32 `json:"level"`   // the newest feature level that its program knows; 0: the first
}

// Client makes calls to other nodes of the Region. It is safe for concurrent use.
type Client struct {
	http *http.Client
}

// NewClient returns a Client that dials through port.
func NewClient(port *Port) *Client {
	return &Client{http: &http.Client{
		Transport: &http.Transport{
			DialContext:         port.DialCall,
			MaxIdleConnsPerHost: idlePerNode,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Forward sends call to the node at addr, headers and body as they are: they are signed. An error
// means that the outcome is unknown.
func (c *Client) Forward(ctx context.Context, addr string, call Call) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/", bytes.NewReader(call.Body))
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	req.URL.RawQuery = call.Query
	req.Header = call.Header.Clone()
	req.Header.Set(RequestIDHeader, call.RequestID)
	req.Header.Set(SourceHeader, call.Source) // whatever the caller sent under that name
	trace.Depart(ctx, req.Header)
	req.Host = call.Host
	return c.do(req)
}

// Position asks the node at addr, which must lead, how far it has applied its log.
func (c *Client) Position(ctx context.Context, addr string) (Position, error) {
	return get[Position](ctx, c, addr, pathPosition)
}

// Clock asks the node at addr for its wall clock, ms since 1970 UTC.
func (c *Client) Clock(ctx context.Context, addr string) (int64, error) {
	return get[int64](ctx, c, addr, pathClock)
}

// Standing asks the node at addr how it takes part in the log.
func (c *Client) Standing(ctx context.Context, addr string) (Standing, error) {
	return get[Standing](ctx, c, addr, pathStanding)
}

// ReportUses tells the node at addr, which must lead, about uses of keys: at most keyengine.MaxUses.
func (c *Client) ReportUses(ctx context.Context, addr string, uses []keyengine.Use) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+pathUses, bytes.NewReader(writeUses(uses)))
	if err != nil {
		return fmt.Errorf("report uses: %w", err)
	}
	answer, err := c.do(req)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusNoContent {
		return fmt.Errorf("report uses: %s", bytes.TrimSpace(answer.Body))
	}
	return nil
}

func get[T any](ctx context.Context, c *Client, addr, path string) (v T, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return v, fmt.Errorf("ask %s: %w", path, err)
	}
	answer, err := c.do(req)
	if err != nil {
		return v, err
	}
	if answer.Status != http.StatusOK {
		return v, fmt.Errorf("ask %s: %s", path, bytes.TrimSpace(answer.Body))
	}
	if err := json.Unmarshal(answer.Body, &v); err != nil {
		return v, fmt.Errorf("ask %s: %w", path, err)
	}
	return v, nil
}

func (c *Client) do(req *http.Request) (*Answer, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("forward: read the answer: %w", err)
	}
	if len(body) > MaxAnswer {
		return nil, fmt.Errorf("forward: answer longer than %d bytes", MaxAnswer)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}
