package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/region/audit"
)

func (a *app) audit() *cobra.Command {
	var q cluster.AuditQuery
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who called what, in the form of CloudTrail",
		Long: `Shows the records that the nodes keep of the calls they answered, and of what Regions did by themselves, merged by
time. As JSON they are one file of CloudTrail, {"Records": [...]}; with --follow one object a line. Nodes need not run.`,
		Example: `  meridian audit --region us-east-1
  meridian audit --key mrk-1234abcd12ab34cd56ef1234567890ab -o json | jq '.Records[].eventName'
  meridian audit --failed --follow`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Key != "" {
				if err := cluster.CheckKeyName(q.Key); err != nil {
					return err
				}
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			if q.Key != "" {
				key, err := c.FindKey(cmd.Context(), q.Key, q.Regions)
				if err != nil {
					return err
				}
				q.Key = key.ID
			}
			return a.showAudit(cmd, c, q)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&q.Regions, "region", nil, "only these Regions")
	f.StringVar(&q.Key, "key", "", "only this key: its id or an alias, or the ARN of one")
	f.BoolVar(&q.Failed, "failed", false, "only calls that failed")
	f.BoolVarP(&q.Follow, "follow", "f", false, "go on with the calls to come")
	return cmd
}

func (a *app) showAudit(cmd *cobra.Command, c *cluster.Cluster, q cluster.AuditQuery) error {
	if !a.json || q.Follow {
		seen := false
		err := c.Audit(cmd.Context(), q, func(r *audit.Record) error {
			seen = true
			return a.printRecord(r)
		})
		if err == nil && !seen && !q.Follow {
			err = noRecord(q)
		}
		return err
	}
	separator := `{"Records":[` + "\n"
	err := c.Audit(cmd.Context(), q, func(r *audit.Record) error {
		_, err := fmt.Fprint(a.out, separator, r.Line)
		separator = ",\n"
		return err
	})
	if err != nil {
		return err
	}
	if strings.HasPrefix(separator, "{") {
		_, err = fmt.Fprintln(a.out, `{"Records":[]}`)
		err = errors.Join(err, noRecord(q))
	} else {
		_, err = fmt.Fprintln(a.out, "\n]}")
	}
	return err
}

// noRecord is that nothing is recorded about the key that was asked for. Without a key, nothing is an answer.
func noRecord(q cluster.AuditQuery) error {
	if q.Key == "" {
		return nil
	}
	return fmt.Errorf("no record is about a key %s%s", q.Key, map[bool]string{true: ", of a call that failed"}[q.Failed])
}

func (a *app) printRecord(r *audit.Record) error {
	if a.json {
		_, err := fmt.Fprintln(a.out, r.Line)
		return err
	}
	e := &r.Event
	who := e.Identity.ARN
	for _, other := range []string{e.Identity.InvokedBy, e.Identity.Account} {
		if who == "" {
			who = other
		}
	}
	key := ""
	if len(e.Resources) > 0 {
		key = e.Resources[0].ARN
		key = key[strings.LastIndexByte(key, '/')+1:]
	}
	at := time.UnixMilli(e.Meridian.TimeMillis).UTC().Format("2006-01-02T15:04:05.000Z")
	_, err := fmt.Fprintf(a.out, "%s %-18s %-26s %-38s %s %s\n", at, e.Meridian.Node, e.Name, orDash(key), orDash(who), orDash(e.ErrorCode))
	return err
}
