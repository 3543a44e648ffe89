package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"meridian/cluster"
)

func (a *app) backup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup REGION FILE",
		Short: "Write a Region's state and event log to a file while it runs",
		Long: `Writes what one node of a Region holds at one moment to a file: state, event log, wrapped key material. The Region goes on
meanwhile. The file is checked to its end before it gets its name, and is never written over.

A backup holds no key ring. Without ` + "`keystore` and `root.key`" + ` of one node of the Region (its folder in --data) nobody can
decrypt with it, nor use any key in it: keep those two files elsewhere, and apart from the backups.`,
		Example: `  meridian backup us-east-1 us-east-1.backup
  cp .meridian/us-east-1/1/{root.key,keystore} /safe/us-east-1/`,
		Args:              exactly(2),
		ValidArgsFunction: a.targets(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			info, err := c.Backup(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return a.printBackups([]cluster.BackupInfo{info})
		},
	}
}

func (a *app) restore() *cobra.Command {
	var o cluster.RestoreOptions
	var check bool
	cmd := &cobra.Command{
		Use:   "restore FILE...",
		Short: "Make a new cluster of backups",
		Long: `Makes a new cluster in --data of the backups of one cluster, one for each Region, and does not start it. The event log of
each backup is evolved again and must lead to the state that was backed up; a damaged file is refused with the place.

The new cluster has an id of its own and each Region the next life number, so it cannot be taken for the old one, nor talk
with it. --keys names folders with root.key and keystore: of a node, or of a whole cluster.

Each Region gets --nodes nodes, whatever it had before. Who may call is in no backup: give the identity file to up.

--until ends a history early: at a time, for every Region, or behind a record of one Region (see ` + "`meridian events`" + `). Key
material that was deleted after that point is gone: it is in no backup made later.`,
		Example: `  meridian restore us.backup eu.backup --keys /safe/us-east-1 --keys /safe/eu-west-1 --data restored
  meridian restore us.backup eu.backup --keys .meridian --data restored --port 5000 --until 2026-01-31T12:00:00Z
  meridian restore us.backup --keys .meridian --data restored --until us-east-1=42
  meridian restore us.backup --check          # reads the file and says what is in it`,
		Args: between(1, 20),
		RunE: func(_ *cobra.Command, args []string) error {
			if check {
				return a.checkBackups(args)
			}
			p, err := cluster.ThisProgram()
			if err != nil {
				return err
			}
			o.Backups = args
			c, done, err := cluster.Restore(a.data, o, p, a.note)
			if err != nil {
				return err
			}
			a.note("made a cluster in %s, with %d nodes in each Region; `meridian up --data %s` starts it", c.Dir, len(c.File.Regions[0].Nodes), a.data)
			a.note("a backup holds no identity file: `meridian up --data %s --identity FILE` says who may call; without, the access key %s may", a.data, cluster.DevAccessKey)
			if a.json {
				return a.printJSON(done)
			}
			return a.table(func(row func(string, ...any)) {
				row("REGION\tLIFE\tSEQ\tOF\tTIME\tLOST MATERIALS")
				for _, r := range done {
					row("%s\t%d\t%d\t%d\t%s\t%d", r.Region, r.Life, r.Seq, r.From, r.Time, len(r.Lost))
				}
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Keys, "keys", nil, "folder with root.key and keystore of a node, with such folders by Region, or of a cluster (may be repeated)")
	f.StringSliceVar(&o.Until, "until", nil, "end at a time (RFC 3339), or behind a record: REGION=SEQ (repeat for each Region)")
	f.IntVar(&o.Nodes, "nodes", 0, fmt.Sprintf("nodes in each Region (default %d)", cluster.DefaultNodes))
	f.IntVar(&o.Port, "port", 0, fmt.Sprintf("port of the front door (default %d)", cluster.DefaultPort))
	f.BoolVar(&check, "check", false, "read the files and say what is in them; nothing is made")
	return cmd
}

func (a *app) checkBackups(files []string) error {
	var list []cluster.BackupInfo
	for _, f := range files {
		info, err := cluster.InspectBackup(f)
		if err != nil {
			return err
		}
		list = append(list, info)
	}
	return a.printBackups(list)
}

func (a *app) printBackups(list []cluster.BackupInfo) error {
	if a.json {
		return a.printJSON(list)
	}
	return a.table(func(row func(string, ...any)) {
		row("FILE\tREGION\tLIFE\tSEQ\tTIME\tBYTES\tDIGEST")
		for _, b := range list {
			row("%s\t%s\t%d\t%d\t%s\t%d\t%s", b.File, b.Region, b.Life, b.Seq, b.Time, b.Bytes, b.Digest)
		}
	})
}
