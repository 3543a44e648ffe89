package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"meridian/cluster/clustertest"
	"meridian/cluster/layout"
)

const (
	east  = "us-east-1"
	west  = "eu-west-1"
	south = "ap-southeast-2"
	nodes = 3
)

func regions() []string { return []string{east, west, south} }

// cluster is a running cluster of processes.
type cluster struct {
	data string // its data folder
	port int    // of its front door
	slow bool   // commands have a lot to do
	by   string // program that runs commands, and so the nodes that they start; empty: the usual one
}

// common is the cluster that the tests share; nil until the first test needs it, and after one that broke it.
var common *cluster

// shared returns the common cluster.
func shared(t *testing.T) *cluster {
	t.Helper()
	if common == nil {
		c, err := start()
		if err != nil {
			t.Fatal(err)
		}
		common = c
	}
	c := common
	t.Cleanup(func() {
		if t.Failed() {
			c.explain(t)
		}
	})
	return c
}

// breakable returns the common cluster to a test that breaks it. In the end all faults are healed, all nodes
// run, and all Regions agree; otherwise the test fails and the cluster is thrown away.
func breakable(t *testing.T) *cluster {
	t.Helper()
	c := shared(t)
	t.Cleanup(func() {
		if err := c.mend(); err != nil {
			t.Errorf("mend the cluster after the test: %v", err)
			c.explain(t)
			c.purge()
			common = nil
		}
	})
	return c
}

func start() (*cluster, error) {
	data, err := os.MkdirTemp("", "meridian-e2e-data-")
	if err != nil {
		return nil, err
	}
	port, err := clustertest.FreePort(len(regions()), nodes)
	if err != nil {
		return nil, err
	}
	c := &cluster{data: filepath.Join(data, "cluster"), port: port}
	if _, err := c.up(); err != nil {
		c.purge()
		return nil, err
	}
	return c, nil
}

func (c *cluster) up() (string, error) {
	return c.run("up", "--detach", "--port", strconv.Itoa(c.port), "--regions", strings.Join(regions(), ","), "--nodes", strconv.Itoa(nodes))
}

// purge stops everything and removes the data.
func (c *cluster) purge() {
	if _, err := c.run("down", "--purge"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.RemoveAll(filepath.Dir(c.data))
}

// run runs a command of the program on this cluster and returns what it wrote to stdout.
func (c *cluster) run(args ...string) (string, error) {
	patience := 90 * time.Second
	switch {
	case c.slow:
		patience = 15 * time.Minute
	case args[0] == "scenario": // its waits are bounded, and what it broke is mended only when it ends
		patience = 6 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, cmp.Or(c.by, program), append(args, "--data", c.data)...)
	cmd.Env = cleanEnv()
	var out, progress bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &progress
	// A process that the command leaves behind must not hold its outputs: $(meridian up --detach) would hang.
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("meridian %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), progress.String())
	}
	return out.String(), nil
}

// cleanEnv is the environment without what would change where AWS clients go.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "MERIDIAN_")
	})
}

// do is run where failure fails the test.
func (c *cluster) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *cluster) mend() error {
	if _, err := c.up(); err != nil { // a test may have ended between down and up
		return err
	}
	for _, undo := range [][]string{{"heal"}, {"sync", "resume"}} {
		if _, err := c.run(undo...); err != nil {
			return err
		}
	}
	for _, r := range regions() {
		if _, err := c.run("start", r); err != nil {
			return err
		}
	}
	_, err := c.run("lag", "--wait-converged", "--timeout", "60s")
	return err
}

// explain logs what helps to understand a failure.
func (c *cluster) explain(t *testing.T) {
	status, _ := c.run("status")
	t.Logf("status:\n%s", status)
	faults, _ := c.run("faults")
	t.Logf("faults:\n%s", faults)
	for _, r := range regions() {
		for n := 1; n <= nodes; n++ {
			name := layout.NodeName(r, n)
			text, err := os.ReadFile(layout.Dir(c.data).Node(name).Log())
			if err != nil {
				continue
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			t.Logf("log of %s:\n%s", name, strings.Join(lines[max(0, len(lines)-15):], "\n"))
		}
	}
}

// regionStatus and nodeStatus are what `status -o json` says.
type regionStatus struct {
	Region   string       `json:"region"`
	Endpoint string       `json:"endpoint"`
	Leader   string       `json:"leader"`
	Level    uint32       `json:"featureLevel"`
	Nodes    []nodeStatus `json:"nodes"`
}

type nodeStatus struct {
	Name  string `json:"name"`
	PID   int    `json:"pid"`
	State string `json:"state"`
	Role  string `json:"role"`
	Ready bool   `json:"ready"`
	Seq   uint64 `json:"seq"`
	Knows uint32 `json:"knownLevel"`
}

func (c *cluster) status(t *testing.T) []regionStatus {
	t.Helper()
	var s struct {
		Regions []regionStatus `json:"regions"`
	}
	parse(t, c.do(t, "status", "-o", "json"), &s)
	if len(s.Regions) != len(regions()) {
		t.Fatalf("status tells of %d Regions, want %d", len(s.Regions), len(regions()))
	}
	return s.Regions
}

// leader returns the name of a Region's leader, once it has one.
func (c *cluster) leader(t *testing.T, region string) string {
	t.Helper()
	name := ""
	eventually(t, 20*time.Second, region+" has a leader", func() error {
		for _, r := range c.status(t) {
			if r.Region == region {
				name = r.Leader
			}
		}
		if name == "" {
			return fmt.Errorf("no leader")
		}
		return nil
	})
	return name
}

// verify has every node's log replayed and its state compared, and what the Regions did judged.
func (c *cluster) verify(t *testing.T) {
	t.Helper()
	var report struct {
		OK    bool `json:"ok"`
		Nodes []struct {
			Name     string   `json:"name"`
			Seq      uint64   `json:"seq"`
			ChainOK  bool     `json:"chainOk"`
			Problems []string `json:"problems"`
		} `json:"nodes"`
	}
	parse(t, c.do(t, "verify", "-o", "json"), &report)
	if want := len(regions()) * nodes; !report.OK || len(report.Nodes) != want {
		t.Errorf("verify: ok %v, %d nodes of %d: %+v", report.OK, len(report.Nodes), want, report.Nodes)
	}
	for _, n := range report.Nodes {
		if !n.ChainOK || len(n.Problems) > 0 || n.Seq == 0 {
			t.Errorf("verify %s: %+v", n.Name, n)
		}
	}
	var audit struct {
		OK       bool              `json:"ok"`
		Seqs     map[string]uint64 `json:"seqs"`
		Open     int               `json:"open"`
		Findings []json.RawMessage `json:"findings"`
	}
	parse(t, c.do(t, "verify", "--invariants", "-o", "json"), &audit)
	if !audit.OK || len(audit.Seqs) != len(regions()) || audit.Open > 0 {
		t.Errorf("verify --invariants: %+v: %s", audit, audit.Findings)
	}
}

func parse(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("not the JSON that was promised: %v\n%s", err, text)
	}
}

// door is the address of the front door; endpoint that of a Region; node that of one node, all host:port.
func (c *cluster) door() string { return address(c.port) }

func (c *cluster) endpoint(region string) string {
	return address(layout.RegionPort(c.port, 1+slices.Index(regions(), region)))
}

func (c *cluster) node(region string, n int) string {
	return address(layout.NodePort(c.port, 1+slices.Index(regions(), region), n))
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// eventually waits until a condition holds, and fails the test with its last objection if it does not in time.
func eventually(t *testing.T, within time.Duration, what string, holds func() error) {
	t.Helper()
	deadline := time.After(within)
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: not within %v: %v", what, within, err)
		case <-tick.C:
		}
	}
}
