package chaos

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/cluster"
	"meridian/cluster/clustertest"
	"meridian/cluster/history"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	os.Exit(m.Run())
}

// played starts a cluster of played nodes.
func played(t *testing.T) *cluster.Cluster {
	t.Helper()
	p, err := cluster.ThisProgram()
	if err != nil {
		t.Fatal(err)
	}
	port, err := clustertest.FreePort(2, 3)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "c")
	c, err := cluster.Prepare(dir, cluster.Options{Regions: []string{"us-east-1", "eu-west-1"}, Nodes: 3, Port: port}, p, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := cluster.Down(context.Background(), dir, t.Logf); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Detach(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFaultsEnd plays faults of many kinds, and breaks off a run in the middle of others: each is in the report with
// the nodes that it met, and nothing is left in force.
func TestFaultsEnd(t *testing.T) {
	c := played(t)
	for _, run := range []struct {
		name, faults string
		breakOff     bool
	}{
		{"to the end", `
0s    kill us-east-1/leader for 50ms
0s    pause eu-west-1/majority for 50ms
0s    cut us-east-1 eu-west-1 for 50ms
10ms  isolate us-east-1/2 for 50ms
10ms  swizzle for 60ms
10ms  wipe-broker for 50ms
20ms  delay us-east-1/leader us-east-1 by 20ms for 50ms
20ms  one-way us-east-1 eu-west-1 for 50ms
30ms  add us-east-1 for 50ms
40ms  remove eu-west-1/leader for 50ms
`, false},
		{"broken off", "0s kill us-east-1 for 1h\n0s pause eu-west-1/leader for 1h\n0s cut us-east-1 eu-west-1 for 1h\n1h wipe-broker for 1s\n", true},
	} {
		t.Run(run.name, func(t *testing.T) {
			s, err := ParseSchedule(run.faults)
			if err != nil {
				t.Fatal(err)
			}
			var calls bytes.Buffer
			rec, err := history.NewRecorder(&calls, history.Header{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if run.breakOff {
				go func() { // when all three are in force
					for rules := 0; rules == 0; {
						found, err := c.Faults()
						if err != nil {
							break
						}
						if rules = len(found); rules == 0 {
							sleep(ctx, 10*time.Millisecond)
						}
					}
					cancel()
				}()
			}
			applied := newNemesis(c, rec, t.Logf).play(ctx, s)
			if !run.breakOff && len(applied) != len(s) {
				t.Errorf("%d of %d faults in the report", len(applied), len(s))
			}
			for _, a := range applied {
				if a.Error != "" || a.End < a.Begin || len(a.Nodes) < len(a.Fault.Places) || slices.Contains(a.Nodes, "us-east-1/leader") {
					t.Errorf("%+v", a)
				}
			}
			if err := rec.Close(); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(calls.String(), `"ended: `); got != len(applied) {
				t.Errorf("the history marks the end of %d of %d faults", got, len(applied))
			}
			now, err := c.Status(t.Context())
			if err != nil || len(now.Faults) > 0 {
				t.Errorf("left in force: %v %v", now.Faults, err)
			}
			for _, r := range now.Regions {
				if len(r.Nodes) != 3 {
					t.Errorf("%s has %d nodes", r.Region, len(r.Nodes))
				}
				for _, n := range r.Nodes {
					if n.State != cluster.Running {
						t.Errorf("node %s is %s", n.Name, n.State)
					}
				}
			}
		})
	}
}

// TestSilence finds the longest time between a Region's first and last sample without a leader.
func TestSilence(t *testing.T) {
	us, eu := []string{"us"}, []string{"eu"}
	got := silence([]Sample{{At: 0, Silent: us}, {At: 1e9}, {At: 2e9, Silent: us}, {At: 4e9, Silent: append(us, eu...)}, {At: 5e9, Silent: eu}})
	if got["us"] != 3*time.Second || got["eu"] != time.Second {
		t.Errorf("%v", got)
	}
}

// TestSleepEndsWithItsContext waits no longer than it is asked to.
func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		sleep(ctx, time.Hour)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("slept for %s", took)
		}
	})
}
