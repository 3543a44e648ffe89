package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/sim"
)

func (a *app) sim() *cobra.Command {
	var o sim.Options
	var trace bool
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Search simulated worlds for a broken promise of the cross-Region protocol",
		Long: `Runs the protocol between Regions in simulated worlds, each made of its seed alone: messages are lost, repeated and
reordered, links are cut, Regions fail, operators err. After each step and at the end the protocol's promises are
checked. Exit code 1: one was broken; the seed repeats it.`,
		Example: `  meridian sim --seeds 10000
  meridian sim --for 1m --hostile
  meridian sim --seed 42 --trace`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("seeds") && o.Seeds == 0 {
				return fmt.Errorf("%w: --seeds 0 would try none; leave it out to try one, or until the end of --for", cluster.ErrUsage)
			}
			if trace {
				if o.Seeds > 1 || o.For > 0 {
					return fmt.Errorf("%w: --trace shows one seed: name it by --seed", cluster.ErrUsage)
				}
				if f := sim.Trace(o.Base, o, a.out); f != nil {
					return f
				}
				return nil
			}
			debug.SetGCPercent(collectRarely)
			return a.printSim(sim.Run(o))
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&o.Base, "seed", 0, "the first seed")
	f.Uint64Var(&o.Seeds, "seeds", 0, "how many (default 1, or no end with --for)")
	f.DurationVar(&o.For, "for", 0, "start no further seed after this time")
	f.IntVar(&o.Steps, "steps", 0, "steps with faults in a seed (default 400)")
	f.BoolVar(&o.Hostile, "hostile", false, "operators err: they promote against a living primary and fence Regions that live")
	f.BoolVar(&trace, "trace", false, "print the history of one seed")
	return cmd
}

// collectRarely is for a process that does nothing but simulate: its worlds are small, and its garbage is cheap to keep.
const collectRarely = 1600

func (a *app) printSim(r sim.Report) error {
	type failure struct {
		Seed      uint64 `json:"seed"`
		Step      int    `json:"step"`
		Invariant string `json:"invariant"`
		Detail    string `json:"detail"`
	}
	failures := []failure{}
	for _, f := range r.Failures {
		failures = append(failures, failure{f.Seed, f.Step, string(f.Invariant), f.Detail})
		a.note("%v", f)
	}
	var err error
	if a.json {
		err = a.printJSON(struct {
			Seeds    uint64       `json:"seeds"`
			Steps    uint64       `json:"steps"`
			Seconds  float64      `json:"seconds"`
			Failures []failure    `json:"failures"`
			Coverage sim.Coverage `json:"coverage"`
		}{r.Seeds, r.Steps, r.Elapsed.Round(time.Millisecond).Seconds(), failures, r.Coverage})
	} else {
		_, err = fmt.Fprintln(a.out, r)
	}
	if len(failures) > 0 {
		err = errors.Join(err, errSaid)
	}
	return err
}
