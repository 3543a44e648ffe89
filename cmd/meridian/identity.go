package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/keyengine/identity"
)

// identityCommand has what is about identity files.
func (a *app) identityCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "identity",
		Short: "Check or change who may call",
		Long:  "Checks an identity file, or puts one in force at the nodes that run.",
		Example: `  meridian identity check identity.yaml
  meridian identity reload identity.yaml`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.identityCheck(), a.identityReload())
	return cmd
}

func (a *app) identityCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE",
		Short:   "Say what is wrong with an identity file",
		Long:    "Says what is wrong with an identity file, with the lines. Nothing is changed. Exit code 1 if something is.",
		Example: `  meridian identity check identity.yaml`,
		Args:    exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			d, _, err := parseIdentity(args[0])
			if err != nil {
				return err
			}
			accounts, users, roles, keys := d.Counts()
			if a.json {
				return a.printJSON(map[string]any{"accounts": accounts, "users": users, "roles": roles, "accessKeys": keys, "digest": d.Digest()})
			}
			_, err = fmt.Fprintf(a.out, "%s is in order: %s, %s, %s, %s\n", args[0],
				several(accounts, "account"), several(users, "user"), several(roles, "role"), several(keys, "access key"))
			return err
		},
	}
}

// several is a number of things in words.
func several(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func (a *app) identityReload() *cobra.Command {
	return &cobra.Command{
		Use:   "reload [FILE]",
		Short: "Put an identity file in force",
		Long: `Puts an identity file in force at every node that runs, and keeps it in the cluster's folder. Without FILE, the
file that was given last is read again. A file that is wrong changes nothing. Nodes also take up by themselves, within a
second, what is written to identity.yaml in the folder.`,
		Example: `  meridian identity reload
  meridian identity reload identity.yaml`,
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			path := c.File.Identity
			if len(args) > 0 {
				path = args[0]
			}
			if path == "" {
				return fmt.Errorf("%w: the cluster was given no identity file yet: name one", cluster.ErrUsage)
			}
			_, text, err := parseIdentity(path)
			if err != nil {
				return err
			}
			said, err := c.ReloadIdentity(cmd.Context(), &cluster.Identity{Path: path, Text: text})
			if said == nil && err != nil {
				return err
			}
			if a.json {
				return errors.Join(err, a.printJSON(said))
			}
			return errors.Join(err, a.table(func(row func(string, ...any)) {
				for _, s := range said {
					row("%s\t%.12s\t%s", s.Node, s.Digest, s.Error)
				}
			}))
		},
	}
}

// readIdentity reads the file of --identity.
func readIdentity(path string) (*cluster.Identity, error) {
	if path == "" {
		return nil, nil
	}
	_, text, err := parseIdentity(path)
	if err != nil {
		return nil, fmt.Errorf("%w: --identity: %w", cluster.ErrUsage, err)
	}
	return &cluster.Identity{Path: path, Text: text}, nil
}

func parseIdentity(path string) (*identity.Directory, []byte, error) {
	text, err := readBounded(path, identity.MaxBytes)
	if err != nil {
		return nil, nil, err
	}
	d, err := identity.Parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, text, nil
}

// identities says which identity file the nodes go by, and who goes by another or could not read the newest.
func identities(s cluster.Status) []string {
	by := map[string][]string{}
	var lines []string
	for _, r := range s.Regions {
		for _, n := range r.Nodes {
			if n.State == cluster.Running && n.Role != "" {
				by[n.Identity] = append(by[n.Identity], n.Name)
			}
			if n.IdentityError != "" {
				lines = append(lines, n.Name+" goes on with the old file: "+n.IdentityError)
			}
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(by)) {
		name := "development access keys alone"
		if digest != "" {
			name = "file " + digest[:12]
		}
		if len(by) == 1 {
			if digest == "" {
				continue
			}
			lines = append(lines, name)
			continue
		}
		lines = append(lines, name+": "+strings.Join(by[digest], ", "))
	}
	return lines
}
