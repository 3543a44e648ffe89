package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"meridian/keyengine/arn"
)

// maxFile bounds the files of this package in bytes.
const maxFile = 1 << 20

// ErrNewer is the error of a file that a newer program wrote.
var ErrNewer = errors.New("written by a newer version of meridian: use that one, nothing was changed")

// ReadCluster reads and checks cluster.json. Without the file the error is fs.ErrNotExist, wrapped.
func ReadCluster(d Dir) (*Cluster, error) {
	c := new(Cluster)
	if err := readFile(d.ClusterFile(), c); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", d.ClusterFile(), err)
	}
	return c, nil
}

// WriteCluster writes cluster.json.
func WriteCluster(d Dir, c *Cluster) error {
	if err := c.Validate(); err != nil {
		return err
	}
	return WriteFile(d.ClusterFile(), c, 0o644)
}

// ReadNode reads a node's node.json.
func ReadNode(d NodeDir) (NodeFile, error) {
	var f NodeFile
	err := readFile(d.NodeFile(), &f)
	return f, err
}

// WriteNode writes a node's node.json.
func WriteNode(d NodeDir, f NodeFile) error { return WriteFile(d.NodeFile(), f, 0o644) }

// ReadAdmin reads a node's admin.json.
func ReadAdmin(d NodeDir) (AdminFile, error) {
	var f AdminFile
	err := readFile(d.Admin(), &f)
	return f, err
}

// WriteFile writes v as JSON by rename: the file is there whole, or as it was.
func WriteFile(path string, v any, mode os.FileMode) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already if all went well
	_, err = temp.Write(append(b, '\n'))
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// Load reads a file of at most so many bytes with a parser that trusts nothing. A file that does not exist is what
// absent says. Errors name the file.
func Load[T any](path string, atMost int, absent T, parse func([]byte) (T, error)) (T, error) {
	b, err := readBounded(path, atMost)
	if errors.Is(err, fs.ErrNotExist) {
		return absent, nil
	}
	var none T
	if err != nil {
		return none, err
	}
	v, err := parse(b)
	if err != nil {
		return none, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// readFile reads a bounded JSON file with a format that this program knows.
func readFile(path string, v any) error {
	b, err := readBounded(path, maxFile)
	if err != nil {
		return err
	}
	return decode(path, b, v)
}

// readBounded reads a whole file, if it is not too long.
func readBounded(path string, atMost int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(atMost)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > atMost {
		return nil, fmt.Errorf("%s is damaged: more than %d bytes", path, atMost)
	}
	return b, nil
}

func decode(path string, b []byte, v any) error {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	if err := CheckFormat(path, head.Format, Format); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

// CheckRegion says what is wrong with the name of a Region, which is part of paths and host names.
func CheckRegion(name string) error {
	if !arn.ValidRegion(name) {
		return fmt.Errorf("%q is not the name of a Region, such as us-east-1", name)
	}
	return nil
}

// CheckTransport refuses what is no transport between Regions; empty is the usual one.
func CheckTransport(t string) error {
	switch t {
	case "", TransportAuto, TransportHTTP:
		return nil
	}
	return fmt.Errorf("transport %.20q is neither %s nor %s", t, TransportAuto, TransportHTTP)
}

// Validate says what is wrong with cluster.json: nothing in it may lead out of the folder or contradict the rest.
func (c *Cluster) Validate() error {
	if c.Format != Format {
		return fmt.Errorf("format %d, want %d", c.Format, Format)
	}
	if c.ID == "" || c.Host == "" {
		return errors.New("no cluster id or no host")
	}
	if len(c.Regions) < 1 || len(c.Regions) > MaxRegions {
		return fmt.Errorf("%d Regions, want 1 to %d", len(c.Regions), MaxRegions)
	}
	if err := CheckPort(c.Port); err != nil {
		return err
	}
	if err := CheckTransport(c.Transport); err != nil {
		return err
	}
	if c.ClockOffsetSeconds < 0 {
		return fmt.Errorf("clock offset %d s: time does not go back", c.ClockOffsetSeconds)
	}
	seen := make(map[string]bool)
	for i, r := range c.Regions {
		if err := CheckRegion(r.Name); err != nil {
			return err
		}
		if seen[r.Name] {
			return fmt.Errorf("Region %s twice", r.Name)
		}
		seen[r.Name] = true
		if err := r.validateNodes(); err != nil {
			return fmt.Errorf("Region %d: %w", i+1, err)
		}
	}
	return nil
}

// validateNodes looks at the nodes of a Region: their numbers grow, and may have gaps where nodes were removed.
func (r *Region) validateNodes() error {
	if len(r.Nodes) < 1 || len(r.Nodes) > MaxNodes {
		return fmt.Errorf("%s has %d nodes, want 1 to %d", r.Name, len(r.Nodes), MaxNodes)
	}
	if len(r.Voters()) == 0 {
		return fmt.Errorf("%s has read replicas alone", r.Name)
	}
	last := 0
	for i, node := range r.Nodes {
		n := NodeNumber(node.Name)
		if n <= last || node.Name != NodeName(r.Name, n) || node.ID == "" {
			return fmt.Errorf("node %d is called %q", i+1, node.Name)
		}
		last = n
		for _, addr := range []string{node.KMS, node.Internal, node.NATS} {
			if _, _, err := net.SplitHostPort(addr); err != nil {
				return fmt.Errorf("node %s: %w", node.Name, err)
			}
		}
	}
	return nil
}

// CheckPort says whether all ports of the largest cluster fit above a front door's port.
func CheckPort(port int) error {
	if last := 65535 - NATSOffset - 10*MaxRegions - MaxNodes; port < 1 || port > last {
		return fmt.Errorf("port %d is not between 1 and %d: a cluster needs ports above it", port, last)
	}
	return nil
}

// Addr is host:port.
func (c *Cluster) Addr(port int) string { return net.JoinHostPort(c.Host, strconv.Itoa(port)) }

// Region returns a Region by its name.
func (c *Cluster) Region(name string) (*Region, bool) {
	i := slices.IndexFunc(c.Regions, func(r Region) bool { return r.Name == name })
	if i < 0 {
		return nil, false
	}
	return &c.Regions[i], true
}

// Node returns a node by its name.
func (c *Cluster) Node(name string) (*Node, bool) {
	r, ok := c.Region(RegionOf(name))
	if !ok {
		return nil, false
	}
	i := slices.IndexFunc(r.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return nil, false
	}
	return &r.Nodes[i], true
}

// Names returns the names of all Regions, in order.
func (c *Cluster) Names() []string {
	names := make([]string, len(c.Regions))
	for i, r := range c.Regions {
		names[i] = r.Name
	}
	return names
}

// RegionOf returns the Region in the name of a node.
func RegionOf(node string) string {
	region, _, _ := strings.Cut(node, "/")
	return region
}

// KnownFormat refuses a JSON file that a newer program wrote. One that is not there, or is no such file, says nothing, and
// nobody goes by it.
func KnownFormat(path string) error {
	var head struct {
		Format int `json:"format"`
	}
	b, err := readBounded(path, maxFile)
	if err != nil || json.Unmarshal(b, &head) != nil || head.Format <= Format {
		return nil
	}
	return CheckFormat(path, head.Format, Format)
}

// CheckFormat refuses a file, or what else has a format, that a program does not know: found is its format, known the
// newest one of the program.
func CheckFormat(what string, found, known int) error {
	switch {
	case found > known:
		return fmt.Errorf("%s has format %d, this program knows up to %d: %w", what, found, known, ErrNewer)
	case found < 1:
		return fmt.Errorf("%s is damaged: it has no format", what)
	}
	return nil
}
