package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/keyview"
)

// tableShown is how many lines a table of keys has, unless all are asked for.
const tableShown = 100

func (a *app) loss() *cobra.Command {
	shown := tableShown
	cmd := &cobra.Command{
		Use:   "loss [REGION...]",
		Short: "Show what would be lost if a Region died now, and what could be done without it",
		Long: `Asks every Region what it holds of each multi-Region key, and shows for each REGION (none named: every one) what would be
gone if it died now, for ever:

  key        no other Region can use it
  material   key material that no other Region holds
  versions   what was written to the key's record there, and no other Region has heard of
  handoff    the role of primary was offered or given away, and whoever is to have it does not know

and then what each other Region could do with each key without it: encrypt, decrypt, sign (or make a MAC, or derive a secret),
replicate, rotate, and become primary. "-" is what such keys do not do, "waits" a rotation that ends when the Region has been
declared lost (fence), "forced" what only force-promote does, "part" decrypting what is not under a material that is missing.
What is in one Region by intent is not listed: single-Region keys are counted, and the policies, grants, aliases and tags of a
member go with its Region.

Exit code 0: nothing of a multi-Region key would be lost; 1: something would; 3: a Region could not be asked.`,
		Example: `  meridian loss
  meridian loss us-east-1
  meridian loss us-east-1 -o json | jq -r '.[].lost[] | .key + " " + .what'
  until meridian loss us-east-1 >/dev/null; do sleep 1; done`,
		Args:              between(0, 20),
		ValidArgsFunction: a.targets(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			losses, silent, err := c.Loss(cmd.Context(), args)
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(losses)
			} else {
				err = a.printLosses(losses, shown)
			}
			switch {
			case len(silent) > 0:
				return errors.Join(err, fmt.Errorf("%w: no node of %s answers: what is only there, or there too, is not known", cluster.ErrUnknown, strings.Join(silent, ", ")))
			case slices.ContainsFunc(losses, func(l keyview.Loss) bool { return len(l.Lost) > 0 }):
				return errors.Join(err, errSaid)
			}
			return err
		},
	}
	cmd.Flags().IntVar(&shown, "limit", shown, "how many lines a table has at most; 0: all")
	return cmd
}

// within is the beginning of a table, and how many lines are left out.
func within[T any](list []T, shown int) (first []T, more int) {
	if shown <= 0 || len(list) <= shown {
		return list, 0
	}
	return list[:shown], len(list) - shown
}

func (a *app) further(more int) {
	if more > 0 {
		fmt.Fprintf(a.out, "  and %d more: --limit 0 shows all, and so does -o json\n", more)
	}
}

func (a *app) printLosses(losses []keyview.Loss, shown int) error {
	for i := range losses {
		l := &losses[i]
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if err := a.printLoss(l, shown); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printLoss(l *keyview.Loss, shown int) error {
	switch {
	case !l.Asked:
		fmt.Fprintf(a.out, "%s does not answer: what it alone has is not known\n", l.Region)
	case len(l.Lost) == 0:
		fmt.Fprintf(a.out, "%s: nothing of its %s would be lost\n", l.Region, several(l.Keys, "multi-Region key"))
	default:
		fmt.Fprintf(a.out, "%s: of its %s would be lost\n", l.Region, several(l.Keys, "multi-Region key"))
		list, more := within(l.Lost, shown)
		if err := a.table(func(row func(string, ...any)) {
			for _, lost := range list {
				row("  %s\t%s\t%s", lost.Key, lost.What, lost.Says)
			}
		}); err != nil {
			return err
		}
		a.further(more)
	}
	if l.Single > 0 {
		fmt.Fprintf(a.out, "%s: %s there alone\n", l.Region, map[bool]string{true: "1 single-Region key is", false: several(l.Single, "single-Region key") + " are"}[l.Single == 1])
	}
	if len(l.Without) == 0 {
		return nil
	}
	fmt.Fprintf(a.out, "without %s:\n", l.Region)
	list, more := within(l.Without, shown)
	err := a.table(func(row func(string, ...any)) {
		row("  KEY\tIN\tROLE\tSTATE\tENCRYPT\tDECRYPT\tSIGN\tREPLICATE\tROTATE\tPROMOTE\tWHY")
		for _, w := range list {
			row("  %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", w.Key, w.Region, w.Role, w.State, w.Encrypt, w.Decrypt, w.Sign, w.Replicate, w.Rotate, w.Promote, w.Why)
		}
	})
	a.further(more)
	return err
}
