package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"meridian/cluster"
	"meridian/cluster/control"
	"meridian/cluster/timeline"
)

// eventsWanted is what `meridian events` is asked for.
type eventsWanted struct {
	regions []string
	query   control.EventQuery
	export  string
	file    string
	width   int
}

func (a *app) events() *cobra.Command {
	var h eventsWanted
	cmd := &cobra.Command{
		Use:   "events [FILE]",
		Short: "Show what happened in the Regions, and who told whom",
		Long: `Merges the event logs of Regions, and the messages between them, in the order of causes: each log in its own order, and a
message behind the event that wrote it. Time decides the rest, and each Region has a clock of its own. It is drawn with time
downwards, a column for each Region, and an arrow to each event that came from another Region; +15ms is how long after it was
written. With --follow it goes on with what happens. As JSON each event says where it came from ("from") and has its vector
clock.

--export writes it to FILE, or to stdout: mermaid (a sequence diagram), json (one object a line), shiviz (a log with vector
clocks for the viewer of that name).`,
		Example: `  meridian events --follow
  meridian events --key mrk-1234abcd12ab34cd56ef1234567890ab
  meridian events --key mrk-1234abcd12ab34cd56ef1234567890ab --region us-east-1,eu-west-1 --follow -o json
  meridian events --key mrk-1234abcd12ab34cd56ef1234567890ab --export mermaid story.mmd`,
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				h.file = args[0]
			}
			if h.file != "" && h.export == "" {
				return fmt.Errorf("%w: a file is written with --export: %s", cluster.ErrUsage, timeline.Formats)
			}
			if _, ok := timeline.NewExport(nil, h.export, nil, false); h.export != "" && !ok {
				return fmt.Errorf("%w: --export %.40q is none of %s", cluster.ErrUsage, h.export, timeline.Formats)
			}
			if h.query.Key != "" {
				if err := cluster.CheckKeyName(h.query.Key); err != nil {
					return err
				}
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			if h.query.Key != "" {
				key, err := c.FindKey(cmd.Context(), h.query.Key, h.regions)
				if err != nil {
					return err
				}
				h.query.Key = key.ID
			}
			return a.showEvents(cmd.Context(), c, &h)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&h.regions, "region", nil, "only these Regions, in this order")
	f.StringVar(&h.query.Key, "key", "", "only this key: its id or an alias, or the ARN of one")
	f.Uint64Var(&h.query.From, "from", 0, "only from this seq on, of each Region")
	f.BoolVarP(&h.query.Follow, "follow", "f", false, "go on with the events to come")
	f.StringVar(&h.export, "export", "", "write it as "+timeline.Formats)
	f.IntVar(&h.width, "width", 0, "characters in a line (default: the terminal's, or $COLUMNS, or 120)")
	return cmd
}

// showEvents shows or exports what h asks for.
func (a *app) showEvents(ctx context.Context, c *cluster.Cluster, h *eventsWanted) (err error) {
	if len(h.regions) == 0 {
		h.regions = c.File.Names()
	}
	all, seen := []timeline.Entry{}, 0
	show := timeline.NewDiagram(a.out, h.regions, a.width(h.width), a.colour(), h.query.Key == "").Draw
	switch {
	case h.export != "":
		out, finish, err := a.create(h.file)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, finish()) }()
		x, _ := timeline.NewExport(out, h.export, h.regions, h.query.Key == "")
		show = x.Add
	case a.json && h.query.Follow:
		show = func(e *timeline.Entry) error { return a.printLine(e) }
	case a.json:
		show = func(e *timeline.Entry) error {
			all = append(all, *e)
			return nil
		}
	}
	err = c.Events(ctx, h.regions, h.query, func(e *timeline.Entry) error {
		seen++
		return show(e)
	})
	if a.json && h.export == "" && !h.query.Follow {
		err = errors.Join(a.printJSON(all), err)
	}
	switch {
	case err == nil && seen == 0 && h.query.Key != "":
		return fmt.Errorf("no event of %s is about a key %s", strings.Join(h.regions, ", "), h.query.Key)
	case err == nil && h.file != "":
		a.note("%d events in %s", seen, h.file)
	}
	return err
}

// create makes a file; of no name, it is stdout.
func (a *app) create(name string) (io.Writer, func() error, error) {
	if name == "" {
		return a.out, func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, nil, fmt.Errorf("export the events: %w", err)
	}
	return f, f.Close, nil
}

// terminal is the terminal that stdout is, if it is one.
func (a *app) terminal() (fd int, ok bool) {
	f, ok := a.out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// width is how wide a line may be.
func (a *app) width(asked int) int {
	if asked > 0 {
		return asked
	}
	if fd, ok := a.terminal(); ok {
		if n, _, err := term.GetSize(fd); err == nil && n > 0 {
			return n
		}
	}
	if n, err := strconv.Atoi(a.env("COLUMNS")); err == nil && n > 0 {
		return min(n, 1000)
	}
	return 120
}

// colour tells whether people look at stdout, and want colours.
func (a *app) colour() bool {
	_, ok := a.terminal()
	return ok && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb"
}
