package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"meridian/cluster"
)

func (a *app) clock() *cobra.Command {
	status := &cobra.Command{
		Use:   "status",
		Short: "Show each Region's time and what falls due next",
		Example: `  meridian clock status
  meridian clock status -o json | jq -r '.regions[].next.time'`,
		Args: exactly(0),
		RunE: a.clockStatus,
	}
	cmd := &cobra.Command{
		Use:   "clock",
		Short: "Move the Regions' time ahead, or show it",
		Long: `Shows or moves the Regions' time: deletions, automatic rotations, time-outs of hand-offs and every date in an answer
follow it. Signatures, log lines and leases follow the machine's clock and are not moved. Time never goes back.`,
		Example: `  meridian clock status
  meridian clock advance 30d`,
		Args: exactly(0),
		RunE: a.clockStatus,
	}
	cmd.AddCommand(status, a.clockAdvance())
	return cmd
}

func (a *app) clockStatus(cmd *cobra.Command, _ []string) error {
	c, err := a.open()
	if err != nil {
		return err
	}
	s, silent := c.Clock(cmd.Context())
	if a.json {
		err = a.printJSON(s)
	} else {
		err = a.printClock(s)
	}
	for _, r := range silent {
		a.note("%s has no leader that answers", r)
	}
	if len(silent) > 0 {
		err = errors.Join(err, fmt.Errorf("%w: not every Region could be asked", cluster.ErrUnknown))
	}
	return err
}

func (a *app) printClock(s cluster.ClockStatus) error {
	return a.table(func(row func(string, ...any)) {
		row("REGION\tTIME\tAHEAD\tNEXT DUE")
		for _, r := range s.Regions {
			next := "-"
			if r.Next != nil {
				next = r.Next.Time + " " + r.Next.What
				if r.Next.Key != "" {
					next += " of " + r.Next.Key
				}
			}
			if r.Overdue {
				next = "now"
			}
			row("%s\t%s\t%s\t%s", r.Region, r.Time, cluster.Span(r.OffsetSeconds), next)
		}
	})
}

func (a *app) clockAdvance() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "advance TIME",
		Short: "Move every Region's time ahead",
		Long: `Moves every Region's time ahead, from one due date to the next: at each it waits until what fell due is done and the
Regions have told each other, ten seconds at most, and prints it. A Region that cannot be reached is named, and is moved
when it is back; exit code 3.

TIME is in days, hours, minutes and seconds: 30d, 1h30m, 7d12h.`,
		Example: `  meridian clock advance 30d
  meridian clock advance 1h30m -o json`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := cluster.ParseSpan(args[0])
			if err != nil {
				return err
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			fell := []cluster.FellDue{}
			err = c.AdvanceClock(cmd.Context(), d, func(f cluster.FellDue) error {
				if a.json {
					fell = append(fell, f)
					return nil
				}
				_, err := fmt.Fprintf(a.out, "%s %-15s %-36s %s\n", f.Time, f.Region, f.Key, f.What)
				return err
			})
			if err == nil {
				a.note("time is %s ahead of this machine's", cluster.Span(c.File.ClockOffsetSeconds))
			}
			if a.json {
				err = errors.Join(a.printJSON(advanced{c.File.ClockOffsetSeconds, fell}), err)
			}
			return err
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { // -1d looks like a flag
		if strings.ContainsAny(err.Error(), "0123456789") && strings.Contains(err.Error(), "shorthand") {
			_, back := cluster.ParseSpan("-")
			return back
		}
		return cmd.Root().FlagErrorFunc()(cmd, err)
	})
	return cmd
}

// advanced is the JSON of clock advance.
type advanced struct {
	OffsetSeconds int64             `json:"offsetSeconds"`
	Due           []cluster.FellDue `json:"due"`
}
