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
	rolling := false
	cmd := a.onNodes("restart", "Stop nodes and start them again", `Stops nodes and starts them again, one after the other.

With --rolling the target is a Region, or with none every Region. The next node is touched when all nodes of the Region
are ready again, the leader last: the Region answers all the while.`, true, (*cluster.Cluster).Restart)
	cmd.Example += "\n  meridian restart us-east-1 --rolling\n  meridian restart --rolling"
	cmd.Args = between(0, 1)
	atOnce := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case rolling:
			return a.restartRolling(cmd.Context(), args)
		case len(args) == 0:
			return fmt.Errorf("%w: which node? Without one, `meridian restart --rolling` restarts all, one after the other", cluster.ErrUsage)
		}
		return atOnce(cmd, args)
	}
	cmd.Flags().BoolVar(&rolling, "rolling", false, "one node at a time, and the next when the Region is whole again")
	return cmd
}

func (a *app) restartRolling(ctx context.Context, args []string) error {
	c, err := a.open()
	if err != nil {
		return err
	}
	regions := args
	if len(args) == 0 {
		regions = c.File.Names()
	}
	if err := c.RollingRestart(ctx, regions...); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(regions)
	}
	for _, r := range regions {
		fmt.Fprintln(a.out, r)
	}
	return nil
}

func (a *app) pause() *cobra.Command {
	return a.onNodes("pause", "Stop nodes' time (SIGSTOP)", "Stops nodes where they are: connections stay open and nothing answers.", true, (*cluster.Cluster).Pause)
}

func (a *app) resume() *cobra.Command {
	return a.onNodes("resume", "Let paused nodes go on", "Lets paused nodes go on; faults that came meanwhile are in force when it returns.", false, (*cluster.Cluster).Resume)
}
