package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meridian/cluster"
	"meridian/cluster/clustertest"
	"meridian/cluster/fault"
	"meridian/cluster/layout"
)

const (
	east = "us-east-1"
	west = "eu-west-1"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	os.Exit(m.Run())
}

func program(t *testing.T) cluster.Program {
	t.Helper()
	p, err := cluster.ThisProgram()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func options(t *testing.T) cluster.Options {
	t.Helper()
	port, err := clustertest.FreePort(3, 2)
	if err != nil {
		t.Fatal(err)
	}
	return cluster.Options{Regions: []string{east, west}, Nodes: 2, Port: port}
}

// prepare makes a cluster of two Regions with two nodes each; whatever runs of it is ended with the test.
func prepare(t *testing.T, o cluster.Options) *cluster.Cluster {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	c, err := cluster.Prepare(dir, o, program(t), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := cluster.Down(context.Background(), dir, t.Logf); err != nil {
			t.Error(err)
		}
	})
	return c
}

// up starts it and waits.
func up(t *testing.T, c *cluster.Cluster) cluster.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, c.Detach(ctx))
	must(t, c.AwaitReady(ctx))
	return status(t, c)
}

func status(t *testing.T, c *cluster.Cluster) cluster.Status {
	t.Helper()
	s, err := c.Status(t.Context())
	must(t, err)
	return s
}

func nodeOf(t *testing.T, s cluster.Status, name string) cluster.NodeStatus {
	t.Helper()
	for _, r := range s.Regions {
		for _, n := range r.Nodes {
			if n.Name == name {
				return n
			}
		}
	}
	t.Fatalf("no node %s in the status", name)
	return cluster.NodeStatus{}
}

func pids(s cluster.Status) (p []int) {
	for _, r := range s.Regions {
		for _, n := range r.Nodes {
			p = append(p, n.PID)
		}
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants requires an error of a kind that says something.
func wants(t *testing.T, err, kind error, says ...string) {
	t.Helper()
	if err == nil || kind != nil && !errors.Is(err, kind) {
		t.Errorf("error is %v, want %v", err, kind)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}

// eventually waits for what another process does.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatal("not in time: ", what)
		case <-tick.C:
		}
	}
}

func lives(pid int) bool { return cluster.StartOf(pid) != "" }

func TestLifeOfACluster(t *testing.T) {
	c := prepare(t, options(t))
	first := up(t, c)
	for _, r := range first.Regions {
		if r.Leader != r.Region+"/1" || r.Life != 1 {
			t.Errorf("%s: leader %q, life %d", r.Region, r.Leader, r.Life)
		}
		for _, n := range r.Nodes {
			if n.State != cluster.Running || !n.Ready || n.PID == 0 {
				t.Errorf("%+v", n)
			}
		}
	}
	file, err := layout.ReadCluster(c.Dir)
	must(t, err)
	for _, r := range file.Regions {
		if !r.Bootstrapped {
			t.Errorf("%s is not marked as bootstrapped", r.Name)
		}
	}

	again := up(t, c)
	if !slices.Equal(pids(first), pids(again)) || first.FrontPID != again.FrontPID || first.SupervisorPID != again.SupervisorPID {
		t.Errorf("up again changed processes: %v, then %v", first, again)
	}

	ran, err := cluster.Down(t.Context(), string(c.Dir), t.Logf)
	if must(t, err); !ran {
		t.Error("nothing ran")
	}
	for _, pid := range append(pids(first), first.FrontPID, first.SupervisorPID) {
		if lives(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	for _, r := range status(t, c).Regions {
		for _, n := range r.Nodes {
			if n.State != cluster.Stopped || n.PID != 0 {
				t.Errorf("after down: %+v", n)
			}
		}
	}
	if ran, err := cluster.Down(t.Context(), string(c.Dir), t.Logf); err != nil || ran {
		t.Errorf("down again: %v, %v", ran, err)
	}
	must(t, cluster.Purge(string(c.Dir)))
	if _, err := os.Stat(string(c.Dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after purge: %v", err)
	}
	must(t, os.MkdirAll(string(c.Dir), 0o755)) // for the last Down
	must(t, os.WriteFile(c.Dir.ClusterFile(), nil, 0o644))
}

func TestNodesOutliveTheSupervisor(t *testing.T) {
	c := prepare(t, options(t))
	before := up(t, c)
	must(t, syscall.Kill(before.SupervisorPID, syscall.SIGKILL))
	eventually(t, "the supervisor is gone", func() bool { return status(t, c).SupervisorPID == 0 })
	if s := status(t, c); !slices.Equal(pids(s), pids(before)) || s.FrontPID != before.FrontPID {
		t.Fatalf("processes went with their supervisor: %+v", s)
	}
	must(t, c.Kill(t.Context(), east+"/2")) // works without it

	after := up(t, c)
	if after.SupervisorPID == 0 || after.FrontPID != before.FrontPID {
		t.Errorf("not adopted: %+v", after)
	}
	for _, name := range []string{east + "/1", west + "/1", west + "/2"} {
		if nodeOf(t, after, name).PID != nodeOf(t, before, name).PID {
			t.Errorf("%s was started again", name)
		}
	}
	if nodeOf(t, after, east+"/2").PID == nodeOf(t, before, east+"/2").PID {
		t.Error("the node that was missing was not started")
	}
}

func TestOnlyTheFrontDoorIsStartedAgain(t *testing.T) {
	c := prepare(t, options(t))
	before := up(t, c)
	must(t, syscall.Kill(nodeOf(t, before, west+"/2").PID, syscall.SIGKILL))
	must(t, syscall.Kill(before.FrontPID, syscall.SIGKILL))
	eventually(t, "another front door", func() bool {
		pid := status(t, c).FrontPID
		return pid != 0 && pid != before.FrontPID
	})
	eventually(t, "the end is written down", func() bool {
		n := nodeOf(t, status(t, c), west+"/2")
		return n.State == cluster.Failed && n.ExitCode != nil && *n.ExitCode == 137
	})
	must(t, c.Start(t.Context(), west+"/2"))
	if n := nodeOf(t, status(t, c), west+"/2"); n.State != cluster.Running || n.ExitCode != nil || !n.Ready {
		t.Errorf("after start: %+v", n)
	}
}

func TestNodesAreKilledPausedAndStopped(t *testing.T) {
	c := prepare(t, options(t))
	before := up(t, c)
	is := func(name, state string) {
		t.Helper()
		if n := nodeOf(t, status(t, c), name); n.State != state {
			t.Errorf("%s is %s, want %s", name, n.State, state)
		}
	}
	resolve := func(target string, want ...string) {
		t.Helper()
		got, err := c.Resolve(t.Context(), target)
		if must(t, err); !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", target, got, want)
		}
	}
	resolve(east, east+"/1", east+"/2")
	resolve(east+"/2", east+"/2")
	resolve(east+"/leader", east+"/1")

	must(t, c.Pause(t.Context(), east+"/1"))
	is(east+"/1", cluster.Paused)
	resolve(east+"/leader", east+"/2")
	must(t, c.Resume(t.Context(), east+"/1"))
	is(east+"/1", cluster.Running)

	must(t, c.Kill(t.Context(), east+"/1"))
	is(east+"/1", cluster.Stopped)
	if err := c.Pause(t.Context(), east+"/1"); err == nil {
		t.Error("a node that does not run was paused")
	}
	wants(t, c.Resume(t.Context(), east+"/1"), nil, "start it")
	must(t, c.Kill(t.Context(), east+"/1")) // as it is
	must(t, c.Start(t.Context(), east+"/1"))
	must(t, c.Start(t.Context(), east+"/1"))
	is(east+"/1", cluster.Running)

	must(t, c.Pause(t.Context(), west+"/1")) // a paused node can be stopped in order
	must(t, c.Stop(t.Context(), west+"/1", west+"/2"))
	is(west+"/1", cluster.Stopped)
	is(west+"/2", cluster.Stopped)
	_, err := c.Resolve(t.Context(), west+"/leader")
	wants(t, err, nil, "no leader")
	must(t, c.Restart(t.Context(), west+"/1", west+"/2"))
	is(west+"/1", cluster.Running)
	if nodeOf(t, status(t, c), west+"/2").PID == nodeOf(t, before, west+"/2").PID {
		t.Error("restart left the process")
	}
	for _, target := range []string{"", "mars-1", east + "/3", "mars-1/leader", east + "/1/1"} {
		_, err := c.Resolve(t.Context(), target)
		wants(t, err, cluster.ErrUsage)
	}
}

func TestFaultsReachEveryLiveNode(t *testing.T) {
	c := prepare(t, options(t))
	up(t, c)
	must(t, c.Pause(t.Context(), east+"/1"))
	must(t, c.Kill(t.Context(), west+"/2"))
	cut := fault.Rule{Kind: fault.Partition, A: east, B: west}
	must(t, c.AddFault(t.Context(), cut))
	must(t, c.AddFault(t.Context(), fault.Rule{Kind: fault.Drop, A: east + "/1", B: west, P: 0.5}))

	rules, err := c.Faults()
	if must(t, err); len(rules) != 2 || rules[0] != cut {
		t.Errorf("rules are %v", rules)
	}
	lags, silent := c.Lag(t.Context())
	if len(silent) != 0 || len(lags) != 2 || lags[0].LinkUp || lags[0].PendingKeys != 1 {
		t.Errorf("lag is %+v, silent %v", lags, silent)
	}
	must(t, c.Resume(t.Context(), east+"/1")) // returns when it obeys
	must(t, c.Start(t.Context(), west+"/2"))  // read the file

	// Time enough for every leader to answer on a busy machine, not for a cut to heal.
	short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err = c.AwaitConverged(short)
	wants(t, err, cluster.ErrUnknown, "link down")
	must(t, c.Heal(t.Context(), west, east))
	if rules, err := c.Faults(); err != nil || len(rules) != 1 {
		t.Errorf("after healing one pair: %v, %v", rules, err)
	}
	must(t, c.Heal(t.Context(), "", ""))
	_, err = c.AwaitConverged(t.Context())
	must(t, err)

	wants(t, c.AddFault(t.Context(), fault.Rule{Kind: fault.Partition, A: east, B: "mars-1"}), cluster.ErrUsage, "mars-1", east)
	wants(t, c.AddFault(t.Context(), fault.Rule{Kind: fault.Drop, A: east, B: west}), cluster.ErrUsage, "probability")
}

func TestANodeThatEndsAtOnceIsExplained(t *testing.T) {
	c := prepare(t, options(t))
	must(t, os.WriteFile(filepath.Join(string(c.Dir.Node(east+"/2")), clustertest.Crash), nil, 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, c.Detach(ctx))
	wants(t, c.AwaitReady(ctx), nil, east+"/2 ended", "as it was told")
	eventually(t, "its code is known", func() bool {
		n := nodeOf(t, status(t, c), east+"/2")
		return n.State == cluster.Failed && n.ExitCode != nil && *n.ExitCode == clustertest.CrashCode
	})
}

func TestANodeThatNeverAnswersIsNotWaitedForForEver(t *testing.T) {
	c := prepare(t, options(t))
	must(t, os.WriteFile(filepath.Join(string(c.Dir.Node(east+"/2")), clustertest.Deaf), nil, 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	must(t, c.Detach(ctx))
	wants(t, c.AwaitReady(ctx), cluster.ErrUnknown, east+"/2")
}

// A pid file may name a process that is not the cluster's: the pid was given to another one, or the folder is a copy.
func TestAnotherProcessIsNeverTouched(t *testing.T) {
	c := prepare(t, options(t))
	name := east + "/1"
	other := exec.Command("sleep", "60")
	must(t, other.Start())
	defer func() { _ = other.Wait() }()
	defer func() { _ = other.Process.Kill() }()
	forge := func(start string) {
		b, _ := json.Marshal(map[string]any{"format": 1, "pid": other.Process.Pid, "start": start})
		must(t, os.WriteFile(c.Dir.Node(name).PID(), b, 0o644))
	}
	for _, start := range []string{"1", cluster.StartOf(other.Process.Pid)} {
		forge(start)
		if n := nodeOf(t, status(t, c), name); n.PID != 0 {
			t.Errorf("a process that started at %s is taken for the node", start)
		}
		must(t, c.Kill(t.Context(), name))
	}

	up(t, c) // and a copy of a running cluster's folder runs nothing
	copied := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(copied, os.DirFS(string(c.Dir))))
	ran, err := cluster.Down(t.Context(), copied, t.Logf)
	if must(t, err); ran {
		t.Error("down of a copy found processes")
	}
	if n := nodeOf(t, status(t, c), name); n.State != cluster.Running {
		t.Errorf("down of a copy hit the original: %+v", n)
	}
	if !lives(other.Process.Pid) {
		t.Error("another process was ended")
	}
}

func TestATakenPortIsNamedBeforeAnythingIsWritten(t *testing.T) {
	o := options(t)
	taken := layout.NodePort(o.Port, 2, 1) + layout.InternalOffset
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(taken))
	must(t, err)
	defer l.Close()
	parent := t.TempDir()
	_, err = cluster.Prepare(filepath.Join(parent, "data"), o, program(t), t.Logf)
	wants(t, err, nil, strconv.Itoa(taken), west+"/1", "ss -ltnp")
	if left, _ := os.ReadDir(parent); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}

	l.Close()
	c := prepare(t, o)
	l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(taken))
	must(t, err)
	defer l.Close()
	wants(t, c.Detach(t.Context()), nil, strconv.Itoa(taken))
	if s := status(t, c); s.SupervisorPID != 0 || slices.Max(pids(s)) != 0 {
		t.Errorf("started all the same: %+v", s)
	}
}

func TestAFolderThatIsNotOursOrDamagedIsLeftAlone(t *testing.T) {
	for name, content := range map[string]string{
		"notes.txt":    "mine",
		"cluster.json": `{"format":1,"clusterId":"x"`,
	} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
		_, err := cluster.Prepare(dir, options(t), program(t), t.Logf)
		wants(t, err, nil, dir)
		left, _ := os.ReadDir(dir)
		b, _ := os.ReadFile(filepath.Join(dir, name))
		if len(left) != 1 || string(b) != content {
			t.Errorf("%s: %q, %v", name, b, left)
		}
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "cluster.json"), []byte(`{"format":9}`), 0o644))
	_, err := cluster.Prepare(dir, options(t), program(t), t.Logf)
	wants(t, err, layout.ErrNewer)
	t.Run("what a newer program runs", func(t *testing.T) { refusesNewerProcesses(t) })

	mine := t.TempDir()
	must(t, os.WriteFile(filepath.Join(mine, "notes.txt"), nil, 0o644))
	wants(t, cluster.Purge(mine), nil, "not removed")
	_, err = cluster.Down(t.Context(), mine, t.Logf)
	wants(t, err, nil, "no cluster")
	if _, err := os.Stat(filepath.Join(mine, "notes.txt")); err != nil {
		t.Error(err)
	}
}

func TestUpAgainWithOtherWishes(t *testing.T) {
	o := options(t)
	c := prepare(t, o)
	again := func(change func(*cluster.Options)) error {
		next := o
		next.Regions = slices.Clone(o.Regions)
		change(&next)
		_, err := cluster.Prepare(string(c.Dir), next, program(t), t.Logf)
		return err
	}
	must(t, again(func(*cluster.Options) {}))
	wants(t, again(func(o *cluster.Options) { o.Port++ }), cluster.ErrUsage, "port")
	wants(t, again(func(o *cluster.Options) { o.Nodes++ }), cluster.ErrUsage, "nodes")
	wants(t, again(func(o *cluster.Options) { o.Regions = []string{east} }), cluster.ErrUsage, west)
	wants(t, again(func(o *cluster.Options) { o.Regions = append(o.Regions, "Mars") }), cluster.ErrUsage, "Mars")

	old, err := os.ReadFile(c.Dir.Node(east + "/1").RootKey())
	must(t, err)
	must(t, again(func(o *cluster.Options) { o.Regions = append(o.Regions, "ap-south-1") }))
	file, err := layout.ReadCluster(c.Dir)
	must(t, err)
	if r, ok := file.Region("ap-south-1"); !ok || r.Port != o.Port+30 || len(r.Nodes) != 2 || len(r.SigningKey) == 0 || r.NKey == "" {
		t.Errorf("the new Region is %+v", r)
	}
	if now, _ := os.ReadFile(c.Dir.Node(east + "/1").RootKey()); string(now) != string(old) {
		t.Error("a key of an old Region changed")
	}
	for _, f := range []string{"keystore", "root.key"} {
		info, err := os.Stat(filepath.Join(string(c.Dir.Node("ap-south-1/2")), f))
		if must(t, err); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, info.Mode())
		}
	}

	c, err = cluster.Open(string(c.Dir), program(t), t.Logf)
	must(t, err)
	up(t, c)
	wants(t, again(func(o *cluster.Options) { o.Regions = append(o.Regions, "ap-south-1", "sa-east-1") }), cluster.ErrUsage, "meridian down")
}

// refusesNewerProcesses: a supervisor or a front door that a newer program started is not taken for dead.
func refusesNewerProcesses(t *testing.T) {
	c := prepare(t, options(t))
	for _, path := range []string{c.Dir.SupervisorFile(), c.Dir.FrontPID()} {
		for i, want := range []error{nil, layout.ErrNewer} { // what down finds dead it removes; the newer file stays
			format := i + 1
			must(t, os.WriteFile(path, fmt.Appendf(nil, `{"format":%d,"pid":%d,"start":"of another form"}`, format, os.Getpid()), 0o644))
			_, opened := cluster.Open(string(c.Dir), c.Program, t.Logf)
			_, prepared := cluster.Prepare(string(c.Dir), cluster.Options{}, c.Program, t.Logf)
			_, down := cluster.Down(t.Context(), string(c.Dir), t.Logf)
			for what, err := range map[string]error{"opened": opened, "brought up": prepared, "brought down": down} {
				if !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), path) {
					t.Errorf("%s of format %d: %s: %v", path, format, what, err)
				}
			}
		}
		must(t, os.Remove(path))
	}
}
