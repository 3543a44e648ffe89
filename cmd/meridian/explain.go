package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"meridian/cluster"
	"meridian/cluster/control"
	"meridian/keyengine/arn"
)

func (a *app) explain() *cobra.Command {
	var q control.Question
	var region, asOf string
	var context []string
	cmd := &cobra.Command{
		Use:   "explain --principal ARN --action kms:ACTION [--key KEY]",
		Short: "Say whether somebody may do something, and why",
		Long: `Decides a call without making it, as the Region would, and says which statement or grant decided, where it stands, and which
others nearly matched: all but one part of them did. Exit code 0 if the call is allowed, 1 if it is denied.

PRINCIPAL is an ARN of a root, a user, a role, or a session of one, or the name of a service. KEY is an id, an ARN or an alias;
without it the action is about no key. --context gives condition keys, which begin with aws: or kms:, and pairs of the encryption context.

The answer holds for all that the Region's leader had acknowledged before; with --consistency eventual, for what the node knows that answers.
With --as-of it decides by the key's policy and grants as they were. Principals and their policies are those of the identity file in force.`,
		Example: `  meridian explain --principal arn:aws:iam::111122223333:user/alice --action kms:Decrypt --key alias/app --context app=x
  meridian explain --principal arn:aws:iam::111122223333:role/r --action kms:CreateKey --region eu-west-1 -o json
  meridian explain --principal arn:aws:iam::111122223333:root --action kms:Encrypt --key 1234abcd-12ab-34cd-56ef-1234567890ab --as-of 42`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Principal == "" || q.Action == "" {
				return fmt.Errorf("%w: --principal and --action are needed", cluster.ErrUsage)
			}
			if asOf != "" {
				at, err := cluster.ParsePoint(asOf)
				if err != nil {
					return err
				}
				q.Seq, q.AtMillis = at.Seq, at.AtMillis
			}
			q.Context = map[string]string{}
			for _, pair := range context {
				name, value, ok := strings.Cut(pair, "=")
				if !ok || name == "" {
					return fmt.Errorf("%w: --context %.80q is not NAME=VALUE", cluster.ErrUsage, pair)
				}
				q.Context[name] = value
			}
			c, err := a.open()
			if err != nil {
				return err
			}
			if region == "" {
				region = c.File.Regions[0].Name
				if name, err := arn.Parse(q.Key); err == nil && name.Form.IsARN() {
					region = name.Region
				}
			}
			r, err := c.Explain(cmd.Context(), region, q)
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(r)
			} else {
				a.printReasons(r)
			}
			if err == nil && !r.Allowed {
				return errSaid
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Principal, "principal", "", "who: an ARN, or the name of a service")
	f.StringVar(&q.Action, "action", "", "what: an action such as kms:Decrypt")
	f.StringVar(&q.Key, "key", "", "the key: id, ARN, alias")
	f.StringArrayVar(&context, "context", nil, "NAME=VALUE of a condition key or of the encryption context; may be given several times")
	f.StringArrayVar(&q.Tokens, "grant-token", nil, "a grant token that comes with the call")
	f.StringVar(&region, "region", "", "the Region that decides (default: that of the key's ARN, or the first)")
	f.StringVar(&q.Consistency, "consistency", "strong", "strong: by all that the Region acknowledged; eventual: by what the node knows that answers")
	f.StringVar(&asOf, "as-of", "", "as it was behind this seq of the Region's event log, or at this time (RFC 3339)")
	return cmd
}

func (a *app) printReasons(r control.Reasons) {
	word := "denied"
	if r.Allowed {
		word = "allowed"
	}
	fmt.Fprintf(a.out, "%s (%s): %s, %s, on %s in %s at record %d\n", word, r.Reason, r.Principal, r.Action, r.Resource, r.Region, r.Seq)
	if r.By != "" {
		fmt.Fprintf(a.out, "by:   %s\n", r.By)
	}
	if r.Via != "" {
		fmt.Fprintf(a.out, "via:  %s\n", r.Via)
	}
	if r.Message != "" {
		fmt.Fprintf(a.out, "told: %s\n", r.Message)
	}
	for _, n := range r.Near {
		effect := ""
		if n.Deny {
			effect = " (Deny)"
		}
		fmt.Fprintf(a.out, "near: %s%s: %s\n", n.Where, effect, strings.Join(n.Failed, "; "))
	}
}
