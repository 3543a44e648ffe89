// Package control is the admin protocol of a node: HTTP on a loopback socket of its own, with the
// bearer token that the node wrote to admin.json.
//
//	GET  /v1/status            Status
//	GET  /v1/lag               []Lag
//	GET  /v1/clock             Clock
//	POST /v1/clock             ClockOffset, at the leader; the answer (Clock) comes when it is applied
//	POST /v1/fence             Fence, at the leader: a Region is lost for ever (Fenced)
//	POST /v1/promote           Promote, at the leader: without the old primary's consent (Promoted)
//	PUT  /v1/faults            fault.Table; the answer (Faults) comes when the table is in force
//	POST /v1/identity          reads the identity file again; the answer (Identity) says which one is in force then
//	GET  /v1/dials             replication.Dials: how the synchronisation between Regions is set
//	PUT  /v1/dials             likewise; the answer comes when this node obeys
//	GET  /v1/events            JSON lines of Event; query: key, from (seq), follow=1
//	GET  /v1/records           JSON lines of Record: the log as it is stored; query: from (seq)
//	GET  /v1/keys              JSON lines of Holding: every multi-Region key, and in the last line the Rest
//	GET  /v1/keys/{id}         KeyState; query: account, seq, at (ms): as it was, from a replay of the event log
//	POST /v1/explain           Question: whether somebody may do something, and why (Reasons)
//	POST /v1/checkpoint        Checkpoint: a consistent copy of the state for `verify`
//	GET  /v1/backup            the state as a snapshot, event log included
//	GET  /v1/members           []Member, as the node knows them
//	POST /v1/members           Member to add without a vote, or, when it has caught up, with one; the leader's to do
//	DELETE /v1/members/{id}    ends a membership; the leader's to do
//	GET  /debug/pprof/...      profiles, as package net/http/pprof serves them
//	POST /v1/shutdown          moves leadership away, then stops; the answer comes first
//
// A refusal is {"error": "..."} with a status of 400 or more: 409 for what may become possible, 503 where another node
// leads or none does, 500 where the outcome is unknown.
//
// This package holds the types and the client; the server is in region/node. A Client keeps no connection and
// starts no goroutine that outlives a call.
package control

import "encoding/json"

// Roles of a node.
const (
	Leader   = "leader"
	Follower = "follower"
	Nonvoter = "nonvoter"
)

// Status is what a node knows about itself.
type Status struct {
	ClusterID    string   `json:"clusterId"`
	Region       string   `json:"region"`
	Name         string   `json:"name"`
	ID           string   `json:"id"`
	PID          int      `json:"pid"`
	Version      string   `json:"version"`
	Role         string   `json:"role"`
	Leader       string   `json:"leader"` // name of the leader's node; empty: unknown
	Term         uint64   `json:"term"`
	Ready        bool     `json:"ready"`
	Seq          uint64   `json:"seq"`
	Digest       string   `json:"digest"` // of the state, hex
	Chain        string   `json:"chain"`  // head of the event log's hash chain, hex
	Life         uint64   `json:"life"`
	FeatureLevel uint32   `json:"featureLevel"` // of the Region, as this node knows it
	KnownLevel   uint32   `json:"knownLevel"`   // the newest that the node's program knows
	Endpoint     string   `json:"endpoint"`     // http://host:port
	FaultVersion uint64   `json:"faultVersion"`
	Identity     Identity `json:"identity"`
	StartedAt    int64    `json:"startedAt"` // ms since 1970 UTC, wall clock
}

// Identity says which identity file a node goes by.
type Identity struct {
	Digest string `json:"digest"`          // SHA-256, hexadecimal; empty: there is none
	Error  string `json:"error,omitempty"` // why the newest file is not in force
}

// Member is a server of the Region's Raft group.
type Member struct {
	ID    string `json:"id"`
	Addr  string `json:"addr"` // internal address of its node
	Voter bool   `json:"voter"`
}

// Faults says which fault table is in force.
type Faults struct {
	Version uint64 `json:"version"`
}

// Lag is how far another Region is behind, seen from the leader of From.
type Lag struct {
	From         string `json:"from"`
	To           string `json:"to"`
	LinkUp       bool   `json:"linkUp"`
	FeatureLevel uint32 `json:"featureLevel,omitempty"` // of the pair: what messages gained with a higher one is left out
	Paused       bool   `json:"paused,omitempty"`       // the synchronisation of one of the two stands still
	PendingKeys  int    `json:"pendingKeys"`
	OldestMillis int64  `json:"oldestMillis"`
	// SaidKeys are those of the pending ones of which all was said: the other Region's word is waited for.
	SaidKeys int `json:"saidKeys,omitempty"`
	// DelayedKeys are those of the pending ones that a lag profile holds back, NextDueMillis the Region time until
	// which it holds the first of them.
	DelayedKeys   int   `json:"delayedKeys,omitempty"`
	NextDueMillis int64 `json:"nextDueMillis,omitempty"`
}

// Moving reports whether something is on its way that no profile holds back and no cut stops.
func (l *Lag) Moving() bool { return l.LinkUp && l.PendingKeys > l.DelayedKeys+l.SaidKeys }

// ClockOffset asks a Region to run its time ahead of its nodes' clocks by at least so much.
type ClockOffset struct {
	OffsetMillis int64 `json:"offsetMillis"`
}

// Clock is what a Region's clock shows, as its node reckons it. Times are ms since 1970 UTC.
type Clock struct {
	Region       string `json:"region"`
	TimeMillis   int64  `json:"timeMillis"`
	OffsetMillis int64  `json:"offsetMillis"`
	Overdue      bool   `json:"overdue"`        // work is due and not done yet
	Next         *Due   `json:"next,omitempty"` // what falls due next; absent: nothing will
}

// Due is work that waits for its time.
type Due struct {
	AtMillis int64  `json:"atMillis"`
	Key      string `json:"key"` // key id
	What     string `json:"what"`
}

// Event is one event of a Region's log.
type Event struct {
	Region    string          `json:"region"`
	Seq       uint64          `json:"seq"`
	I         int             `json:"i"`
	Time      string          `json:"time"` // RFC 3339, Region time
	Type      string          `json:"type"`
	Key       string          `json:"key,omitempty"` // key id
	RequestID string          `json:"requestId,omitempty"`
	Data      json.RawMessage `json:"data"`
}

// Record is one record of a Region's log as it is stored, for who decodes it. No record holds a secret.
type Record struct {
	Seq    uint64 `json:"seq"`
	Record []byte `json:"record"`
}

// Checkpoint is a consistent copy of a node's state that `verify` may open.
type Checkpoint struct {
	Path string `json:"path"`
}

// SeedKey asks a leader to make a key with an id, and perhaps material, that is given.
type SeedKey struct {
	Account  string          `json:"account"`
	KeyID    string          `json:"keyId"`
	Request  json.RawMessage `json:"request"`            // of CreateKey
	Material []byte          `json:"material,omitempty"` // as keys of the spec are imported
}

// Seeded is the answer: the key was made, was there already (or was deleted), or cannot be made.
type Seeded struct {
	Made  bool   `json:"made"`
	Fault *Fault `json:"fault,omitempty"`
}

// Call asks a leader to make a call of the API as the root of an account.
type Call struct {
	Account   string          `json:"account"`
	Operation string          `json:"operation"`
	Input     json.RawMessage `json:"input"`
}

// Answer is what the API answered with.
type Answer struct {
	Output json.RawMessage `json:"output,omitempty"` // absent: the operation has none, or there is a fault
	Fault  *Fault          `json:"fault,omitempty"`
}

// Fault is an error of the API.
type Fault struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }
