package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/check"
	"meridian/cluster/history"
)

func (a *app) check() *cobra.Command {
	var o check.Options
	var page string
	cmd := &cobra.Command{
		Use:   "check HISTORY",
		Short: "Judge a recorded history of clients' calls",
		Long: `Reads a history (one JSON object a line, as meridian/cluster/history records them) and asks every judge: whether
writes and strong reads fit into one order, whether sessions and bounds of age were kept, whether ciphertexts decrypt to what
was encrypted, whether the Regions agree after the mark "quiet". A violation is shown with the fewest calls that cannot all be
right. Exit code 1: a violation; 2: the file is no history; 3: a judge could not decide in time.`,
		Example: `  meridian check run.jsonl
  meridian check run.jsonl --html run.html`,
		Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := readHistory(args[0])
			if err != nil {
				return err
			}
			if page != "" {
				if err := a.picture(page, h, o); err != nil {
					return err
				}
			}
			return a.printVerdicts(check.All(h, o))
		},
	}
	cmd.Flags().StringVar(&page, "html", "", "draw the calls of the object that is wrong, or of the busiest one, into this file")
	cmd.Flags().DurationVar(&o.Search, "search", 0, "how long the search for an order may take for one object (default 30s)")
	return cmd
}

func readHistory(name string) (*history.History, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", cluster.ErrUsage, err)
	}
	defer f.Close()
	h, err := history.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", cluster.ErrUsage, name, err)
	}
	return h, nil
}

func (a *app) picture(name string, h *history.History, o check.Options) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("draw the history: %w", err)
	}
	shown, err := check.Picture(f, h, o)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("draw the history: %w", err)
	}
	a.note("%s shows the calls about %s", name, shown)
	return nil
}

func (a *app) printVerdicts(verdicts []check.Verdict) error {
	var err, end error
	for _, v := range verdicts {
		switch {
		case v.Violation != "":
			end = errSaid
		case v.Undecided != "" && end == nil:
			end = fmt.Errorf("%w: the judge %s could not decide: %s; give it more time with --search", cluster.ErrUnknown, v.Judge, v.Undecided)
		}
		if !a.json {
			_, printed := fmt.Fprintln(a.out, v)
			err = errors.Join(err, printed)
		}
	}
	if a.json {
		err = a.printJSON(verdicts)
	}
	return errors.Join(err, end)
}
