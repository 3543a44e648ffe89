package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/replication/lagprofile"
)

// readProfile reads a lag profile: one that is built in, or a file.
func readProfile(name string) (lagprofile.Profile, error) {
	if slices.Contains(lagprofile.Presets(), name) {
		return lagprofile.Preset(name)
	}
	text, err := readBounded(name, lagprofile.MaxBytes+1)
	if err != nil {
		return lagprofile.Profile{}, fmt.Errorf("%w: lag profile %q is none of %s, and no file that can be read: %w",
			cluster.ErrUsage, name, strings.Join(lagprofile.Presets(), ", "), err)
	}
	p, err := lagprofile.Parse(text)
	if err != nil {
		return p, fmt.Errorf("%w: lag profile %s: %w", cluster.ErrUsage, name, err)
	}
	if p.Name == "" {
		p.Name = "without a name"
	}
	return p, nil
}

// setLag puts the profile of --lag in force, if there is one, and says what is unusual about the synchronisation.
func (a *app) setLag(ctx context.Context, c *cluster.Cluster, p *lagprofile.Profile) error {
	if p != nil {
		if err := c.SetLag(ctx, *p); err != nil {
			return err
		}
	}
	d, err := c.Dials()
	if err != nil {
		return err
	}
	if !d.Lag.Instant() {
		a.note("lag profile %s: messages between Regions are held back for up to %v", d.Lag.Name, d.Lag.Longest())
	}
	if len(d.Paused) > 0 {
		a.note("synchronisation is paused: %s; `meridian sync resume` ends that", strings.Join(d.Paused, ", "))
	}
	return nil
}

// lagChange is what `lag set` is asked for.
type lagChange struct {
	link    []string
	class   string
	latency time.Duration
	oneWay  bool
}

func (a *app) lagSet() *cobra.Command {
	var change lagChange
	cmd := &cobra.Command{
		Use:   "set [PROFILE]",
		Short: "Hold back what Regions tell each other",
		Long: `Puts a lag profile in force, or changes the one in force for a link, a class, or both. A profile is a file or one of
` + strings.Join(lagprofile.Presets(), ", ") + `. Delays are of the Regions' time: ` + "`clock advance`" + ` passes them.

Classes: appearance (a new replica is seen), creation (it can be used), properties (what all members share), primary
(each step of a move of the primary role), material (a rotation), status (what replicas report).
A profile in a file may also delay grants, inside each Region: how long a new one does not count without its token.

The profile is in force in all nodes when the command returns, and when they start again.`,
		Example: `  meridian lag set aws-like
  meridian lag set ./mine.yaml
  meridian lag set --link us-east-1,eu-west-1 --class properties --latency 90s
  meridian lag set instant`,
		Args:      between(0, 1),
		ValidArgs: lagprofile.Presets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == cmd.Flags().Changed("latency") {
				return fmt.Errorf("%w: name a profile or give --latency, one of the two", cluster.ErrUsage)
			}
			if n := len(change.link); n != 0 && n != 2 {
				return fmt.Errorf("%w: --link takes two Regions, as in us-east-1,eu-west-1", cluster.ErrUsage)
			}
			if l := change.latency; l < 0 || l > lagprofile.MaxDelay {
				return fmt.Errorf("%w: --latency %v: a message is held back for 0s to %v", cluster.ErrUsage, l, lagprofile.MaxDelay)
			}
			return a.changeLag(cmd.Context(), args, change)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&change.link, "link", nil, "only between these two Regions: A,B")
	f.BoolVar(&change.oneWay, "one-way", false, "only from A to B")
	f.StringVar(&change.class, "class", "", "only this class")
	f.DurationVar(&change.latency, "latency", 0, "how long to hold back")
	return cmd
}

func (a *app) changeLag(ctx context.Context, args []string, change lagChange) error {
	c, err := a.open()
	if err != nil {
		return err
	}
	if len(args) == 1 {
		p, err := readProfile(args[0])
		if err != nil {
			return err
		}
		if err := c.SetLag(ctx, p); err != nil {
			return err
		}
		return a.printProfile(c)
	}
	var l lagprofile.Link
	if len(change.link) == 2 {
		l = lagprofile.Link{From: change.link[0], To: change.link[1]}
	}
	if err := c.DelayLink(ctx, l, !change.oneWay, lagprofile.Class(change.class), lagprofile.Of(change.latency)); err != nil {
		return err
	}
	return a.printProfile(c)
}

func (a *app) lagShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show [PROFILE]",
		Short: "Show the lag profile in force, or the file of one that is built in",
		Example: `  meridian lag show
  meridian lag show aws-like > mine.yaml`,
		Args:      between(0, 1),
		ValidArgs: lagprofile.Presets(),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				c, err := a.open()
				if err != nil {
					return err
				}
				return a.printProfile(c)
			}
			text, err := lagprofile.PresetText(args[0])
			if err != nil {
				return fmt.Errorf("%w: %w", cluster.ErrUsage, err)
			}
			if a.json {
				p, err := lagprofile.Parse(text)
				if err != nil {
					return err
				}
				return a.printJSON(p)
			}
			_, err = a.out.Write(text)
			return err
		},
	}
}

// printProfile prints the profile in force.
func (a *app) printProfile(c *cluster.Cluster) error {
	d, err := c.Dials()
	if err != nil {
		return err
	}
	p := &d.Lag
	if a.json {
		return a.printJSON(p)
	}
	name := p.Name
	if name == "" {
		name = "instant"
	}
	fmt.Fprintf(a.out, "%s, seed %d, at most %v\n", name, p.Seed, p.Longest())
	if len(p.Classes)+len(p.Links) == 0 && p.Grants.Longest() == 0 {
		return nil
	}
	return a.table(func(row func(string, ...any)) {
		row("LINK\tCLASS\tDELAY")
		list := func(link string, classes map[lagprofile.Class]lagprofile.Dist) {
			for _, class := range lagprofile.Classes() {
				if d, ok := classes[class]; ok {
					row("%s\t%s\t%v", link, class, d)
				}
			}
		}
		list("all", p.Classes)
		for _, r := range p.Links {
			arrow := "->"
			if r.Both {
				arrow = "<->"
			}
			list(r.From+" "+arrow+" "+r.To, r.Classes)
		}
		if p.Grants.Longest() > 0 {
			row("inside a Region\tgrants\t%v", p.Grants)
		}
	})
}

func (a *app) sync() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Stop the synchronisation between Regions, or let it go on",
		Long: `Stops multi-Region synchronisation alone: no record, key material or report passes between the Region and the others,
while its API answers as ever. What is owed waits; heal changes nothing about it. Without a Region: between all.`,
		Example: `  meridian sync pause
  meridian sync pause eu-west-1
  meridian sync resume`,
		Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			return a.printPaused(c)
		},
	}
	cmd.AddCommand(
		a.turnSync("pause", "Stop the synchronisation of a Region, or of all", (*cluster.Cluster).PauseSync),
		a.turnSync("resume", "Let the synchronisation of a Region, or of all, go on", (*cluster.Cluster).ResumeSync),
	)
	return cmd
}

func (a *app) turnSync(use, short string, turn func(*cluster.Cluster, context.Context, string) error) *cobra.Command {
	return &cobra.Command{
		Use:               use + " [REGION]",
		Short:             short,
		Example:           "  meridian sync " + use + " eu-west-1",
		Args:              between(0, 1),
		ValidArgsFunction: a.targets(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			if err := turn(c, cmd.Context(), strings.Join(args, "")); err != nil {
				return err
			}
			return a.printPaused(c)
		},
	}
}

// printPaused prints for which Regions the synchronisation is paused.
func (a *app) printPaused(c *cluster.Cluster) error {
	d, err := c.Dials()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string][]string{"paused": append([]string{}, d.Paused...)})
	}
	if len(d.Paused) == 0 {
		_, err = fmt.Fprintln(a.out, "no Region is paused")
		return err
	}
	for _, r := range d.Paused {
		fmt.Fprintln(a.out, "paused:", r)
	}
	return nil
}
