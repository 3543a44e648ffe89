package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/layout"
	"meridian/cluster/seed"
	"meridian/keyengine/attestation"
	"meridian/keyengine/primitive/builtin"
	"meridian/region"
	"meridian/replication/lagprofile"
)

func (a *app) up() *cobra.Command {
	var o cluster.Options
	var detach, explain bool
	var timeout time.Duration
	var roots, throttle, seedFile, identityFile, lag, record string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster and wait until every Region answers",
		Long: `Starts the cluster of --data: on the first time it is made, with its Regions, nodes, ports and keys.

Without --detach it stays, shows what changes, and takes everything down at Ctrl-C. With --detach a supervisor stays
behind. A cluster that runs already is left as it is, nodes of it that do not run are started. --regions may name
further Regions while the cluster is down; what else was chosen at first stays.

--seed-file makes keys with the ids, material, aliases, policies, tags and replicas of a YAML file (local-kms's form
is read too) when all is ready. --attestation-roots says which attestation documents a Recipient may present.
--identity says who may call; without it only the development access keys are known. ` + "`meridian identity`" + ` changes it later.`,
		Example: `  meridian up
  meridian up --detach --regions us-east-1,eu-west-1 --nodes 3 --port 4600
  meridian up --consistency eventual
  meridian up --transport http
  meridian up --detach --lag aws-like
  meridian up --grant-delay 5m --explain
  meridian up --log-format json --log-level debug
  meridian up --authorization soft
  meridian up --detach --seed-file keys.yaml
  meridian up --throttle aws
  meridian up --attestation-roots roots.pem
  meridian up --detach --identity identity.yaml`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := region.ParseConsistency(o.Consistency); err != nil {
				return fmt.Errorf("%w: %w", cluster.ErrUsage, err)
			}
			if err := layout.CheckTransport(o.Transport); err != nil {
				return fmt.Errorf("%w: --%w", cluster.ErrUsage, err)
			}
			if cmd.Flags().Changed("explain") {
				o.Explain = &explain
			}
			if err := noZeros(cmd, o); err != nil {
				return err
			}
			var err error
			if o.AttestationRoots, err = readRoots(roots); err != nil {
				return err
			}
			if o.Identity, err = readIdentity(identityFile); err != nil {
				return err
			}
			if o.Throttle, err = readThrottle(throttle); err != nil {
				return err
			}
			var profile *lagprofile.Profile
			if lag != "" {
				p, err := readProfile(lag)
				if err != nil {
					return err
				}
				profile = &p
			}
			keys, err := readSeeds(seedFile)
			if err != nil {
				return err
			}
			if keys != nil {
				o.Check = func(regions []string) error {
					if err := keys.Place(regions); err != nil {
						return fmt.Errorf("--seed-file %s: %w", seedFile, err)
					}
					return nil
				}
			}
			p, err := cluster.ThisProgram()
			if err != nil {
				return err
			}
			c, err := cluster.Prepare(a.data, o, p, a.note)
			if err != nil {
				return err
			}
			if err := a.setLag(cmd.Context(), c, profile); err != nil {
				return err
			}
			if record != "" {
				if err := c.OrderRecording(record, cluster.DefaultRecordBytes); err != nil {
					return err
				}
			}
			if detach || c.Supervised() {
				return a.upDetached(cmd.Context(), c, timeout, keys)
			}
			return a.upHere(cmd.Context(), c, timeout, keys)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Regions, "regions", nil, "Regions, in the order of their ports (default "+strings.Join(cluster.DefaultRegions(), ",")+")")
	f.IntVar(&o.Nodes, "nodes", 0, fmt.Sprintf("nodes in each Region (default %d)", cluster.DefaultNodes))
	f.IntVar(&o.Port, "port", 0, fmt.Sprintf("port of the front door; the others lie above it (default %d)", cluster.DefaultPort))
	f.StringVar(&o.Consistency, "consistency", "", "level of reads that ask for none: default, eventual, session, bounded=<ms>, strong, flapping[=<seed>]")
	f.StringVar(&o.Transport, "transport", "", "between Regions: auto (NATS, and HTTP where that does not get through) or http (HTTP alone, no broker)")
	f.StringVar(&record, "record", "", "record every call at the front door into this new file, for check to judge: see record")
	f.StringVar(&lag, "lag", "", "how long what Regions tell each other is held back: "+strings.Join(lagprofile.Presets(), ", ")+", or a file; it stays until changed")
	f.StringVar(&o.Authorization, "authorization", "", "enforce, or soft: calls that policies deny go on, and the nodes' logs say so (default enforce)")
	f.BoolVar(&explain, "explain", false, "answer calls with the header x-meridian-explain: 1 with the reasons of their decisions")
	f.StringVar(&o.GrantDelay, "grant-delay", "", "how long a new grant does not count for those without its token, in Region time, or lag: as the lag profile says (default lag)")
	f.StringVar(&o.LogFormat, "log-format", "", "form of the processes' logs: text or json (default text)")
	f.StringVar(&o.LogLevel, "log-level", "", "what they hold: debug (each call), info, warn or error (default info)")
	f.StringVar(&roots, "attestation-roots", "", "PEM file with the root certificates that attestation documents must lead to; it is kept in the cluster's folder")
	f.StringVar(&identityFile, "identity", "", "YAML file of accounts, users, roles, access keys and their policies; it is kept in the cluster's folder")
	f.StringVar(&throttle, "throttle", "", "request quotas: aws, off or a YAML file; kept in the cluster's folder (default off)")
	f.StringVar(&seedFile, "seed-file", "", "YAML file of keys to make, with their ids; keys that are there are left as they are")
	f.BoolVar(&detach, "detach", false, "leave a supervisor behind and return when all is ready")
	f.DurationVar(&timeout, "timeout", time.Minute, "how long to wait until all is ready")
	return cmd
}

// maxRoots bounds the file of --attestation-roots in bytes.
const maxRoots = 1 << 20

// readRoots reads the file of --attestation-roots, which decides what callers may be given secrets.
func readRoots(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readBounded(path, maxRoots)
	if err != nil {
		return nil, fmt.Errorf("%w: --attestation-roots: %w", cluster.ErrUsage, err)
	}
	if _, err := attestation.ParseRoots(text); err != nil {
		return nil, fmt.Errorf("%w: --attestation-roots %s: %w", cluster.ErrUsage, path, err)
	}
	return text, nil
}

// readSeeds reads the file of --seed-file.
func readSeeds(path string) (*seed.File, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readBounded(path, seed.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: --seed-file: %w", cluster.ErrUsage, err)
	}
	f, err := seed.Parse(text, builtin.Set())
	if err != nil {
		return nil, fmt.Errorf("%w: --seed-file %s: %w", cluster.ErrUsage, path, err)
	}
	return f, nil
}

// readBounded reads a file, and not much more than most bytes of it.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}

// seed makes the keys of a seed file, if there is one.
func (a *app) seed(ctx context.Context, c *cluster.Cluster, keys *seed.File) error {
	if keys == nil {
		return nil
	}
	for _, n := range keys.Notes {
		a.note("seed: %s", n)
	}
	s, err := c.Seed(ctx, keys)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	a.note("seed: %d keys made, %d left as they were", s.Made, s.Left)
	return nil
}

// noZeros refuses what was asked for and is nothing: a zero in the options stands for the default.
func noZeros(cmd *cobra.Command, o cluster.Options) error {
	for _, f := range []struct {
		name string
		zero bool
		says string
	}{
		{"regions", len(o.Regions) == 0, "names no Region"},
		{"nodes", o.Nodes == 0, fmt.Sprintf("0 is not between 1 and %d", layout.MaxNodes)},
		{"port", o.Port == 0, fmt.Sprintf("0 is no port: leave it out for %d", cluster.DefaultPort)},
	} {
		if f.zero && cmd.Flags().Changed(f.name) {
			return fmt.Errorf("%w: --%s %s", cluster.ErrUsage, f.name, f.says)
		}
	}
	return nil
}

// upDetached leaves the cluster to a supervisor of its own. Where that fails it stays too, to be looked at.
func (a *app) upDetached(ctx context.Context, c *cluster.Cluster, timeout time.Duration, keys *seed.File) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := c.Detach(ctx)
	if err == nil {
		err = c.AwaitReady(ctx)
	}
	if err != nil {
		if n := c.Living(); n > 0 {
			a.note("%d process(es) of the cluster still run; `meridian down` ends them", n)
		}
		return err
	}
	if err := a.noteRecording(ctx, c); err != nil {
		return err
	}
	if err := a.seed(ctx, c, keys); err != nil {
		return err
	}
	return a.endpoints(c)
}

// upHere supervises the cluster in this process until it is told to end.
func (a *app) upHere(ctx context.Context, c *cluster.Cluster, timeout time.Duration, keys *seed.File) error {
	if err := c.ClaimSupervision(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	supervised := make(chan error, 1)
	go func() {
		supervised <- c.Supervise(ctx)
		cancel()
	}()
	waiting, stop := context.WithTimeout(ctx, timeout)
	err := c.AwaitReady(waiting)
	if err == nil {
		err = a.noteRecording(waiting, c)
	}
	if err == nil {
		err = a.seed(waiting, c, keys)
	}
	stop()
	if err == nil {
		err = a.endpoints(c)
	}
	if err == nil {
		a.note("running; Ctrl-C takes everything down")
		err = a.follow(ctx, c)
	}
	told := ctx.Err() != nil
	cancel()
	if ended := <-supervised; ended != nil || told {
		return ended // why it ended says more than what that broke off
	}
	return err
}

// follow shows on stderr what changes, until ctx ends.
func (a *app) follow(ctx context.Context, c *cluster.Cluster) error {
	said := make(map[string]string)
	return c.Watch(ctx, func(s cluster.Status) {
		for _, r := range s.Regions {
			if now := summary(r); said[r.Region] != now {
				said[r.Region] = now
				a.note("%s  %s", time.Now().Format(time.TimeOnly), now)
			}
		}
	})
}

func summary(r cluster.RegionStatus) string {
	leader, ready := "no leader", 0
	if r.Leader != "" {
		leader = "leader " + r.Leader
	}
	var odd []string
	for _, n := range r.Nodes {
		if n.Ready {
			ready++
		}
		if n.State != cluster.Running {
			odd = append(odd, n.Name+" "+n.State)
		}
	}
	text := fmt.Sprintf("%-16s %d of %d ready, %s", r.Region, ready, len(r.Nodes), leader)
	if len(odd) > 0 {
		text += ", " + strings.Join(odd, ", ")
	}
	return text
}

// endpoints prints where the cluster is, and what to paste into a shell.
func (a *app) endpoints(c *cluster.Cluster) error {
	type endpoint struct {
		Region   string `json:"region"`
		Endpoint string `json:"endpoint"`
	}
	door := "http://" + c.File.Addr(c.File.Port)
	var regions []endpoint
	for _, r := range c.File.Regions {
		regions = append(regions, endpoint{r.Name, "http://" + c.File.Addr(r.Port)})
	}
	if a.json {
		return a.printJSON(struct {
			ClusterID string     `json:"clusterId"`
			Endpoint  string     `json:"endpoint"`
			Regions   []endpoint `json:"regions"`
		}{c.File.ID, door, regions})
	}
	err := a.table(func(row func(string, ...any)) {
		row("front door\t%s\t(every Region, told apart by the signature)", door)
		for _, r := range regions {
			row("%s\t%s", r.Region, r.Endpoint)
		}
	})
	fmt.Fprintf(a.out, "\n%s", c.Exports())
	return err
}

func (a *app) down() *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "End every process of the cluster",
		Long:  "Ends every process of the cluster, with or without a supervisor. The data stays, unless --purge.",
		Example: `  meridian down
  meridian down --purge`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ran, err := cluster.Down(cmd.Context(), a.data, a.note)
			if err == nil && purge {
				err = cluster.Purge(a.data)
			}
			if err != nil {
				return err
			}
			if !ran {
				a.note("nothing ran")
			}
			if purge {
				a.note("removed %s", a.data)
			}
			if a.json {
				return a.printJSON(map[string]bool{"ran": ran, "purged": purge})
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "remove the data too")
	return cmd
}

// noteDevelopmentKeys says so where what is printed does not let anybody call.
func (a *app) noteDevelopmentKeys(c *cluster.Cluster) {
	switch works, err := c.DevelopmentKeys(); {
	case err != nil:
		a.note("%v", err)
	case !works:
		a.note("the identity file in force turns the access key %s off: put one of its access keys in the place of it", cluster.DevAccessKey)
	}
}

func (a *app) envCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "env",
		Short:   "Print what leads AWS clients of a shell to the cluster",
		Example: `  eval "$(meridian env)"`,
		Args:    exactly(0),
		RunE: func(*cobra.Command, []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			a.noteDevelopmentKeys(c)
			if a.json {
				vars := make(map[string]string)
				for _, v := range c.Env() {
					vars[v[0]] = v[1]
				}
				return a.printJSON(vars)
			}
			_, err = fmt.Fprint(a.out, c.Exports())
			return err
		},
	}
}

func (a *app) awsConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "aws-config",
		Short: "Print a profile for each Region, for ~/.aws/config",
		Example: `  meridian aws-config >> ~/.aws/config
  aws --profile kms-us-east-1 kms list-keys`,
		Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			a.noteDevelopmentKeys(c)
			if a.json {
				return a.printJSON(map[string]string{"config": c.AWSConfig()})
			}
			_, err = fmt.Fprint(a.out, c.AWSConfig())
			return err
		},
	}
}

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what commonly goes wrong",
		Long:  "Looks at the folder, the ports, the processes, the environment, the clock and the programs that examples use. Exit code 1 if something cannot work.",
		Example: `  meridian doctor
  meridian doctor -o json | jq '.[] | select(.grade != "ok")'`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := cluster.Diagnose(cmd.Context(), a.data, a.env)
			var err error
			if a.json {
				err = a.printJSON(findings)
			} else {
				err = a.table(func(row func(string, ...any)) {
					for _, f := range findings {
						row("%s\t%s\t%s", f.Grade, f.About, f.Says)
					}
				})
			}
			for _, f := range findings {
				if f.Grade == cluster.Bad {
					err = errors.Join(err, errSaid)
				}
			}
			return err
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Example: `  meridian version
  meridian version -o json | jq -r .version`,
		Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(map[string]string{"version": buildVersion()})
			}
			_, err := fmt.Fprintln(a.out, "meridian", buildVersion())
			return err
		},
	}
}
