package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"meridian/cluster/layout"
	"meridian/region/keystore"
	"meridian/region/trace"
)

// Exit codes of a node that stopped by itself and should not be trusted as it is.
const (
	ExitFatal    = 3 // its files cannot be trusted or written
	ExitDiverged = 4 // its state is not its leader's
	ExitOutdated = 5 // its program does not know what the Region's log holds
)

// Options are what a node process is told beside its folder.
type Options struct {
	Version string
	Tracer  *trace.Tracer // nil: calls are not traced
	Logger  *slog.Logger
}

// Run runs the node called name of the cluster in dir until ctx ends or an orderly end is asked for
// on the admin socket. A failed read or write of the node's files ends the process with ExitFatal.
func Run(ctx context.Context, dir layout.Dir, name string, o Options) error {
	c, err := Load(dir, name, o.Logger)
	if err != nil {
		return err
	}
	asked := make(chan struct{})
	c.Version, c.Tracer = o.Version, o.Tracer
	c.Stop = sync.OnceFunc(func() { close(asked) })
	c.Fatal = func(err error) {
		if errors.Is(err, keystore.ErrDiverged) {
			o.Logger.Error("this node stops: its state differs from its leader's", "node", name, "err", err)
			fmt.Fprintf(os.Stderr, "meridian: node %s stops: %v; `meridian verify` says which node left the log's way: %s\n", name, err, c.cure())
			c.exit(ExitDiverged)
		}
		if newer(err) {
			o.Logger.Error("this node stops: its program is too old for its Region", "node", name, "err", err)
			fmt.Fprintf(os.Stderr, "meridian: node %s stops: %v; %s\n", name, err, c.outdated())
			c.exit(ExitOutdated)
		}
		o.Logger.Error("this node stops: its files cannot be trusted or written", "node", name, "err", err)
		fmt.Fprintf(os.Stderr, "meridian: node %s stops: %v; if this comes again, %s\n", name, err, c.cure())
		c.exit(ExitFatal)
	}
	n, err := Start(c)
	if err != nil {
		return err
	}
	o.Logger.Info("node started", "node", name, "kms", c.Node.KMS, "internal", c.Node.Internal, "nats", c.Node.NATS)
	select {
	case <-ctx.Done():
	case <-asked:
	}
	n.Close()
	o.Logger.Info("node stopped", "node", name)
	return nil
}

// exit ends the process, and leaves word of it for who asks later: its parent may be a command that is long done.
func (c *Config) exit(code int) {
	f := layout.ExitFile{Format: layout.Format, PID: os.Getpid(), Code: code, At: c.Wall().UTC().Format(time.RFC3339)}
	if layout.WriteFile(c.Dir.Exit(), f, 0o644) != nil { // on the disk that failed, perhaps: then without a sync
		text, _ := json.Marshal(f) // numbers and a string
		_ = os.WriteFile(c.Dir.Exit(), text, 0o644)
	}
	os.Exit(code)
}
