// Package layout says where a cluster's files and ports are, and what cluster.json and node.json hold.
//
// It reads and writes those two files: a file comes into being whole (by rename) or not at all, a file of a
// newer format, a damaged one, or one that contradicts itself is refused, and nothing is ever repaired here. It
// starts no goroutine.
//
// Use: ReadCluster to know a cluster, Dir for the paths below its folder, RegionPort and NodePort for ports.
package layout

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Format is the version of the files of this package.
const Format = 1

// Offsets of a node's ports from its KMS port.
const (
	InternalOffset = 1000
	NATSOffset     = 2000
)

// Limits of a cluster.
const (
	MaxNodes   = 9 // in a Region
	MaxRegions = 20
)

// What carries messages between Regions.
const (
	TransportAuto = "auto" // NATS, and HTTP where that does not get through
	TransportHTTP = "http" // HTTP alone
)

// Cluster is cluster.json: what all parts of a cluster agree on, and its anchor of trust. Regions
// learn each other's public keys from it and from nothing else.
type Cluster struct {
	Format             int      `json:"format"`
	ID                 string   `json:"clusterId"` // UUID
	Host               string   `json:"host"`      // every listener binds it
	Port               int      `json:"port"`      // of the front door
	Consistency        string   `json:"consistency,omitempty"`
	Transport          string   `json:"transport,omitempty"`        // between Regions; empty: TransportAuto
	Authorization      string   `json:"authorization,omitempty"`    // soft: what policies deny goes on, and is in the log
	Explain            bool     `json:"explain,omitempty"`          // callers may ask why they are allowed or denied
	GrantDelayMillis   *int64   `json:"grantDelayMillis,omitempty"` // until a grant counts without its token; nil: as the lag profile says
	LogFormat          string   `json:"logFormat,omitempty"`        // json; empty: text
	LogLevel           string   `json:"logLevel,omitempty"`         // debug, warn, error; empty: info
	ClockOffsetSeconds int64    `json:"clockOffsetSeconds"`
	Identity           string   `json:"identity,omitempty"` // where identity.yaml was copied from
	Regions            []Region `json:"regions"`            // in the order given; Region i (from 1) has ports Port+10*i…
}

// GrantDelay is how long a grant takes to count for those without its token; nil: as long as the lag profile says.
func (c *Cluster) GrantDelay() *time.Duration {
	if c.GrantDelayMillis == nil {
		return nil
	}
	d := time.Duration(*c.GrantDelayMillis) * time.Millisecond
	return &d
}

// Region is one Region of a cluster.
type Region struct {
	Name         string `json:"name"`
	Port         int    `json:"port"`       // of its endpoint
	SigningKey   []byte `json:"signingKey"` // Ed25519 public key
	NKey         string `json:"nkey"`       // NATS public user key
	Bootstrapped bool   `json:"bootstrapped"`
	Life         uint64 `json:"life,omitempty"` // the least life number that the Region must be in; see NewLife
	Nodes        []Node `json:"nodes"`
}

// NewLife says that the Region's history was cut short, because it was restored from a backup or formed
// anew from a node that was behind: seen is the greatest life number that is known of it, from its own files
// or from another Region. When its nodes start again, the leader begins the new life before it does
// anything else.
func (r *Region) NewLife(seen uint64) { r.Life = max(r.Life, seen, 1) + 1 }

// Node is one node of a Region.
type Node struct {
	Name     string `json:"name"` // "us-east-1/2"
	ID       string `json:"id"`   // Raft server id: a UUID, new whenever a node is replaced
	KMS      string `json:"kms"`  // addresses host:port
	Internal string `json:"internal"`
	NATS     string `json:"nats"`
	// ReadReplica says that the node never has a vote: it answers as far as it has followed, and no majority counts it.
	ReadReplica bool `json:"readReplica,omitempty"`
}

// Voters are the nodes of a Region that have, or get, a vote.
func (r *Region) Voters() (voters []Node) {
	for _, n := range r.Nodes {
		if !n.ReadReplica {
			voters = append(voters, n)
		}
	}
	return voters
}

// NodeFile is node.json in a node's folder: who this folder belongs to.
type NodeFile struct {
	Format    int    `json:"format"`
	ClusterID string `json:"clusterId"`
	Region    string `json:"region"`
	Name      string `json:"name"`
	ID        string `json:"id"`
	// Joining says that the Region does not count on this folder yet: an empty log in it is a new one, not a lost
	// one. The node takes it away once its log says that it is a member.
	Joining bool `json:"joining,omitempty"`
}

// AdminFile is admin.json in a node's folder: where its admin socket listens, mode 0600.
type AdminFile struct {
	Format int    `json:"format"`
	Addr   string `json:"addr"` // 127.0.0.1:port
	Token  string `json:"token"`
}

// ExitFile is exit.json in a node's folder: how its process ended, as its parent saw it or, where it stopped
// because it does not trust itself, as it said before.
type ExitFile struct {
	Format int    `json:"format"`
	PID    int    `json:"pid"`
	Code   int    `json:"code"` // as a shell tells it: 128 + the number of a signal
	At     string `json:"at"`
}

// RegionPort is the port of Region i's endpoint, i from 1; NodePort that of its node n, n from 1.
func RegionPort(port, i int) int { return port + 10*i }

// NodePort is the KMS port of node n (from 1) of Region i (from 1).
func NodePort(port, i, n int) int { return RegionPort(port, i) + n }

// NodeName is the name of node n of a Region.
func NodeName(region string, n int) string { return fmt.Sprintf("%s/%d", region, n) }

// NodeNumber is n in the name of node n of a Region; 0: it is not the name of a node.
func NodeNumber(name string) int {
	_, digits, _ := strings.Cut(name, "/")
	if n, err := strconv.Atoi(digits); err == nil && n >= 1 && n <= MaxNodes && strconv.Itoa(n) == digits {
		return n
	}
	return 0
}

// Dir is the folder of a cluster.
type Dir string

// ClusterFile is the path of cluster.json.
func (d Dir) ClusterFile() string { return filepath.Join(string(d), "cluster.json") }

// FaultsFile is the path of faults.json.
func (d Dir) FaultsFile() string { return filepath.Join(string(d), "faults.json") }

// DialsFile is the path of dials.json: the lag profile, and for which Regions the synchronisation is paused.
func (d Dir) DialsFile() string { return filepath.Join(string(d), "dials.json") }

// AttestationRoots is the path of the certificates that attestation documents must lead to, in PEM. Without the
// file none is trusted.
func (d Dir) AttestationRoots() string { return filepath.Join(string(d), "attestation-roots.pem") }

// IdentityFile is the path of identity.yaml: who may call, mode 0600. Without the file the development access keys may.
func (d Dir) IdentityFile() string { return filepath.Join(string(d), "identity.yaml") }

// SessionKey is the path of the key that seals session tokens, mode 0600. The first node that starts makes it.
func (d Dir) SessionKey() string { return filepath.Join(string(d), "session.key") }

// ThrottleFile is the path of the request quotas, in YAML. Without the file calls are not counted.
func (d Dir) ThrottleFile() string { return filepath.Join(string(d), "throttle.yaml") }

// RecordFile says what the front door records, while it does.
func (d Dir) RecordFile() string { return filepath.Join(string(d), "record.json") }

// SupervisorFile is the path of supervisor.json: which process supervises, and which one is the front door.
func (d Dir) SupervisorFile() string { return filepath.Join(string(d), "supervisor.json") }

// SupervisorLog is the path of what a detached supervisor writes.
func (d Dir) SupervisorLog() string { return filepath.Join(string(d), "supervisor.log") }

// FrontPID is the path of the front door's pid file, FrontLog that of its log.
func (d Dir) FrontPID() string { return filepath.Join(string(d), "front.pid") }

// FrontLog is the path of the front door's log.
func (d Dir) FrontLog() string { return filepath.Join(string(d), "front.log") }

// KeptAudit is the folder of a Region that has the records of calls of nodes that are gone, a folder for each.
func (d Dir) KeptAudit(region string) string { return filepath.Join(string(d), region, "audit") }

// Node is the folder of the node with that name ("us-east-1/2").
func (d Dir) Node(name string) NodeDir {
	return NodeDir(filepath.Join(string(d), filepath.FromSlash(name)))
}

// NodeDir is the folder of a node.
type NodeDir string

// Files and folders of a node.
func (d NodeDir) NodeFile() string { return filepath.Join(string(d), "node.json") }
func (d NodeDir) RootKey() string  { return filepath.Join(string(d), "root.key") }
func (d NodeDir) Keystore() string { return filepath.Join(string(d), "keystore") }
func (d NodeDir) Raft() string     { return filepath.Join(string(d), "raft") }
func (d NodeDir) State() string    { return filepath.Join(string(d), "state") }
func (d NodeDir) Log() string      { return filepath.Join(string(d), "log") }
func (d NodeDir) Audit() string    { return filepath.Join(string(d), "audit") }
func (d NodeDir) Admin() string    { return filepath.Join(string(d), "admin.json") }
func (d NodeDir) PID() string      { return filepath.Join(string(d), "pid") }
func (d NodeDir) Exit() string     { return filepath.Join(string(d), "exit.json") }
