package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"meridian/cluster"
)

func (a *app) fence() *cobra.Command {
	var lost, force bool
	cmd := &cobra.Command{
		Use:   "fence REGION --lost",
		Short: "Declare a Region lost for ever",
		Long: `Declares that a Region WILL NEVER RETURN. Every other Region fences its members of multi-Region keys out: rotations and
deletions wait for them no longer, and a Region in a new life waits no longer for its word.

--lost asserts just that. IF IT IS FALSE: where the Region returns, its keys end there, and what its callers were told
meanwhile (a rotation, a replica, a property of the key) counts no longer. Key material that only it has is taken over by
the primary when it returns, so that what it encrypted can be decrypted; IF IT NEVER DOES, WHAT WAS ENCRYPTED UNDER SUCH
MATERIAL IS LOST.

Each key is printed with the version of its record before and after; then the keys whose primary was in the lost Region,
for which somebody has to choose another (force-promote). The log has a WARN line and an event MemberFenced for each key.
While a node of the Region answers, nothing is done. Repeating it does no harm; exit code 3: a Region could not be asked.`,
		Example: `  meridian fence ap-southeast-2 --lost
  meridian fence us-east-1 --lost -o json | jq -r '.headless[]'`,
		Args:              exactly(1),
		ValidArgsFunction: a.targets(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !lost {
				return fmt.Errorf("%w: this is for a Region that will never return: say --lost", cluster.ErrUsage)
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			f, err := c.FenceLost(cmd.Context(), args[0], force)
			if err != nil && !errors.Is(err, cluster.ErrUnknown) {
				return err
			}
			if a.json {
				return errors.Join(a.printJSON(f), err)
			}
			for _, k := range f.Keys {
				fmt.Fprintf(a.out, "%s fenced %s -> %s\n", k.Key, k.Before, k.After)
			}
			for _, k := range f.Headless {
				fmt.Fprintf(a.out, "%s has its primary in %s\n", k, f.Lost)
			}
			if len(f.Headless) > 0 {
				a.note("choose a new primary for each: meridian force-promote KEY --region REGION --accept-data-loss")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&lost, "lost", false, "the Region will never return")
	cmd.Flags().BoolVar(&force, "force", false, "although a node of it answers")
	return cmd
}

func (a *app) forcePromote() *cobra.Command {
	var accept, force bool
	var region, account string
	cmd := &cobra.Command{
		Use:   "force-promote KEY --region REGION --accept-data-loss",
		Short: "Make a replica primary although the primary's Region is lost",
		Long: `Makes a Region's member of a key the primary WITHOUT THE CONSENT OF THE OLD ONE, which is fenced out. It is for a
primary whose Region will never return; where it can be reached, UpdatePrimaryRegion moves the role and loses nothing.

--accept-data-loss asserts that the old primary is gone. WHAT ONLY IT HAD IS LOST: the last rotation, replica or change of
the key that other Regions had not heard of. IF THE ASSERTION IS FALSE both Regions write until they hear each other; then
the promoted one wins, the member in the other Region ends, and its key material is taken over for decryption.

Printed are the version of the record before and after, and each material that was listed and is not here. The log has a
WARN line and an event PrimaryForced. While a node of the old primary's Region answers, nothing is done.`,
		Example: `  meridian force-promote mrk-1234abcd12ab34cd56ef1234567890ab --region eu-west-1 --accept-data-loss
  meridian fence us-east-1 --lost -o json | jq -r '.headless[] | select(contains(":eu-west-1:"))' |
    xargs -n1 meridian force-promote --region eu-west-1 --accept-data-loss`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case region == "":
				return fmt.Errorf("%w: which Region's member is to be primary? --region REGION", cluster.ErrUsage)
			case !accept:
				return fmt.Errorf("%w: what only the old primary had is lost: say --accept-data-loss", cluster.ErrUsage)
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			did, err := c.ForcePromote(cmd.Context(), account, args[0], region, force)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(did)
			}
			fmt.Fprintf(a.out, "%s primary %s -> %s\n", did.Key, did.Before, did.After)
			for _, id := range did.Dropped {
				fmt.Fprintf(a.out, "%s dropped material %s\n", did.Key, id)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&region, "region", "", "the Region whose member becomes primary")
	f.StringVar(&account, "account", "000000000000", "the key's account, where KEY is no ARN")
	f.BoolVar(&accept, "accept-data-loss", false, "the old primary is gone, with what only it had")
	f.BoolVar(&force, "force", false, "although a node of the old primary's Region answers")
	return cmd
}
