package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"meridian/cluster"
)

// root is the tree of commands.
func (a *app) root() *cobra.Command {
	output := "text"
	root := &cobra.Command{
		Use:   "meridian",
		Short: "A multi-Region key service on this machine, to use, to break and to check",
		Long: `Meridian is a key service with the API of AWS KMS: several Regions, each a group of nodes that agree by Raft,
and multi-Region keys that travel between them. It runs here as a cluster of processes that can be killed, paused
and cut off from each other.

Results go to stdout, progress goes to stderr. Exit codes: 0 done, 1 failed or violated, 2 not asked properly,
3 unknown or out of time.`,
		Example: `  meridian up --detach
  eval "$(meridian env)"
  aws kms create-key --multi-region
  meridian partition us-east-1 eu-west-1 --for 30s
  meridian kill us-east-1/leader
  meridian lag --wait-converged
  meridian verify
  meridian down`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          exactly(0),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("%w: -o %s is neither text nor json", cluster.ErrUsage, output)
			}
			a.json = output == "json"
			return nil
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", cluster.ErrUsage, err) })
	root.PersistentFlags().StringVar(&a.data, "data", cluster.DefaultFolder, "the folder of the cluster")
	root.PersistentFlags().StringVarP(&output, "output", "o", output, "text or json")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run a cluster:"},
		&cobra.Group{ID: "look", Title: "Look into it:"},
		&cobra.Group{ID: "break", Title: "Break it and mend it:"},
		&cobra.Group{ID: "part", Title: "Parts of a cluster (started by up, or by hand):"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(
		"run",
		a.up(),
		a.down(),
		a.start(),
		a.stop(),
		a.restart(),
		a.addNode(),
		a.removeNode(),
		a.backup(),
		a.restore(),
		a.identityCommand(),
		a.envCommand(),
		a.awsConfig(),
		a.doctor(),
	)
	add(
		"look",
		a.status(),
		a.lag(),
		a.loss(),
		a.events(),
		a.describe(),
		a.diff(),
		a.explain(),
		a.logs(),
		a.audit(),
		a.metrics(),
		a.profile(),
		a.verify(),
		a.faults(),
		a.sim(),
		a.scenario(),
		a.record(),
		a.check(),
	)
	add(
		"break",
		a.kill(),
		a.pause(),
		a.resume(),
		a.replace(),
		a.recoverRegion(),
		a.fence(),
		a.forcePromote(),
		a.partition(),
		a.delay(),
		a.drop(),
		a.duplicate(),
		a.heal(),
		a.sync(),
		a.clock(),
		a.chaos(),
	)
	add(
		"part",
		a.node(),
		a.front(),
		a.supervise(),
	)
	root.AddCommand(a.versionCommand())
	return root
}

// exactly wants so many arguments.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > most && !cmd.HasParent():
			return fmt.Errorf("%w: there is no command %q", cluster.ErrUsage, args[0])
		case len(args) > most:
			return fmt.Errorf("%w: %q is one argument too many for `%s`", cluster.ErrUsage, args[most], cmd.UseLine())
		case len(args) < least:
			return fmt.Errorf("%w: `%s` needs %d more argument(s)", cluster.ErrUsage, cmd.UseLine(), least-len(args))
		}
		return nil
	}
}

// printJSON writes a value as indented JSON; printLine on one line, for streams.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (a *app) printLine(v any) error { return json.NewEncoder(a.out).Encode(v) }

// table writes rows whose cells are separated by tabs, in columns.
func (a *app) table(write func(row func(format string, args ...any))) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	write(func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) })
	return w.Flush()
}

// targets completes the names of Regions and nodes.
func (a *app) targets(leader bool) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		c, err := a.open()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, r := range c.File.Regions {
			names = append(names, r.Name)
			if leader {
				names = append(names, r.Name+"/leader")
			}
			for _, n := range r.Nodes {
				names = append(names, n.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
