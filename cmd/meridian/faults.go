package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/fault"
)

// addFault makes a command that puts a fault between two places. Flags that the kind needs are added by more.
func (a *app) addFault(kind fault.Kind, short, long, example string, more func(*cobra.Command, *fault.Rule)) *cobra.Command {
	r := fault.Rule{Kind: kind}
	var lasting time.Duration
	cmd := &cobra.Command{
		Use:   string(kind) + " A B",
		Short: short,
		Long: long + `

A and B are Regions (us-east-1), nodes (us-east-1/2) or the node that leads when this is asked (us-east-1/leader). The fault is in force when the command returns, until it is
healed or for as long as --for says; the same command again replaces it.`,
		Example:           example,
		Args:              exactly(2),
		ValidArgsFunction: a.targets(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, needed := range []string{"latency", "p"} {
				if f := cmd.Flags().Lookup(needed); f != nil && !f.Changed {
					return fmt.Errorf("%w: --%s is needed: %s", cluster.ErrUsage, needed, strings.TrimSuffix(f.Usage, " (needed)"))
				}
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			if r.A, r.B, err = pair(cmd.Context(), c, args); err != nil {
				return err
			}
			if cmd.Flags().Changed("for") {
				if lasting <= 0 {
					return fmt.Errorf("%w: --for %v is no time", cluster.ErrUsage, lasting)
				}
				r.Until = time.Now().Add(lasting)
			}
			if err := c.AddFault(cmd.Context(), r); err != nil {
				return err
			}
			a.note("in force: %v", r)
			return a.faultsJSON(c)
		},
	}
	cmd.Flags().BoolVar(&r.OneWay, "one-way", false, "only from A to B")
	cmd.Flags().DurationVar(&lasting, "for", 0, "end by itself after this time")
	more(cmd, &r)
	return cmd
}

// pair finds the two places that are named, one error after the other: both may be the same.
func pair(ctx context.Context, c *cluster.Cluster, args []string) (x, y string, err error) {
	if x, err = c.Place(ctx, args[0]); err != nil {
		return "", "", err
	}
	y, err = c.Place(ctx, args[1])
	return x, y, err
}

func (a *app) partition() *cobra.Command {
	return a.addFault(fault.Partition, "Cut places off from each other",
		`Lets nothing pass between two places: connections stay open and what was sent is held back until the cut is over.
One-way cuts what A originates, with the answers; what B originates passes.`,
		`  meridian partition us-east-1 eu-west-1
  meridian partition us-east-1/1 us-east-1 --for 10s
  meridian partition us-east-1 eu-west-1 --one-way`,
		func(*cobra.Command, *fault.Rule) {})
}

func (a *app) delay() *cobra.Command {
	return a.addFault(fault.Delay, "Make bytes between places late",
		"Makes what passes between two places late, by the latency plus or minus the jitter. One-way delays what goes from A to B.",
		`  meridian delay us-east-1 ap-southeast-2 --latency 100ms --jitter 20ms`,
		func(cmd *cobra.Command, r *fault.Rule) {
			cmd.Flags().DurationVar(&r.Latency, "latency", 0, "how late (needed)")
			cmd.Flags().DurationVar(&r.Jitter, "jitter", 0, "how much more or less")
		})
}

func (a *app) drop() *cobra.Command {
	return a.addFault(fault.Drop, "Lose messages between places",
		"Loses messages between Regions with a probability; calls between nodes of a Region fail with it.",
		`  meridian drop us-east-1 eu-west-1 --p 0.3`, probability)
}

func (a *app) duplicate() *cobra.Command {
	return a.addFault(fault.Duplicate, "Repeat messages between places",
		"Repeats messages between Regions with a probability; calls between nodes of a Region fail with it.",
		`  meridian duplicate us-east-1 eu-west-1 --p 0.3`, probability)
}

func probability(cmd *cobra.Command, r *fault.Rule) {
	cmd.Flags().Float64Var(&r.P, "p", 0, "probability, above 0 and at most 1 (needed)")
}

func (a *app) heal() *cobra.Command {
	return &cobra.Command{
		Use:   "heal [A B]",
		Short: "Take faults away",
		Long:  "Takes away the faults between two places, or all of them. They are gone when the command returns.",
		Example: `  meridian heal
  meridian heal us-east-1 eu-west-1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return fmt.Errorf("%w: heal takes two places or none", cluster.ErrUsage)
			}
			return between(0, 2)(cmd, args)
		},
		ValidArgsFunction: a.targets(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			x, y := "", ""
			if len(args) == 2 {
				if x, y, err = pair(cmd.Context(), c, args); err != nil {
					return err
				}
			}
			if err := c.Heal(cmd.Context(), x, y); err != nil {
				return err
			}
			a.note("healed")
			if d, err := c.Dials(); err == nil && len(d.Paused) > 0 {
				a.note("synchronisation stays paused: %s; `meridian sync resume` ends that", strings.Join(d.Paused, ", "))
			}
			return a.faultsJSON(c)
		},
	}
}

func (a *app) faults() *cobra.Command {
	return &cobra.Command{
		Use:   "faults",
		Short: "List the faults in force",
		Example: `  meridian faults
  meridian faults -o json | jq length`,
		Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			if a.json {
				return a.faultsJSON(c)
			}
			rules, err := c.Faults()
			for _, r := range rules {
				fmt.Fprintln(a.out, r)
			}
			return err
		},
	}
}

// faultsJSON prints the faults in force, where JSON is wanted.
func (a *app) faultsJSON(c *cluster.Cluster) error {
	if !a.json {
		return nil
	}
	rules, err := c.Faults()
	if err != nil {
		return err
	}
	return a.printJSON(append([]fault.Rule{}, rules...))
}
