package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/control"
	"meridian/cluster/keyview"
)

func (a *app) describe() *cobra.Command {
	var regions []string
	var all bool
	var asOf string
	cmd := &cobra.Command{
		Use:   "describe KEY",
		Short: "Show what each Region knows about a key, side by side, now or in the past",
		Long: `Shows what Regions know about a key: its role, state, materials and versions, what is owed to other Regions and what was
heard from them. KEY is a key id or the name of an alias, which means every Region, or an ARN, which means its Region.

Differences are marked ≠ and stand under one of two headlines. "shared, must agree" is what the primary writes for all members:
who differs is behind, and is named; members of one version that differ break a promise (exit code 1). "independent, may
differ" is what each member has for itself.

With --as-of it shows the key as it was behind a record of a Region's event log (see ` + "`meridian events`" + `), or at a time. The log
is replayed up to there, which reads it from its beginning. Each Region has seqs, and a clock, of its own.`,
		Example: `  meridian describe mrk-1234abcd12ab34cd56ef1234567890ab --all-regions
  meridian describe alias/orders
  meridian describe mrk-1234abcd12ab34cd56ef1234567890ab --as-of 42 --region eu-west-1
  meridian describe mrk-1234abcd12ab34cd56ef1234567890ab --as-of 2026-01-31T12:00:00Z -o json | jq '.states[].own.state'`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var at control.Point
			err := cluster.CheckKeyName(args[0])
			if err != nil {
				return err
			}
			if asOf != "" {
				if at, err = cluster.ParsePoint(asOf); err != nil {
					return err
				}
			}
			own := strings.HasPrefix(args[0], "arn:") && len(regions) == 0 && !all
			if at.Seq > 0 && len(regions) != 1 && !own {
				return fmt.Errorf("%w: a seq is of one Region's log: name it with --region", cluster.ErrUsage)
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			key, err := c.FindKey(cmd.Context(), args[0], regions)
			if err != nil {
				return err
			}
			if own {
				regions = []string{key.Region}
			}
			states, silent, err := c.KeyStates(cmd.Context(), regions, key, at)
			if err != nil {
				return err
			}
			return a.printComparison(keyview.Regions(states), silent, false)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&regions, "region", nil, "only these Regions")
	f.BoolVar(&all, "all-regions", false, "every Region, also if KEY is an ARN")
	f.StringVar(&asOf, "as-of", "", "as it was behind this seq of a Region's event log, or at this time (RFC 3339)")
	return cmd
}

func (a *app) diff() *cobra.Command {
	var region string
	cmd := &cobra.Command{
		Use:   "diff KEY A B",
		Short: "Show how a key differs between two Regions, or between two points of the past",
		Long: `Shows in what a key differs between A and B: two Regions, as they are now, or two points of one Region's past. A point is a
seq of the Region's event log (see ` + "`meridian events`" + `), a time, or now. KEY is a key id, an alias or the ARN of either; with points of the past and no
ARN, --region says where.`,
		Example: `  meridian diff mrk-1234abcd12ab34cd56ef1234567890ab us-east-1 eu-west-1
  meridian diff mrk-1234abcd12ab34cd56ef1234567890ab 12 now --region us-east-1
  meridian diff mrk-1234abcd12ab34cd56ef1234567890ab 2026-01-31T12:00:00Z 2026-01-31T12:05:00Z --region eu-west-1`,
		Args: exactly(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cluster.CheckKeyName(args[0]); err != nil {
				return err
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			var where []string
			if region != "" {
				where = []string{region}
			}
			key, err := c.FindKey(cmd.Context(), args[0], where)
			if err != nil {
				return err
			}
			if names := args[1:]; !slices.ContainsFunc(names, func(n string) bool { _, ok := c.File.Region(n); return !ok }) {
				states, silent, err := c.KeyStates(cmd.Context(), names, key, control.Point{})
				if err != nil {
					return err
				}
				return a.printComparison(keyview.Regions(states), silent, true)
			}
			for _, point := range args[1:] {
				_, bad := cluster.ParsePoint(point)
				if _, ok := c.File.Region(point); !ok && point != "now" && bad != nil {
					return fmt.Errorf("%w: %.80q is no Region of the cluster, which has %s, and no point of the past such as 42, now or 2026-01-31T12:00:00Z",
						cluster.ErrUsage, point, strings.Join(c.File.Names(), ", "))
				}
			}
			if region == "" {
				region = key.Region
			}
			if region == "" && len(c.File.Regions) == 1 {
				region = c.File.Regions[0].Name
			}
			if region == "" {
				return fmt.Errorf("%w: whose past? Name the Region with --region; the cluster has %s", cluster.ErrUsage, strings.Join(c.File.Names(), ", "))
			}
			return a.diffPast(cmd, c, key, region, args[1:])
		},
	}
	cmd.Flags().StringVar(&region, "region", "", "whose past, if KEY is an id")
	return cmd
}

// diffPast compares two points in the past of one Region.
func (a *app) diffPast(cmd *cobra.Command, c *cluster.Cluster, key cluster.KeyName, region string, points []string) error {
	var two []control.KeyState
	for _, text := range points {
		var at control.Point
		var err error
		if text != "now" {
			if at, err = cluster.ParsePoint(text); err != nil {
				return err
			}
		}
		states, silent, err := c.KeyStates(cmd.Context(), []string{region}, key, at)
		if err != nil {
			return err
		}
		if len(silent) > 0 {
			return a.printComparison(keyview.Comparison{}, silent, true)
		}
		two = append(two, states...)
	}
	return a.printComparison(keyview.Past(two[0], two[1]), nil, true)
}

// printComparison prints what was heard, and fails for what was not, or for a broken promise.
func (a *app) printComparison(c keyview.Comparison, silent []string, only bool) error {
	var err error
	switch {
	case a.json && len(c.States) > 0:
		err = a.printJSON(c)
	case len(c.States) > 0:
		err = c.Write(a.out, only)
	}
	switch {
	case len(silent) > 0:
		return errors.Join(fmt.Errorf("%w: no node of %s answers", cluster.ErrUnknown, strings.Join(silent, ", ")), err)
	case err == nil && len(c.Violations) > 0:
		return errSaid
	case err == nil && !slices.ContainsFunc(c.States, func(s control.KeyState) bool { return s.Known }):
		return fmt.Errorf("no Region that was asked knows a key %s", c.KeyID)
	}
	return err
}
