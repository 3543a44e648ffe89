package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/layout"
)

func (a *app) addNode() *cobra.Command {
	var region string
	var readReplica bool
	cmd := &cobra.Command{
		Use:   "add NODE | add --region REGION",
		Short: "Add a node to a Region that runs",
		Long: fmt.Sprintf(`Adds a node to a Region that runs, with the number given (us-east-1/4) or the first that is free; a Region has at most %d.
The node joins without a vote and gets the state from the leader; when it has caught up it gets its vote, and from then on
the Region counts on it. The Region answers meanwhile. One change of a Region's nodes is made at a time.

A read replica never gets a vote. It answers what any node answers from what it has applied, sends writes and strong reads
to the leader, and is in no majority: however many are lost, the Region goes on, and none of them can take the place of a
lost voter.

If the command ends early, repeat it: it goes on from there. Where the node's name and id are printed, the node has its vote,
if it is to have one, and is ready.`, layout.MaxNodes),
		Example: `  meridian add us-east-1/4
  meridian add --region us-east-1
  meridian add --region us-east-1 --read-replica`,
		Args:              between(0, 1),
		ValidArgsFunction: a.targets(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			place := region
			switch {
			case len(args) == 1 && region != "" && region != layout.RegionOf(args[0]):
				return fmt.Errorf("%w: %s is not a node of %s", cluster.ErrUsage, args[0], region)
			case len(args) == 1:
				place = args[0]
			case region == "":
				return fmt.Errorf("%w: which node? Say `meridian add us-east-1/4` or `meridian add --region us-east-1`", cluster.ErrUsage)
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			done, err := c.Add(cmd.Context(), place, readReplica)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(done)
			}
			fmt.Fprintln(a.out, done.Name, done.ID)
			return nil
		},
	}
	cmd.Flags().StringVar(&region, "region", "", "the Region, whose first free number the node gets")
	cmd.Flags().BoolVar(&readReplica, "read-replica", false, "the node never gets a vote")
	return cmd
}

func (a *app) removeNode() *cobra.Command {
	var deleteFolder bool
	cmd := &cobra.Command{
		Use:   "remove NODE",
		Short: "Remove a node from its Region for good",
		Long: `Removes a node from its Region for good, whether it runs or not: its membership ends, its process ends, and the cluster
forgets it. A leader hands over before that. The Region answers meanwhile, and from then on needs the majority of those that
stay. Where no majority of them would answer, nothing is changed, and the error says how many live voters there would be.

The folder is put aside as NODE.removed-TIME; it holds keys, and the records of calls that ` + "`meridian audit`" + ` shows no more:
remove it when nobody needs it. With --delete it is deleted at once. Faults that name the node end with it. If the command ends early, repeat it: it completes the removal. The name may be added again: the new node
has nothing in common with the old one.`,
		Example: `  meridian remove us-east-1/4
  meridian remove us-east-1/4 --delete`,
		Args:              exactly(1),
		ValidArgsFunction: a.targets(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			name, err := c.Place(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			done, err := c.Remove(cmd.Context(), name, deleteFolder)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(done)
			}
			fmt.Fprintln(a.out, done.Name)
			return nil
		},
	}
	cmd.Flags().BoolVar(&deleteFolder, "delete", false, "delete the node's folder instead of putting it aside")
	return cmd
}
