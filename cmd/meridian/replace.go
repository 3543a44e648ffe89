package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) replace() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "replace NODE",
		Short: "Make a node anew whose disk is lost or damaged",
		Long: `Makes a node anew whose disk is lost or damaged. A node that forgot its log or its votes must not come back as the
one it was: the old member leaves its Region, a new one with the same name and addresses and a new id joins without
a vote, gets the state from the leader, and then its vote. The Region answers meanwhile.

The old folder is put aside as NODE.lost-TIME; it holds keys, remove it when nobody needs it any more. A majority of
the Region must answer without the node, else nothing is changed. If the command ends early, repeat it. Where the new
node's id is printed, the node has its vote and is ready.`,
		Example: `  meridian replace us-east-1/2
  meridian replace us-east-1/2 --force    # although it runs`,
		Args:              exactly(1),
		ValidArgsFunction: a.targets(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			done, err := c.Replace(cmd.Context(), args[0], force)
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
	cmd.Flags().BoolVar(&force, "force", false, "replace a node that runs, too")
	return cmd
}
