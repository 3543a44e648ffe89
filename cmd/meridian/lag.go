package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/control"
	"meridian/cluster/keyview"
)

func (a *app) lag() *cobra.Command {
	var wait, keys bool
	var timeout time.Duration
	var key string
	shown := tableShown
	cmd := &cobra.Command{
		Use:   "lag",
		Short: "Show how far Regions are behind each other",
		Long: `Shows for each pair of Regions whether the link is up, how many keys one owes the other, how many of them a lag
profile holds back, and for how long. The subcommands show and change the lag profile.
With --wait-converged it returns when nobody owes anything, or with exit code 3.

--key KEY shows it for one key: for each pair of Regions the version of its record that each has, how many records, statuses
(what a member notes about itself) and materials one has that the other has not heard of, and for how long, in the Region's
time. --keys shows it for every multi-Region key with which some Region is behind.`,
		Example: `  meridian lag
  meridian lag --wait-converged --timeout 30s
  meridian lag --key mrk-1234abcd12ab34cd56ef1234567890ab --wait-converged
  meridian lag --keys -o json | jq -r '.[].key'`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case key != "" && keys:
				return fmt.Errorf("%w: --key is one key and --keys all of them", cluster.ErrUsage)
			case wait && keys:
				return fmt.Errorf("%w: --wait-converged waits for all keys without --keys, or for one with --key", cluster.ErrUsage)
			case key != "":
				if err := cluster.CheckKeyName(key); err != nil {
					return err
				}
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			if key != "" || keys {
				return a.keyLag(cmd.Context(), c, key, wait, timeout, shown)
			}
			lags, err := a.askLag(cmd.Context(), c, wait, timeout)
			return errors.Join(a.printLag(lags), err)
		},
	}
	cmd.AddCommand(a.lagSet(), a.lagShow())
	cmd.Flags().StringVar(&key, "key", "", "of this key: its id or an alias, or the ARN of one")
	cmd.Flags().BoolVar(&keys, "keys", false, "of each multi-Region key with which a Region is behind")
	cmd.Flags().IntVar(&shown, "limit", shown, "of --keys, how many lines the table has at most; 0: all")
	cmd.Flags().BoolVar(&wait, "wait-converged", false, "wait until nobody owes anything")
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait")
	return cmd
}

func (a *app) askLag(ctx context.Context, c *cluster.Cluster, wait bool, timeout time.Duration) ([]control.Lag, error) {
	if wait {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return c.AwaitConverged(ctx)
	}
	lags, silent := c.Lag(ctx)
	for _, r := range silent {
		a.note("%s has no leader that answers", r)
	}
	if len(silent) > 0 {
		return lags, fmt.Errorf("%w: not every Region could be asked", cluster.ErrUnknown)
	}
	return lags, nil
}

func (a *app) printLag(lags []control.Lag) error {
	if a.json {
		return a.printJSON(append([]control.Lag{}, lags...))
	}
	return a.table(func(row func(string, ...any)) {
		row("FROM\tTO\tLINK\tKEYS OWED\tHELD BACK\tOLDEST")
		for _, l := range lags {
			link, oldest := "down", "-"
			switch {
			case l.Paused:
				link = "paused"
			case l.LinkUp:
				link = "up"
			}
			if l.PendingKeys > 0 {
				oldest = (time.Duration(l.OldestMillis) * time.Millisecond).String()
			}
			row("%s\t%s\t%s\t%d\t%d\t%s", l.From, l.To, link, l.PendingKeys, l.DelayedKeys, oldest)
		}
	})
}

// keyLag shows how far Regions are behind with a key, or with every one if it has no name.
func (a *app) keyLag(ctx context.Context, c *cluster.Cluster, name string, wait bool, timeout time.Duration, shown int) error {
	var key *cluster.KeyName
	if name != "" {
		k, err := c.FindKey(ctx, name, nil)
		if err != nil {
			return err
		}
		key = &k
	}
	if wait {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		lags, err := c.AwaitKeyConverged(ctx, *key)
		return errors.Join(a.printKeyLags(c, lags, true, shown), err)
	}
	lags, silent, err := c.KeyLags(ctx, key)
	if err == nil || len(lags) > 0 {
		err = errors.Join(a.printKeyLags(c, lags, key != nil, shown), err)
	}
	if err == nil && len(silent) > 0 {
		err = fmt.Errorf("%w: no node of %s answers", cluster.ErrUnknown, strings.Join(silent, ", "))
	}
	return err
}

// printKeyLags prints the lags in which something is behind, or all of them; of a table so many lines.
func (a *app) printKeyLags(c *cluster.Cluster, lags []*keyview.KeyLag, all bool, shown int) error {
	list := []*keyview.KeyLag{}
	for _, l := range lags {
		if all || l.Behind() {
			list = append(list, l)
		}
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(list) == 0 && !all {
		_, err := fmt.Fprintln(a.out, "no Region is behind with a key")
		return err
	}
	d, err := c.Dials()
	list, more := within(list, shown)
	err = errors.Join(err, a.table(func(row func(string, ...any)) {
		row("KEY\tFROM\tTO\tHAS\tOF\tRECORDS\tSTATUSES\tMATERIALS\tBEHIND FOR")
		for _, l := range list {
			behind := "-"
			switch {
			case l.BehindMillis > 0:
				behind = (time.Duration(l.BehindMillis) * time.Millisecond).Round(time.Millisecond).String()
			case l.Behind():
				behind = "now"
			}
			if l.Behind() && d.Pauses(l.From, l.To) {
				behind += " (paused)"
			}
			row("%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s", l.Key, l.From, l.To, orDash(l.Has), cmp.Or(l.Newest, "-"), l.Records, l.Statuses, l.Materials, behind)
		}
	}))
	a.further(more)
	return err
}
