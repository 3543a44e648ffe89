package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/region/trace"
	"meridian/region/trace/otlp"
)

// tracer is where this process's traces go, and what ends it. What is wrong with the environment costs the traces and
// nothing else.
func (a *app) tracer(ctx context.Context, id otlp.Identity, log *slog.Logger) (*trace.Tracer, func()) {
	t, end, err := otlp.FromEnvironment(ctx, a.env, id, log)
	if err != nil {
		log.Warn("calls are not traced", "err", err)
	}
	return t, end
}

func (a *app) node() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "node --name NODE",
		Short:   "Run one node of a cluster",
		Long:    "Runs one node of a cluster in this process until it is told to end. `meridian up` starts nodes by itself.",
		Example: `  meridian node --data .meridian --name us-east-1/1`,
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			if _, ok := c.File.Node(name); !ok {
				return fmt.Errorf("%w: the cluster has no node %q", cluster.ErrUsage, name)
			}
			if err := cluster.Claim(c.Dir, name); err != nil {
				return err
			}
			return a.runNode(cmd.Context(), c.Dir, name, c.Logger(a.err))
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the node's name, such as us-east-1/1 (needed)")
	return cmd
}

func (a *app) front() *cobra.Command {
	return &cobra.Command{
		Use:     "front",
		Short:   "Run the front door of a cluster",
		Long:    "Runs the front door in this process until it is told to end. `meridian up` starts it by itself.",
		Example: `  meridian front --data .meridian`,
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			if err := cluster.Claim(c.Dir, ""); err != nil {
				return err
			}
			log := c.Logger(a.err)
			front := cluster.NewFrontDoor(c.File, cluster.DefaultTempo(), log).Follow(c.Dir)
			tracer, end := a.tracer(cmd.Context(), otlp.Identity{Instance: "front", Version: buildVersion()}, log)
			defer end()
			front.Instrument(buildVersion(), tracer)
			return front.Run(cmd.Context())
		},
	}
}

func (a *app) supervise() *cobra.Command {
	return &cobra.Command{
		Use:     "supervise",
		Short:   "Start what does not run and keep the front door running",
		Long:    "Starts what does not run and keeps the front door running until it is told to end; then it takes everything down. `meridian up --detach` leaves one behind.",
		Example: `  meridian supervise --data .meridian`,
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			log := c.Logger(a.err)
			c.Note = func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) }
			return c.Supervise(cmd.Context())
		},
	}
}
