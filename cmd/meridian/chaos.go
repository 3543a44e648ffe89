package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/chaos"
)

// chaosFlags are the flags of the command.
type chaosFlags struct {
	chaos.Options
	place    chaos.Place
	schedule string // file
	report   string // file
	running  bool
	print    bool
}

func (a *app) chaos() *cobra.Command {
	var o chaosFlags
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Break a cluster under load and judge what its clients saw",
		Long: `Starts a cluster of its own, lets clients use it while faults come and go, heals everything, and judges the history of
the calls: whether each key's calls fit into one order, whether sessions and bounds of age were kept, whether everything
decrypts, whether the Regions agree afterwards, and whether every node's log leads to what it holds. A client in each Region
decrypts all the while; that must not fail where the Region has its majority. The cluster is removed at the end.

With --running the cluster of --data is broken instead. It keeps the keys that were made, and the time that was moved
ahead; every fault in force is healed at the end, every node runs.

The seed gives the same faults and the same calls again. --print shows the faults without doing anything; the same text,
changed as you like, is read by --schedule.

Ctrl-C ends the load, heals everything and judges what was seen until then.

Exit code 1: a violation, which is a defect of Meridian; 3: a judge could not decide in time, or the run was stopped.`,
		Example: `  meridian chaos --for 1m --report chaos.html
  meridian chaos --seed 7 --print
  meridian chaos --running --schedule faults.txt --for 30s
  meridian chaos --for 10s --plant        # a lost write is made up: exit code 1`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seed") {
				o.Seed = rand.Uint64N(1_000_000)
			}
			if err := o.check(cmd); err != nil {
				return fmt.Errorf("%w: %w", cluster.ErrUsage, err)
			}
			if o.print {
				return a.printSchedule(&o)
			}
			return a.runChaos(cmd.Context(), &o)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&o.Seed, "seed", 0, "of the faults and the calls (default: drawn, and printed)")
	f.DurationVar(&o.For, "for", chaos.DefaultFor, "how long the load and its faults last")
	f.IntVar(&o.Clients, "clients", chaos.DefaultClients, "how many clients work at a time")
	f.DurationVar(&o.Pace, "pace", chaos.DefaultPace, "how long a client pauses between two calls, on average")
	f.StringVar(&o.schedule, "schedule", "", "file of faults to play instead of those of the seed")
	f.StringVar(&o.report, "report", "", "write a page about the run into this file")
	f.StringVar(&o.History, "history", "", "keep the history of the calls in this `file`, for meridian check")
	f.StringSliceVar(&o.place.Regions, "regions", nil, "Regions of the cluster to make")
	f.IntVar(&o.place.Nodes, "nodes", 0, fmt.Sprintf("nodes in each Region of it (default %d)", cluster.DefaultNodes))
	f.IntVar(&o.place.Port, "port", 0, "port of its front door (default: any that is free)")
	f.BoolVar(&o.running, "running", false, "break the running cluster of --data, instead of one made for the purpose")
	f.BoolVar(&o.Plant, "plant", false, "make up a lost write: the judges must find it")
	f.BoolVar(&o.print, "print", false, "only print the faults that the seed or the file gives")
	return cmd
}

// check refuses what makes no sense together, and reads the schedule.
func (o *chaosFlags) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	switch {
	case o.running && (changed("regions") || changed("nodes") || changed("port")):
		return errors.New("--running takes the cluster as it is: leave out --regions, --nodes and --port")
	case !o.running && changed("data"):
		return errors.New("chaos makes a cluster of its own: add --running to break the one of --data")
	case o.For < time.Second: // before a cluster is made for nothing
		return fmt.Errorf("--for %s is less than a second", o.For)
	case o.schedule == "":
		return nil
	}
	text, err := readBounded(o.schedule, 16<<20)
	if err != nil {
		return err
	}
	if o.Schedule, err = chaos.ParseSchedule(string(text)); err != nil {
		return fmt.Errorf("%s: %w", o.schedule, err)
	}
	if len(o.Schedule) == 0 {
		return fmt.Errorf("%s holds no fault", o.schedule)
	}
	return nil
}

// printSchedule shows what faults would come.
func (a *app) printSchedule(o *chaosFlags) error {
	s := o.Schedule
	if s == nil {
		shape := chaos.Shape{Regions: o.place.Regions, Nodes: o.place.Nodes}
		if o.running {
			c, err := a.open()
			if err != nil {
				return err
			}
			shape = chaos.ShapeOf(c)
		}
		if shape.Regions == nil {
			shape.Regions = cluster.DefaultRegions()
		}
		if shape.Nodes == 0 {
			shape.Nodes = cluster.DefaultNodes
		}
		s = chaos.Draw(o.Seed, shape, o.For)
	}
	if a.json {
		return a.printJSON(s)
	}
	_, err := fmt.Fprintf(a.out, "# seed %d, for %s\n%s", o.Seed, o.For, s)
	return err
}

// runChaos runs it, writes the page, and says how it went.
func (a *app) runChaos(ctx context.Context, o *chaosFlags) (err error) {
	o.Note, o.Version = a.note, buildVersion()
	c, end, err := a.victim(ctx, o)
	if err != nil {
		return err
	}
	report, err := chaos.Run(ctx, c, o.Options)
	if err = errors.Join(err, end()); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return errors.New("stopped before the first fault: nothing was judged")
		}
		return err
	}
	if o.report != "" {
		if err := writeReport(o.report, report); err != nil {
			return err
		}
		a.note("%s shows it all", o.report)
	}
	if a.json {
		err = a.printJSON(report)
	} else {
		_, err = fmt.Fprint(a.out, report)
	}
	switch {
	case report.Violated():
		a.note("the seed is %d; --history keeps the calls for `meridian check`", o.Seed)
		return errors.Join(err, errSaid)
	case report.Undecided():
		return errors.Join(err, fmt.Errorf("%w: %w", cluster.ErrUnknown, errSaid))
	case report.Stopped != "":
		return errors.Join(err, fmt.Errorf("%w: stopped after %s of %s: what was not run is not judged", cluster.ErrUnknown, report.Stopped, o.For))
	}
	return err
}

// victim is the cluster to break.
func (a *app) victim(ctx context.Context, o *chaosFlags) (c *cluster.Cluster, end func() error, err error) {
	if o.running {
		if c, err = a.open(); err == nil {
			err = c.NeedDevelopmentKeys("chaos")
		}
		return c, func() error { return nil }, err
	}
	o.place.Note = a.note
	if o.place.Program, err = cluster.ThisProgram(); err != nil {
		return nil, nil, err
	}
	return chaos.Own(ctx, o.place)
}

func writeReport(name string, r *chaos.Report) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := errors.Join(r.WriteHTML(f), f.Close()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
