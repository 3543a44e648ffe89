package cluster

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

func TestWhoFitsARole(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	link := filepath.Join(other, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	node := nodeRole(layout.Dir(dir), "us-east-1/1")
	if err := os.MkdirAll(filepath.Join(other, DefaultFolder), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		role role
		args []string
		cwd  string
		fits bool
	}{
		{"as it is started", node, []string{"meridian", "node", "--name", "us-east-1/1", "--data", dir}, "/", true},
		{"with equal signs", node, []string{"meridian", "node", "--name=us-east-1/1", "--data=" + dir}, "/", true},
		{"over a link", node, []string{"meridian", "node", "--name", "us-east-1/1", "--data", link}, "/", true},
		{"from its folder", node, []string{"meridian", "node", "--name", "us-east-1/1", "--data", "."}, dir, true},
		{"another folder", node, []string{"meridian", "node", "--name", "us-east-1/1", "--data", other}, "/", false},
		{"another node", node, []string{"meridian", "node", "--name", "us-east-1/2", "--data", dir}, "/", false},
		{"another role", node, []string{"meridian", "front", "--data", dir}, "/", false},
		{"another program", node, []string{"sleep", "60"}, "/", false},
		{"the folder at the end of the line", node, []string{"meridian", "node", "--data"}, "/", false},
		{"front door", frontRole(layout.Dir(dir)), []string{"meridian", "front", "--data", dir}, "/", true},
		{"supervisor behind", supervisorRole(layout.Dir(dir)), []string{"meridian", "supervise", "--data", dir}, "/", true},
		{"supervisor before", supervisorRole(layout.Dir(dir)), []string{"meridian", "up", "--data", dir}, "/", true},
		{"the folder by default", supervisorRole(layout.Dir(filepath.Join(other, DefaultFolder))), []string{"meridian", "up"}, other, true},
	} {
		if got := tc.role.fits(sighting{Args: tc.args, Dir: tc.cwd}); got != tc.fits {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// A process may end before its pid file is written: it counts as one that was started and ended.
func TestAProcessThatEndedAtOnce(t *testing.T) {
	short := exec.Command("true")
	if err := short.Start(); err != nil {
		t.Fatal(err)
	}
	pid := short.Process.Pid
	if !poll(10*time.Second, func() bool { _, lives := look(pid); return !lives }) {
		t.Fatal("it does not end")
	}
	d := layout.Dir(t.TempDir())
	r := nodeRole(d, "us-east-1/1")
	if err := errors.Join(os.MkdirAll(string(d.Node("us-east-1/1")), 0o755), r.claim(pid)); err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Dir: d}
	if _, lives := r.find(); lives || !c.ended("us-east-1/1") {
		t.Errorf("it lives: %v, it ended: %v", lives, c.ended("us-east-1/1"))
	}
	_ = short.Wait()
}

func TestLogsAreMergedByTime(t *testing.T) {
	c := &Cluster{Dir: layout.Dir(t.TempDir())}
	write := func(name, text string) {
		d := c.Dir.Node(name)
		if err := errors.Join(os.MkdirAll(string(d), 0o755), os.WriteFile(d.Log(), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("us-east-1/1", "time=2026-01-01T00:00:01.5Z level=INFO msg=b\ngoroutine 1:\ntime=2026-01-01T00:00:03Z msg=d\nhalf a line")
	write("us-east-1/2", "time=2026-01-01T00:00:01.25Z msg=a\n2026-01-01T01:00:02+01:00 c\n"+strings.Repeat("x", maxLine+5)+"\n")
	var got []string
	err := c.Logs(t.Context(), []string{"us-east-1/1", "us-east-1/2", "us-east-1/3"}, 0, false, func(l Line) error {
		got = append(got, l.Node[len(l.Node)-1:]+l.Text[max(0, len(l.Text)-1):])
		return nil
	})
	// b's stack stays with b; a line too long for the buffer is cut.
	want := []string{"2a", "1b", "1:", "2c", "2x", "2x", "1d"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if got := tail(c.Dir.Node("us-east-1/1").Log(), 1); got != "  time=2026-01-01T00:00:03Z msg=d" {
		t.Errorf("tail is %q", got)
	}
}

func TestTheLeaderOfTheGreatestTermCounts(t *testing.T) {
	name, term := leaderOf(map[string]control.Status{
		"a": {Name: "a", Role: control.Leader, Term: 3}, // paused for a while
		"b": {Name: "b", Role: control.Leader, Term: 5},
		"c": {Name: "c", Role: control.Follower, Term: 6, Leader: "d"},
	})
	if name != "b" || term != 5 {
		t.Errorf("%s in term %d", name, term)
	}
	if name, _ := leaderOf(nil); name != "" {
		t.Errorf("nobody, but %s leads", name)
	}
}

func TestNodesOfARegionAreCompared(t *testing.T) {
	nodes := []NodeVerification{
		{Name: "r-1/1", Seq: 7, Stored: "a", chain: "x"},
		{Name: "r-1/2", Seq: 7, Stored: "a", chain: "x"},
		{Name: "r-1/3", Seq: 6, Stored: "b", chain: "y"}, // behind, not different
		{Name: "r-1/4", Seq: 7, Stored: "b", chain: "x"},
		{Name: "r-1/5", Seq: 7, Stored: "a", chain: "y"},
		{Name: "r-2/1", Seq: 7, Stored: "c", chain: "z"},
	}
	compare(nodes)
	for i, bad := range []bool{false, false, false, true, true, false} {
		if got := len(nodes[i].Problems) > 0; got != bad {
			t.Errorf("%s: %v", nodes[i].Name, nodes[i].Problems)
		}
	}
}

func TestAWSConfigNamesEachEndpoint(t *testing.T) {
	file, err := plan(Options{Regions: []string{"us-east-1", "eu-west-1"}, Port: 4600})
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{File: file}
	const want = `[profile kms-us-east-1]
region = us-east-1
services = kms-us-east-1
aws_access_key_id = test
aws_secret_access_key = test

[services kms-us-east-1]
kms =
  endpoint_url = http://127.0.0.1:4610
sts =
  endpoint_url = http://127.0.0.1:4610

[profile kms-eu-west-1]
region = eu-west-1
services = kms-eu-west-1
aws_access_key_id = test
aws_secret_access_key = test

[services kms-eu-west-1]
kms =
  endpoint_url = http://127.0.0.1:4620
sts =
  endpoint_url = http://127.0.0.1:4620
`
	if got := c.AWSConfig(); got != want {
		t.Errorf("profiles are\n%s", got)
	}
}

func TestTheDoctorFindsWhatDefeatsProfiles(t *testing.T) {
	for _, tc := range []struct {
		name, value string
		found       bool
	}{
		{"AWS_ENDPOINT_URL", "http://127.0.0.1:4566", true},
		{"AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1", true},
		{"AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:4566/", false},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE", true},
		{"AWS_SESSION_TOKEN", "x", true},
		{"HTTP_PROXY", "http://proxy", true},
	} {
		env := func(name string) string {
			if name == tc.name {
				return tc.value
			}
			return ""
		}
		found := false
		for _, f := range Diagnose(t.Context(), filepath.Join(t.TempDir(), "none"), env) {
			found = found || f.Grade == Warning && f.About == tc.name
		}
		if found != tc.found {
			t.Errorf("%s=%s: found %v", tc.name, tc.value, found)
		}
	}
}

func TestPlansAreRefused(t *testing.T) {
	for _, o := range []Options{
		{Nodes: 10},
		{Nodes: -1},
		{Port: 70000},
		{Port: -1},
		{Regions: []string{"us-east-1", "us-east-1"}},
		{Regions: []string{"../up"}},
		{Regions: make([]string, 21)},
	} {
		if _, err := plan(o); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
