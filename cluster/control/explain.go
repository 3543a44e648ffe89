package control

import (
	"context"
	"net/http"

	"meridian/region"
)

// Question asks whether somebody may do something, in one Region.
type Question struct {
	Principal string            `json:"principal"`     // ARN, or the name of a service
	Action    string            `json:"action"`        // kms:Decrypt
	Key       string            `json:"key,omitempty"` // id, ARN or alias; empty: the action is about no key
	Context   map[string]string `json:"context,omitempty"`
	Tokens    []string          `json:"tokens,omitempty"` // grant tokens
	Seq       uint64            `json:"seq,omitempty"`    // as it was behind this record of the event log
	AtMillis  int64             `json:"at,omitempty"`     // as it was at this Region time
	// Consistency is how fresh the state must be: strong, or empty, is what the leader had acknowledged; eventual is what the
	// node knows.
	Consistency string `json:"consistency,omitempty"`
}

// Reasons is what a Question is answered with.
type Reasons struct {
	Region string `json:"region"`
	Seq    uint64 `json:"seq"` // of the last record that counts
	Time   string `json:"time"`
	region.Explanation
}

// Explain asks a node whether somebody may do something, and why.
func (c *Client) Explain(ctx context.Context, q Question) (r Reasons, err error) {
	return r, c.call(ctx, http.MethodPost, "/v1/explain", q, &r)
}
