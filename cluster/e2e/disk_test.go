package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDiskFails lets the calls of a leader's process to its disk fail, come late, or be left out while they report
// success. On an error the node ends with its own exit code and the Region goes on; with a sound disk it comes back
// with everything, and where the disk is not trusted any more, a new member does in its place.
func TestDiskFails(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
	c := breakable(t)
	for _, f := range []struct{ what, calls, inject, cure string }{
		{"a failed sync", "fsync,fdatasync", ":error=EIO", "start"},
		{"a failed write", "pwrite64", ":error=EIO", "replace"},
		{"a full disk", "pwrite64", ":error=ENOSPC", "start"},
		{"slow syncs", "fsync,fdatasync", ":delay_enter=100000", "start"},
		{"lying syncs", "fsync,fdatasync", ":retval=0", "start"},
	} {
		sound := t.Run(f.what, func(t *testing.T) {
			victim := c.leader(t, west)
			was, before := idOf(t, c, victim), createKey(t, c.patient(west), false)
			detach := injected(t, c.pidOf(t, victim), f.calls, f.inject)
			during := createKey(t, c.patient(west), false) // if need be from the next leader
			if strings.Contains(f.inject, "error") {
				eventually(t, 20*time.Second, victim+" ends with code 3", func() error { return c.endedWith(victim, 3, "storage") })
				detach()
			} else {
				detach()
				c.do(t, "kill", victim)
			}
			c.do(t, f.cure, victim)
			if is := idOf(t, c, victim); (is != was) != (f.cure == "replace") {
				t.Errorf("after %s %s is %s, it was %s", f.cure, victim, is, was)
			}
			n, err := strconv.Atoi(victim[strings.IndexByte(victim, '/')+1:])
			ok(t, err)
			for _, key := range []string{before, during} {
				if _, err := describe(t, c.clientAt(west, c.node(west, n), 15), key); err != nil {
					t.Errorf("key %s at %s after it came back: %v", key, victim, err)
				}
			}
		})
		if !sound {
			break // a node may be missing: what came next would say nothing of its own
		}
	}
	c.verify(t)
}

func (c *cluster) pidOf(t *testing.T, name string) int {
	t.Helper()
	for _, r := range c.status(t) {
		for _, n := range r.Nodes {
			if n.Name == name && n.PID > 0 {
				return n.PID
			}
		}
	}
	t.Fatalf("%s does not run", name)
	return 0
}

// injected attaches strace to a process and returns once it holds all its threads.
func injected(t *testing.T, pid int, calls, inject string) (detach func()) {
	t.Helper()
	cmd := exec.Command("strace", "-f", "-o", os.DevNull, "-e", "trace="+calls, "-e", "inject="+calls+inject, "-p", strconv.Itoa(pid))
	says, err := cmd.StderrPipe()
	ok(t, err)
	ok(t, cmd.Start())
	detach = func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended with the process that it watched
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(says).ReadString('\n')
	if err != nil || !strings.Contains(line, "attached") {
		detach()
		t.Skipf("strace cannot attach here: %s", strings.TrimSpace(line))
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return detach
}

// endedWith returns an error unless a node is down with that code and reason.
func (c *cluster) endedWith(name string, code int, reason string) error {
	var s struct {
		Regions []struct {
			Nodes []struct {
				Name       string `json:"name"`
				State      string `json:"state"`
				ExitCode   *int   `json:"exitCode"`
				ExitReason string `json:"exitReason"`
			} `json:"nodes"`
		} `json:"regions"`
	}
	text, err := c.run("status", "-o", "json")
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	if err != nil {
		return err
	}
	for _, r := range s.Regions {
		for _, n := range r.Nodes {
			if n.Name != name {
				continue
			}
			if n.ExitCode == nil || *n.ExitCode != code || n.ExitReason != reason {
				return fmt.Errorf("%s is %s", name, n.State)
			}
			return nil
		}
	}
	return fmt.Errorf("no node %s", name)
}
