package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"meridian/cluster/layout"
)

// ExitFatal is the exit code of a node that stopped because its files cannot be trusted or written.
const ExitFatal = 3

// Options are what a node process is told beside its folder.
type Options struct {
	Version string
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
	c.Version = o.Version
	c.Stop = sync.OnceFunc(func() { close(asked) })
	c.Fatal = func(err error) {
		o.Logger.Error("this node stops: its files cannot be trusted or written", "node", name, "err", err)
		fmt.Fprintf(os.Stderr, "meridian: node %s stops: %v; if this comes again, %s\n", name, err, c.cure())
		os.Exit(ExitFatal)
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
