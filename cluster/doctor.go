package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"meridian/cluster/layout"
	"meridian/region/node"
)

// Grades of a Finding.
const (
	Good    = "ok"
	Warning = "warning" // something may surprise
	Bad     = "bad"     // something will not work
)

// Finding is what Diagnose says about one thing.
type Finding struct {
	Grade string `json:"grade"`
	About string `json:"about"`
	Says  string `json:"says"`
}

// Diagnose looks for what commonly goes wrong, in a folder with a cluster or without one. Env tells the values of
// environment variables. It changes nothing.
func Diagnose(ctx context.Context, dir string, env func(string) string) []Finding {
	d, err := absolute(dir)
	if err != nil {
		return []Finding{{Bad, "folder", err.Error()}}
	}
	findings := programs()
	file, err := layout.ReadCluster(d)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		file, err = plan(Options{})
		findings = append(findings, Finding{Good, "folder", fmt.Sprintf("no cluster in %s yet", d)})
	case err == nil:
		findings = append(findings, Finding{Good, "folder", fmt.Sprintf("%s holds cluster %s", d, file.ID)})
	}
	if err != nil {
		return append(findings, Finding{Bad, "folder", err.Error()})
	}
	c := &Cluster{Dir: d, File: file, Note: func(string, ...any) {}}
	findings = append(findings, c.portFindings())
	findings = append(findings, c.processFindings(ctx)...)
	findings = append(findings, c.environment(env)...)
	return append(findings, c.clockFinding())
}

func programs() (f []Finding) {
	for _, p := range []struct{ name, without string }{
		{"aws", "the AWS CLI is not installed: examples that use it do not work here"},
		{"go", "Go is not installed: scripts/cluster.sh cannot build the program"},
	} {
		if path, err := exec.LookPath(p.name); err == nil {
			f = append(f, Finding{Good, p.name, path})
		} else {
			f = append(f, Finding{Warning, p.name, p.without})
		}
	}
	return f
}

func (c *Cluster) portFindings() Finding {
	ports := c.idlePorts()
	if err := c.checkPorts(ports); err != nil {
		return Finding{Bad, "ports", err.Error()}
	}
	if len(ports) == 0 {
		return Finding{Good, "ports", "all held by this cluster"}
	}
	return Finding{Good, "ports", fmt.Sprintf("%d free from %d on", len(ports), c.File.Port)}
}

func (c *Cluster) processFindings(ctx context.Context) (f []Finding) {
	live := 0
	for _, name := range c.nodes() {
		r := c.node(name)
		p, ok := r.find()
		switch {
		case ok && p.paused:
			f = append(f, Finding{Warning, "node " + name, "paused: `meridian resume " + name + "`"})
		case ok:
			live++
			if _, err := c.status(ctx, name); err != nil {
				f = append(f, Finding{Bad, "node " + name, fmt.Sprintf("runs as process %d but its admin socket does not answer: %v", p.pid, err)})
			}
		case r.holder() != 0:
			if says := c.whyEnded(name, r.holder()); says != "" {
				f = append(f, Finding{Bad, "node " + name, says})
				continue
			}
			f = append(f, Finding{Warning, "node " + name, fmt.Sprintf("ended by itself (process %d); see `meridian logs %s`, then `meridian start %s`", r.holder(), name, name)})
		}
	}
	f = append(f, Finding{Good, "nodes", fmt.Sprintf("%d of %d run", live, len(c.nodes()))})
	if live > 0 && !c.Supervised() {
		f = append(f, Finding{Warning, "supervisor", "none, though nodes run: the front door is not started again if it ends; `meridian up --detach` adopts them"})
	}
	return f
}

// whyEnded explains the exit codes with which a node says that it is not to be trusted; empty: another one.
func (c *Cluster) whyEnded(name string, pid int) string {
	code, _ := c.exitCode(name, pid)
	switch code {
	case node.ExitFatal:
		return fmt.Sprintf("stopped because its files could not be read or written; see `meridian logs %s`. With a sound disk that has room, `meridian start %s`; if it stops again, `meridian replace %s`", name, name, name)
	case node.ExitOutdated:
		return "stopped because its program is too old for its Region's log: start it with the program that the Region's other nodes run"
	case node.ExitDiverged:
		return fmt.Sprintf("stopped because its state differs from its leader's: `meridian verify` says which node left the log's way, `meridian replace %s` makes this one anew", name)
	}
	return ""
}

// environment finds variables that lead AWS clients past the profiles of aws-config. Any endpoint in the environment
// beats the one of a profile.
func (c *Cluster) environment(env func(string) string) (f []Finding) {
	door := "http://" + c.File.Addr(c.File.Port)
	if v := env("AWS_ENDPOINT_URL"); v != "" {
		f = append(f, Finding{Warning, "AWS_ENDPOINT_URL", fmt.Sprintf("is %s and defeats the profiles of `meridian aws-config` for every service: unset it", v)})
	}
	if v := env("AWS_ENDPOINT_URL_KMS"); v != "" && strings.TrimSuffix(v, "/") != door {
		f = append(f, Finding{Warning, "AWS_ENDPOINT_URL_KMS", fmt.Sprintf("is %s, not this cluster's %s: it defeats the profiles too; unset it or take `meridian env`", v, door)})
	}
	if v := env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"); strings.EqualFold(v, "true") {
		f = append(f, Finding{Warning, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "is true: clients ignore every endpoint that is configured and call AWS itself; unset it"})
	}
	if env("AWS_SESSION_TOKEN") != "" {
		f = append(f, Finding{Warning, "AWS_SESSION_TOKEN", "is set: clients send it beside the credentials of `meridian env`, which have none; unset it"})
	}
	proxy, none := env("HTTP_PROXY")+env("http_proxy"), env("NO_PROXY")+env("no_proxy")
	if proxy != "" && none != "*" && !strings.Contains(none, c.File.Host) {
		f = append(f, Finding{Warning, "HTTP_PROXY", "is set: some clients, the AWS CLI among them, ask the proxy for " + c.File.Host + " too; add that to NO_PROXY"})
	}
	if len(f) == 0 {
		f = append(f, Finding{Good, "environment", "nothing leads AWS clients elsewhere"})
	}
	return f
}

// clockFinding looks for a clock that went back: signatures and deletion dates are bound to it.
func (c *Cluster) clockFinding() Finding {
	now := time.Now()
	info, err := os.Stat(c.Dir.ClusterFile())
	if err == nil && info.ModTime().After(now.Add(time.Minute)) {
		return Finding{Bad, "clock", fmt.Sprintf("says %s, but the cluster was written at %s: the clock went back", now.UTC().Format(time.RFC3339), info.ModTime().UTC().Format(time.RFC3339))}
	}
	return Finding{Good, "clock", now.UTC().Format(time.RFC3339)}
}
