package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"meridian/cluster"
)

func (a *app) record() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "record",
		Short: "Record every call at the front door, for check to judge",
		Long: `Records every call of the API that comes through the front door, or a Region's endpoint, into a file that ` + "`meridian check`" + ` judges:
one JSON object a line. Calls at a node's own port are not seen, and neither is what they change. Plaintexts, ciphertexts and tokens are
not in the file, but a keyed hash whose key is forgotten; key ids, aliases and descriptions are.

A recording goes on when the front door starts again, in a file with a number behind its name. Without a subcommand it says what is
recorded.`,
		Example: `  meridian record start run.jsonl
  meridian record
  meridian record stop && meridian check run.jsonl
  meridian up --detach --record run.jsonl`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			r, err := c.Recording(cmd.Context())
			if err != nil {
				return err
			}
			return a.printRecording(r, "recording into")
		},
	}
	cmd.AddCommand(a.recordStart(), a.recordStop())
	return cmd
}

func (a *app) recordStart() *cobra.Command {
	most := int64(cluster.DefaultRecordBytes)
	cmd := &cobra.Command{
		Use:   "start FILE",
		Short: "Begin to record into a new file",
		Long:  "Begins to record into a new file, which ends by itself when it is as long as --max-bytes.",
		Example: `  meridian record start run.jsonl
  meridian record start run.jsonl --max-bytes 10000000`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			r, err := c.StartRecording(cmd.Context(), args[0], most)
			if err != nil {
				return err
			}
			return a.printRecording(r, "recording into")
		},
	}
	cmd.Flags().Int64Var(&most, "max-bytes", most, "how long the file may become")
	return cmd
}

func (a *app) recordStop() *cobra.Command {
	return &cobra.Command{
		Use:     "stop",
		Short:   "End the recording",
		Long:    "Ends the recording. The file is whole when the command returns; calls on their way are in it with an unknown outcome.",
		Example: `  meridian record stop -o json | jq -r .file`,
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			r, err := c.StopRecording(cmd.Context())
			if err != nil {
				return err
			}
			return a.printRecording(r, "recorded into")
		},
	}
}

func (a *app) printRecording(r cluster.Recording, doing string) error {
	if a.json {
		return a.printJSON(r)
	}
	end := ""
	switch {
	case r.Error != "":
		end = ": " + r.Error
	case r.Full:
		end = ", full"
	}
	_, err := fmt.Fprintf(a.out, "%s %s: %s, %d bytes%s\n", doing, r.File, several(int(r.Calls), "call"), r.Bytes, end)
	return err
}

// noteRecording waits until the front door records, if it was told to, and says so.
func (a *app) noteRecording(ctx context.Context, c *cluster.Cluster) error {
	r, err := c.AwaitRecording(ctx)
	if err == nil && r.File != "" {
		a.note("recording into %s; `meridian record stop` ends that", r.File)
	}
	return err
}
