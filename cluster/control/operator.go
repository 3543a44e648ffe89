package control

import (
	"context"
	"net/http"
)

// Fence asks a leader to declare another Region lost for ever.
type Fence struct {
	Lost string `json:"lost"`
}

// Promote asks a leader to make its Region's member of a key primary without the consent of the old primary.
type Promote struct {
	Account string `json:"account"`
	Key     string `json:"key"` // key id
}

// Declared is what an operator's act did to a key.
type Declared struct {
	Region  string   `json:"region"` // that wrote it down
	Key     string   `json:"key"`    // ARN in that Region
	Before  string   `json:"before"` // versions of the family's record
	After   string   `json:"after"`
	Dropped []string `json:"dropped"` // ids of materials that the record listed and that Region does not hold
}

// Fenced answers Fence.
type Fenced struct {
	Keys     []Declared `json:"keys"`
	Headless []string   `json:"headless"` // ARNs of members here whose primary is in the lost Region
	Fault    *Fault     `json:"fault,omitempty"`
}

// Promoted answers Promote.
type Promoted struct {
	Declared
	Fault *Fault `json:"fault,omitempty"`
}

// FenceLost asks a leader to declare another Region lost for ever. It may be repeated.
func (c *Client) FenceLost(ctx context.Context, lost string) (f Fenced, err error) {
	return f, c.call(ctx, http.MethodPost, "/v1/fence", Fence{Lost: lost}, &f)
}

// ForcePromote asks a leader to make its Region's member of a key primary.
func (c *Client) ForcePromote(ctx context.Context, account, key string) (p Promoted, err error) {
	return p, c.call(ctx, http.MethodPost, "/v1/promote", Promote{Account: account, Key: key}, &p)
}
