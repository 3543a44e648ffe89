package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/live"
	"meridian/cluster/scenario"
	"meridian/cluster/virtual"
	"meridian/cluster/world"
)

// worlds are where a scenario can be played.
var worlds = [...]string{"cluster", "inprocess", "sim"}

func (a *app) scenario() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenario",
		Short: "Play stories about multi-Region keys, on the cluster or in a simulation",
		Long: `A scenario is a text of steps: calls with what is expected of their answers, faults, acts on processes, and waits for a
condition. The same text is played on the running cluster, on nodes inside this process, or in a simulated world in
virtual time.`,
		Example: `  meridian scenario list
  meridian scenario show replica-stuck-in-creating
  meridian scenario run replica-stuck-in-creating
  meridian scenario run my.txt --world cluster`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.scenarioList(), a.scenarioShow(), a.scenarioRun())
	return cmd
}

func (a *app) scenarioList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "The scenarios that come with the program, and what each teaches", Args: exactly(0),
		Example: "  meridian scenario list -o json",
		RunE: func(*cobra.Command, []string) error {
			all, err := scenario.Library()
			if err != nil {
				return err
			}
			type entry struct {
				Name    string `json:"name"`
				Title   string `json:"title"`
				Teaches string `json:"teaches"`
				AWS     string `json:"aws"`
			}
			entries := []entry{}
			for _, s := range all {
				entries = append(entries, entry{s.Name, s.Title, s.Teaches, s.AWS})
			}
			if a.json {
				return a.printJSON(entries)
			}
			t := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			for _, e := range entries {
				fmt.Fprintf(t, "%s\t%s\n", e.Name, e.Title)
			}
			return t.Flush()
		},
	}
}

func (a *app) scenarioShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Print the text of a scenario", Args: exactly(1),
		Example: "  meridian scenario show replica-stuck-in-creating",
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := findScenario(args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					Name string `json:"name"`
					Text string `json:"text"`
				}{s.Name, s.Text})
			}
			_, err = io.WriteString(a.out, s.Text)
			return err
		},
	}
}

func (a *app) scenarioRun() *cobra.Command {
	o := playing{where: "sim", seed: 1}
	cmd := &cobra.Command{
		Use:   "run FILE|NAME...",
		Short: "Play scenarios and check what they expect",
		Long: `Plays scenarios, of the library or from files, and prints each step when it has ended. In the simulation the same
seed repeats the same history. On the running cluster a scenario leaves its keys and the time it moved behind; faults are
healed, nodes started, and the synchronisation is set as before at its end. What a scenario does to a Region for ever it does there
only with --fencing: it concerns every key.

Exit codes: 0 all passed, 1 something was not as expected, 2 a scenario could not be read, 3 something did not come true
in time, a scenario was skipped because the world cannot play it, or was stopped.`,
		Example: `  meridian scenario run replica-stuck-in-creating
  meridian scenario run promote-during-a-partition --world cluster
  meridian scenario run my.txt --seed 7 -o json`,
		Args: between(1, 1000),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(worlds[:], o.where) {
				return fmt.Errorf("%w: --world %s is none of %s", cluster.ErrUsage, o.where, strings.Join(worlds[:], ", "))
			}
			var all []*scenario.Scenario
			for _, arg := range args {
				s, err := findScenario(arg)
				if err != nil {
					return err
				}
				all = append(all, s)
			}
			return a.playAll(cmd.Context(), all, o)
		},
	}
	cmd.Flags().StringVar(&o.where, "world", o.where, "where to play: "+strings.Join(worlds[:], ", "))
	cmd.Flags().Uint64Var(&o.seed, "seed", o.seed, "of the simulated world's chances")
	cmd.Flags().BoolVar(&o.fencing, "fencing", false, "on the running cluster, scenarios may declare a Region lost for ever, for all of its keys")
	return cmd
}

// playing says where scenarios are played.
type playing struct {
	where   string
	seed    uint64
	fencing bool
}

// findScenario reads a scenario from a file, or takes the one of that name from the library.
func findScenario(arg string) (*scenario.Scenario, error) {
	text, err := os.ReadFile(arg)
	switch {
	case err == nil:
		s, err := scenario.Parse(arg, string(text))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", cluster.ErrUsage, err)
		}
		return s, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	s, err := scenario.Find(arg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", cluster.ErrUsage, err)
	}
	return s, nil
}

// playAll plays scenarios one after the other; the worst verdict decides how the command ends.
func (a *app) playAll(ctx context.Context, all []*scenario.Scenario, o playing) error {
	reports := []scenario.Report{}
	out := a.out
	if a.json {
		out = a.err
	}
	failed, late := false, false
	for _, s := range all {
		if ctx.Err() != nil {
			break
		}
		report, err := a.play(ctx, s, o, out)
		if err != nil {
			return err
		}
		reports = append(reports, report)
		switch report.Verdict {
		case scenario.Failed, scenario.Broken:
			failed = true
		case scenario.Late, scenario.Skipped, scenario.Stopped:
			late = true
		}
	}
	var err error
	if a.json {
		err = a.printJSON(reports)
	}
	switch {
	case failed:
		return errors.Join(err, errSaid)
	case late:
		return errors.Join(err, fmt.Errorf("%w: %w", cluster.ErrUnknown, errSaid))
	}
	return err
}

func (a *app) play(ctx context.Context, s *scenario.Scenario, o playing, out io.Writer) (scenario.Report, error) {
	w, err := a.world(ctx, s, o)
	if err != nil {
		return scenario.Report{}, err
	}
	report := scenario.Run(ctx, s, w, out)
	return report, w.Close()
}

// world makes the world that a scenario is to be played in.
func (a *app) world(ctx context.Context, s *scenario.Scenario, o playing) (world.World, error) {
	switch o.where {
	case "cluster":
		c, err := a.open()
		if err != nil {
			return nil, err
		}
		if err := c.NeedDevelopmentKeys("a scenario"); err != nil {
			return nil, err
		}
		return live.Running(c, o.fencing), nil
	case "inprocess":
		return live.InProcess(ctx, live.Options{Regions: s.Regions, Nodes: s.Nodes})
	}
	return virtual.New(virtual.Options{Seed: o.seed, Regions: s.Regions, Nodes: s.Nodes})
}
