package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"meridian/cluster"
)

// onNodes makes a command that does something to nodes and prints their names.
func (a *app) onNodes(verb, short, long string, leader bool, do func(*cluster.Cluster, context.Context, ...string) error) *cobra.Command {
	example := fmt.Sprintf("  meridian %[1]s us-east-1/2\n  meridian %[1]s us-east-1", verb)
	if leader {
		example += fmt.Sprintf("\n  meridian %s us-east-1/leader", verb)
		long += "\n\nus-east-1/2 is one node, us-east-1/leader whoever leads now, us-east-1 all of the Region."
	}
	return &cobra.Command{
		Use:               verb + " NODE",
		Short:             short,
		Long:              long + " The names of the nodes are printed.",
		Example:           example,
		Args:              exactly(1),
		ValidArgsFunction: a.targets(leader),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			names, err := c.Resolve(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := do(c, cmd.Context(), names...); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(names)
			}
			for _, n := range names {
				fmt.Fprintln(a.out, n)
			}
			return nil
		},
	}
}

func (a *app) kill() *cobra.Command {
	return a.onNodes("kill", "End nodes at once (SIGKILL)", "Ends nodes at once, without a chance to say good-bye.", true, (*cluster.Cluster).Kill)
}

func (a *app) stop() *cobra.Command {
	return a.onNodes("stop", "End nodes in order", "Ends nodes in order: a leader hands over first.", true, (*cluster.Cluster).Stop)
}

func (a *app) start() *cobra.Command {
	return a.onNodes("start", "Start nodes that do not run", "Starts nodes that do not run and returns when they answer.", false, (*cluster.Cluster).Start)
}

func (a *app) restart() *cobra.Command {
	return a.onNodes("restart", "Stop nodes and start them again", "Stops nodes and starts them again, one after the other.", true, (*cluster.Cluster).Restart)
}

func (a *app) pause() *cobra.Command {
	return a.onNodes("pause", "Stop nodes' time (SIGSTOP)", "Stops nodes where they are: connections stay open and nothing answers.", true, (*cluster.Cluster).Pause)
}

func (a *app) resume() *cobra.Command {
	return a.onNodes("resume", "Let paused nodes go on", "Lets paused nodes go on; faults that came meanwhile are in force when it returns.", false, (*cluster.Cluster).Resume)
}
