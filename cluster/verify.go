package cluster

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/region"
	"meridian/region/keystore"
)

// checkpointTime bounds how long a node may take to copy its state, which it does by links to its files. How long the
// replay of the copy takes has no bound: it is as long as the log.
const checkpointTime = time.Minute

// verifiedSlowly is how long a node's replay takes at least that is worth a word.
const verifiedSlowly = time.Second

// Verification is what Verify found.
type Verification struct {
	OK    bool               `json:"ok"`
	Nodes []NodeVerification `json:"nodes"`
}

// NodeVerification is what Verify found in one node.
type NodeVerification struct {
	Name     string   `json:"name"`
	Seq      uint64   `json:"seq"`
	Digest   string   `json:"digest"` // of the state that its log leads to
	Stored   string   `json:"stored"` // of the state on its disk
	ChainOK  bool     `json:"chainOk"`
	Problems []string `json:"problems"`

	chain string
}

// Verify replays the event log of every node and compares what it leads to with what the node holds, and with the
// other nodes of its Region. A node that runs makes a copy for that; one that does not is opened without changing
// it. With ErrUnknown the report is that of the nodes that could be read.
func (c *Cluster) Verify(ctx context.Context) (Verification, error) {
	v := Verification{OK: true, Nodes: []NodeVerification{}}
	var unread []string
	for _, name := range c.nodes() { // one after the other: each may take the memory of a whole state
		if ctx.Err() != nil {
			unread = append(unread, fmt.Sprintf("%s and further nodes: %v", name, ctx.Err()))
			break
		}
		begun := time.Now()
		n, err := c.verifyNode(ctx, name)
		if err != nil {
			unread = append(unread, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		if took := time.Since(begun); took > verifiedSlowly {
			c.Note("%s: %d records replayed in %s", name, n.Seq, took.Round(100*time.Millisecond))
		}
		v.Nodes = append(v.Nodes, n)
	}
	compare(v.Nodes)
	for _, n := range v.Nodes {
		v.OK = v.OK && n.ChainOK && len(n.Problems) == 0
	}
	if len(unread) > 0 {
		v.OK = false
		return v, fmt.Errorf("%w: %s", ErrUnknown, strings.Join(unread, "; "))
	}
	return v, nil
}

func (c *Cluster) verifyNode(ctx context.Context, name string) (NodeVerification, error) {
	path := c.Dir.Node(name).State()
	if p, ok := c.node(name).find(); ok {
		if p.paused {
			return NodeVerification{}, fmt.Errorf("it is paused: resume or kill it first")
		}
		copied, err := c.checkpoint(ctx, name)
		if err != nil {
			return NodeVerification{}, err
		}
		defer os.RemoveAll(copied)
		path = copied
	}
	place := keyengine.Place{Partition: arn.PartitionOf(layout.RegionOf(name)), Region: layout.RegionOf(name)}
	r, err := keystore.Verify(nil, path, region.Domain{Place: place})
	if err != nil {
		return NodeVerification{}, err
	}
	n := NodeVerification{
		Name: name, Seq: r.Meta.Seq, Digest: r.Digest.String(), Stored: r.Stored.String(),
		ChainOK: r.ChainOK, Problems: append([]string{}, r.Problems...), chain: hex.EncodeToString(r.Meta.Chain[:]),
	}
	if r.Meta.ClusterID != c.File.ID {
		n.Problems = append(n.Problems, fmt.Sprintf("it holds the state of cluster %q", r.Meta.ClusterID))
	}
	return n, nil
}

// checkpoint has a node copy its state. Only a path in the node's own folder is believed: it is removed afterwards.
func (c *Cluster) checkpoint(ctx context.Context, name string) (string, error) {
	client, err := control.Connect(c.Dir.Node(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("it is still starting: try again when it answers")
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, checkpointTime)
	defer cancel()
	cp, err := client.Checkpoint(ctx)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(filepath.Base(cp.Path), "checkpoint-") || !sameFile(filepath.Dir(cp.Path), string(c.Dir.Node(name))) {
		return "", fmt.Errorf("the node made its copy in %s: not in its folder", cp.Path)
	}
	return cp.Path, nil
}

// compare finds nodes of a Region that hold different states at the same place of the log.
func compare(nodes []NodeVerification) {
	type place struct {
		region string
		seq    uint64
	}
	first := make(map[place]*NodeVerification)
	for i := range nodes {
		n := &nodes[i]
		at := place{layout.RegionOf(n.Name), n.Seq}
		other, ok := first[at]
		if !ok {
			first[at] = n
			continue
		}
		if other.Stored != n.Stored || other.chain != n.chain {
			n.Problems = append(n.Problems, fmt.Sprintf("at seq %d it holds another state than %s", n.Seq, other.Name))
		}
	}
}
