// Command meridian runs a local multi-Region key service: a cluster of node processes and the front door before them,
// what breaks and mends it, and what looks into it. `meridian help` lists the commands.
//
// It holds flags and wiring, nothing else; package cluster does the work. Data goes to stdout, progress to stderr.
// Exit codes: 0 done, 1 failed or violated, 2 not asked properly, 3 unknown or out of time.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"meridian/cluster"
	"meridian/cluster/layout"
	"meridian/region/node"
	"meridian/region/trace/otlp"
)

// version is set by the linker.
var version = ""

// Exit codes.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitUnknown = 3
)

func main() {
	a := &app{out: os.Stdout, err: os.Stderr, env: os.Getenv}
	a.runNode = func(ctx context.Context, dir layout.Dir, name string, log *slog.Logger) error {
		tracer, end := a.tracer(ctx, otlp.Identity{Instance: name, Region: layout.RegionOf(name), Version: buildVersion()}, log)
		defer end()
		return node.Run(ctx, dir, name, node.Options{Version: buildVersion(), Tracer: tracer, Logger: log})
	}
	os.Exit(a.main(os.Args[1:]))
}

// app is what the commands need of the world.
type app struct {
	out, err io.Writer
	env      func(string) string
	runNode  func(ctx context.Context, dir layout.Dir, name string, log *slog.Logger) error

	data string // --data
	json bool   // -o json
}

// oneSignal is how close together signals count as one: some senders reach a process and its group, which is twice.
const oneSignal = 500 * time.Millisecond

// main runs a command line and returns the exit code. The first signal ends a command in order, a later one at once.
func (a *app) main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, func() { time.AfterFunc(oneSignal, stop) })
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	switch {
	case errors.Is(err, errSaid):
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(a.err, "meridian: stopped")
	default:
		fmt.Fprintln(a.err, "meridian:", message(err))
	}
	switch {
	case errors.Is(err, cluster.ErrUsage):
		fmt.Fprintf(a.err, "see `%s --help`\n", cmd.CommandPath())
		return exitUsage
	case errors.Is(err, cluster.ErrUnknown):
		return exitUnknown
	}
	return exitFailed
}

// errSaid is an error that the output explains already.
var errSaid = errors.New("see above")

// message is an error's text without the words that only the exit code needs.
func message(err error) string {
	text := err.Error()
	for _, kind := range []error{cluster.ErrUsage, cluster.ErrUnknown} {
		if prefix := kind.Error() + ": "; errors.Is(err, kind) && len(text) > len(prefix) && text[:len(prefix)] == prefix {
			return text[len(prefix):]
		}
	}
	return text
}

// note tells people on stderr what happens.
func (a *app) note(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) }

// open opens the cluster of --data.
func (a *app) open() (*cluster.Cluster, error) {
	p, err := cluster.ThisProgram()
	if err != nil {
		return nil, err
	}
	return cluster.Open(a.data, p, a.note)
}

// buildVersion is the version of this program: what the linker was told, else what the source was.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return "unknown"
	}
	return revision + dirty
}
