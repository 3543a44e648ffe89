package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"meridian/cluster"
	"meridian/cluster/control"
)

func (a *app) profile() *cobra.Command {
	var seconds int
	cmd := &cobra.Command{
		Use:   "profile NODE " + strings.Join(control.Profiles(), "|"),
		Short: "Profile a running node",
		Long: `Writes a profile of a running node to stdout, for ` + "`go tool pprof`" + ` (trace: for ` + "`go tool trace`" + `). It is asked for on the node's admin
socket, with the token in the node's folder. Profiles hold names of functions and counts, and no values.`,
		Example: `  meridian profile us-east-1/leader cpu --seconds 10 > cpu.pprof && go tool pprof -top cpu.pprof
  meridian profile us-east-1/2 heap > heap.pprof
  meridian profile us-east-1/2 goroutine > goroutines.pprof`,
		Args:              exactly(2),
		ValidArgsFunction: a.targets(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out, ok := a.out.(interface{ Fd() uintptr }); ok && term.IsTerminal(int(out.Fd())) {
				return fmt.Errorf("%w: a profile is not for a terminal: write it to a file, with > FILE", cluster.ErrUsage)
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			return c.Profile(cmd.Context(), args[0], args[1], seconds, a.out)
		},
	}
	cmd.Flags().IntVar(&seconds, "seconds", 10, fmt.Sprintf("how long to observe, for cpu and trace: 1 to %d", control.MaxProfileSeconds))
	return cmd
}
