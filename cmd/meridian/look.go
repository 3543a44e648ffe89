package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"meridian/cluster"
)

func (a *app) status() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show Regions, nodes and faults",
		Long:  "Shows Regions, nodes and faults. With --watch it repeats every second; as JSON, one object a line.",
		Example: `  meridian status
  meridian status -o json | jq -r '.regions[].leader'`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			if watch {
				return c.Watch(cmd.Context(), func(s cluster.Status) {
					if a.json {
						_ = a.printLine(s)
						return
					}
					_ = a.printStatus(s)
					fmt.Fprintln(a.out)
				})
			}
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(s)
			}
			return a.printStatus(s)
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "repeat every second")
	return cmd
}

func (a *app) printStatus(s cluster.Status) error {
	door := "down"
	if s.FrontPID != 0 {
		door = fmt.Sprintf("process %d", s.FrontPID)
	}
	fmt.Fprintf(a.out, "cluster %s, front door %s (%s)\n", s.ClusterID, s.Endpoint, door)
	err := a.table(func(row func(string, ...any)) {
		row("NODE\tSTATE\tROLE\tREADY\tSEQ\tPROCESS\tENDPOINT")
		for _, r := range s.Regions {
			leader := "no leader"
			if r.Leader != "" {
				leader = fmt.Sprintf("term %d", r.Term)
			}
			level := ""
			if r.FeatureLevel > 0 {
				level = fmt.Sprintf("level %d", r.FeatureLevel)
			}
			row("%s\t%s\t%s\t\t\t\t%s", r.Region, level, leader, r.Endpoint)
			for _, n := range r.Nodes {
				state := n.State
				if n.ExitCode != nil {
					state += fmt.Sprintf(" (%d", *n.ExitCode)
					if n.ExitReason != "" {
						state += ": " + n.ExitReason
					}
					state += ")"
				}
				row("  %s\t%s\t%s\t%s\t%s\t%s\t%s", n.Name, state, orDash(n.Role), yesNo(n.Ready), number(n.Seq), number(uint64(n.PID)), n.Endpoint)
			}
		}
	})
	for _, line := range levels(s) {
		fmt.Fprintln(a.out, "feature level:", line)
	}
	for _, r := range s.Faults {
		fmt.Fprintln(a.out, "fault:", r)
	}
	if s.LagProfile != "" {
		fmt.Fprintln(a.out, "lag profile:", s.LagProfile)
	}
	for _, r := range s.SyncPaused {
		fmt.Fprintln(a.out, "synchronisation paused:", r)
	}
	for _, line := range identities(s) {
		fmt.Fprintln(a.out, "identity:", line)
	}
	return err
}

// levels are a line for each Region whose feature level is not the newest that one of its programs knows.
func levels(s cluster.Status) (lines []string) {
	for _, r := range s.Regions {
		var mixed []string
		ahead := false
		for _, n := range r.Nodes {
			switch {
			case n.KnownLevel > 0:
				mixed = append(mixed, fmt.Sprintf("%s knows %d", n.Name, n.KnownLevel))
				ahead = ahead || n.KnownLevel > r.FeatureLevel
			default:
				mixed = append(mixed, n.Name+" does not say")
			}
		}
		if ahead {
			lines = append(lines, fmt.Sprintf("%s has %d, and rises when all its nodes know more: %s", r.Region, r.FeatureLevel, strings.Join(mixed, ", ")))
		}
	}
	return lines
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func number(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func (a *app) logs() *cobra.Command {
	var follow bool
	var last int
	cmd := &cobra.Command{
		Use:   "logs [NODE]",
		Short: "Show what nodes wrote to their logs",
		Long:  "Shows what nodes wrote, merged by time: all nodes, or one (us-east-1/2), or those of a Region. With --follow JSON is one object a line.",
		Example: `  meridian logs us-east-1/2
  meridian logs -f --last 10`,
		Args:              between(0, 1),
		ValidArgsFunction: a.targets(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			targets := args
			if len(args) == 0 {
				targets = c.File.Names()
			}
			var names []string
			for _, t := range targets {
				n, err := c.Resolve(cmd.Context(), t)
				if err != nil {
					return err
				}
				names = append(names, n...)
			}
			if !a.json || follow {
				return c.Logs(cmd.Context(), names, last, follow, a.printLog)
			}
			all := []logLine{}
			err = c.Logs(cmd.Context(), names, last, false, func(l cluster.Line) error {
				all = append(all, logLine{l.Node, l.Text})
				return nil
			})
			if err != nil {
				return err
			}
			return a.printJSON(all)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written from now on")
	cmd.Flags().IntVarP(&last, "last", "n", 0, "only the last lines of each node (0: all)")
	return cmd
}

// logLine is a line of a log in JSON.
type logLine struct {
	Node string `json:"node"`
	Text string `json:"text"`
}

func (a *app) printLog(l cluster.Line) error {
	if a.json {
		return a.printLine(logLine{l.Node, l.Text})
	}
	_, err := fmt.Fprintf(a.out, "%-18s %s\n", l.Node, l.Text)
	return err
}

func (a *app) verify() *cobra.Command {
	var invariants, follow bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Replay every node's log and compare, or audit what the Regions did",
		Long: `Replays the event log of every node from its first record, and compares what it leads to with the state on its disk,
the hash chain with its links, and the nodes of a Region with each other. Nodes that run make a copy for it.

With --invariants it reads the event log of every running Region instead, while callers go on, and judges each decision by
the invariants of multi-Region keys: one writer for each version, one primary for each epoch, no material in use before
every member has it, no tombstone that rises, and so on. With --follow it reads on every second until it is told to end.

Exit code 1: something does not agree; 3: a node or a Region could not be read.`,
		Example: `  meridian verify -o json | jq .ok
  meridian verify --invariants --follow`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			switch {
			case follow && !invariants:
				return fmt.Errorf("%w: --follow needs --invariants", cluster.ErrUsage)
			case invariants:
				return a.inspect(cmd.Context(), c.NewInspection(), follow)
			}
			v, err := c.Verify(cmd.Context())
			if a.json {
				err = errors.Join(a.printJSON(v), err)
			} else {
				err = errors.Join(a.printVerification(v), err)
			}
			if err == nil && !v.OK {
				err = errSaid
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&invariants, "invariants", false, "judge what the Regions did by the invariants of multi-Region keys")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "with --invariants: go on, and show what is found when it is found")
	return cmd
}

func (a *app) printVerification(v cluster.Verification) error {
	return a.table(func(row func(string, ...any)) {
		row("NODE\tSEQ\tSTATE\tCHAIN\tDIGEST")
		for _, n := range v.Nodes {
			state, chain := "good", "good"
			if len(n.Problems) > 0 || n.Digest != n.Stored {
				state = "BAD"
			}
			if !n.ChainOK {
				chain = "BROKEN"
			}
			row("%s\t%d\t%s\t%s\t%.16s", n.Name, n.Seq, state, chain, n.Digest)
			for _, p := range n.Problems {
				row("  %s", p)
			}
		}
	})
}
