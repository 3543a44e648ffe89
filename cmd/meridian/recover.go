package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"meridian/cluster"
)

func (a *app) recoverRegion() *cobra.Command {
	var accept, force bool
	cmd := &cobra.Command{
		Use:   "recover-region REGION --accept-data-loss",
		Short: "Make a Region anew that lost the majority of its nodes for ever",
		Long: `Makes a Region anew that lost the majority of its nodes for ever. It goes on from the node that survived with the most
of the log. WHAT THE LOST NODES ALONE HAD IS LOST: keys made, disabled, rotated or deleted last may be as before, although
the caller was told otherwise. --accept-data-loss says that this is known.

The Region begins a new life, by whose number the other Regions see that it may have forgotten something. All its nodes get
new folders and new ids; a node that was thought lost is refused when it turns up. The old folders are put aside as
NODE.lost-TIME; they hold keys.

While the Region has a leader nothing is changed: use replace. If the command ends early, repeat it.`,
		Example: `  meridian recover-region us-east-1 --accept-data-loss
  meridian recover-region us-east-1 --accept-data-loss --force    # although a majority could be read`,
		Args:              exactly(1),
		ValidArgsFunction: a.targets(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !accept {
				return fmt.Errorf("%w: writes that only the lost nodes had are lost for ever: say --accept-data-loss", cluster.ErrUsage)
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			done, err := c.RecoverRegion(cmd.Context(), args[0], force)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(done)
			}
			fmt.Fprintf(a.out, "%s life %d seq %d from %s\n", done.Region, done.Life, done.Seq, done.Source)
			return nil
		},
	}
	cmd.Flags().BoolVar(&accept, "accept-data-loss", false, "writes that only the lost nodes had may be lost")
	cmd.Flags().BoolVar(&force, "force", false, "although a majority of the nodes runs or can be read")
	return cmd
}
