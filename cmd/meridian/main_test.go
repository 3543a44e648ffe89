package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"meridian/cluster/clustertest"
	"meridian/cluster/layout"
)

var update = flag.Bool("update", false, "rewrite the transcripts' expected output")

// TestMain makes this binary the program that transcripts run; its nodes are played.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"meridian": func() {
		a := &app{
			out: os.Stdout, err: os.Stderr, env: os.Getenv,
			runNode: func(ctx context.Context, dir layout.Dir, name string, log *slog.Logger) error {
				return clustertest.Node(ctx, dir, name, log)
			},
		}
		os.Exit(a.main(os.Args[1:]))
	}})
}

// TestTranscripts runs the terminal sessions in testdata.
func TestTranscripts(t *testing.T) {
	var ports freePorts
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exit": exit, "waitfor": waitFor},
		Setup: func(e *testscript.Env) error {
			port, err := ports.next()
			e.Setenv("PORT", strconv.Itoa(port))
			e.Defer(func() { // whatever a session left behind
				a := &app{out: os.Stdout, err: os.Stderr, env: os.Getenv}
				a.main([]string{"down", "--data", e.WorkDir + "/.meridian"})
			})
			return err
		},
	})
}

// freePorts gives each session a block of ports that no other one was given: they run at the same time.
type freePorts struct {
	mu    sync.Mutex
	given map[int]bool
}

func (f *freePorts) next() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.given == nil {
		f.given = map[int]bool{}
	}
	for {
		port, err := clustertest.FreePort(2, 2)
		if err != nil {
			return 0, err
		}
		if block := port / 100; !f.given[block] && !f.given[block+1] && !f.given[block-1] {
			f.given[block] = true
			return port, nil
		}
	}
}

// exit is «exit CODE COMMAND…»: the command must end with that code.
func exit(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: exit CODE COMMAND...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// waitFor is «waitfor FILE»: another process will make it.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s does not come", args[0])
		}
	}
}
