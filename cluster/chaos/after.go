package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster"
	"meridian/cluster/check"
	"meridian/cluster/history"
)

// mend ends whatever is in force and waits until the Regions agree. Where that does not come to be, the settled judge says
// so, and the others judge what there is.
func (r *run) mend(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, mendTime)
	defer cancel()
	r.settled = check.Verdict{Judge: "settled", Unit: "links"}
	c, err := cluster.Open(string(r.c.Dir), r.c.Program, func(string, ...any) {})
	if err == nil {
		err = errors.Join(c.Heal(limit, "", ""), startAll(limit, c))
	}
	switch {
	case err == nil:
		r.settle(ctx, c)
	case errors.Is(err, cluster.ErrUnknown):
		r.settled.Undecided = fmt.Sprintf("not every node was ready %s after everything was healed: %v", mendTime, err)
	default:
		r.settled.Violation = fmt.Sprintf("the cluster could not be mended: %v", err)
	}
}

func startAll(ctx context.Context, c *cluster.Cluster) (err error) {
	for _, region := range c.File.Names() {
		names, failed := c.Resolve(ctx, region)
		err = errors.Join(err, failed, c.Start(ctx, names...))
	}
	if err == nil || errors.Is(err, cluster.ErrUnknown) { // who was slow to start is waited for
		err = c.AwaitReady(ctx)
	}
	return err
}

// settle waits until the Regions agree, which has to come to be by itself.
func (r *run) settle(ctx context.Context, c *cluster.Cluster) {
	r.Note("healed; waiting until the Regions agree")
	limit, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	begun := time.Now()
	lags, err := c.AwaitConverged(limit)
	r.settled.Checked = len(lags)
	if err != nil {
		r.settled.Violation = fmt.Sprintf("%s after the last fault was healed: %v", settleTime, err)
	} else {
		r.settled.Notes = []string{fmt.Sprintf("the Regions agreed %s after everything was healed", time.Since(begun).Round(time.Millisecond))}
	}
}

// sweep asks every Region for every multi-Region key, when nothing is written any more.
func (r *run) sweep(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	c := r.door.newClient("sweeper", "strong", r.ring)
	if r.Plant {
		r.plant()
	}
	r.rec.Mark(history.Quiet)
	for _, region := range r.c.File.Names() {
		for _, slots := range r.ring.shared {
			for _, s := range slots {
				_, _ = c.in[region].DescribeKey(limit, &kms.DescribeKeyInput{KeyId: &s.key}) // its answer is in the history
				for _, blob := range s.blobs {
					_, _ = c.in[region].Decrypt(limit, &kms.DecryptInput{CiphertextBlob: blob})
				}
			}
		}
		for _, slots := range r.ring.regions[region] {
			for _, s := range slots {
				_, _ = c.in[region].DescribeKey(limit, &kms.DescribeKeyInput{KeyId: &s.key})
			}
		}
		_, _ = c.in[region].GenerateDataKey(limit, &kms.GenerateDataKeyInput{KeyId: aws.String(r.ring.shared[Mobile][0].key), KeySpec: types.DataKeySpecAes256})
	}
}

// plant notes a write as if it had been acknowledged.
func (r *run) plant() {
	now := r.rec.Now()
	region := r.c.File.Names()[0]
	r.rec.Add(history.Entry{
		Client: "planted", Region: region, Level: "strong", Operation: "UpdateKeyDescription", Start: now, End: now, Outcome: history.OK,
		Ask: history.Ask{Key: r.ring.regions[region][Local][0].key, Description: "a write that is lost"},
	})
}

// logs replays every node's event log, one after the other, for as long as that takes.
func (r *run) logs(ctx context.Context) check.Verdict {
	v := check.Verdict{Judge: "logs", Unit: "records"}
	c, err := cluster.Open(string(r.c.Dir), r.c.Program, r.Note)
	if err != nil {
		v.Undecided = err.Error()
		return v
	}
	r.Note("replaying the event log of every node")
	found, err := c.Verify(ctx)
	for _, n := range found.Nodes {
		v.Checked += int(n.Seq)
		for _, p := range n.Problems {
			v.Violation = cmp.Or(v.Violation, n.Name+": "+p)
		}
		if !n.ChainOK {
			v.Violation = cmp.Or(v.Violation, n.Name+": the chain of its log is broken")
		}
	}
	if err != nil {
		v.Undecided = err.Error()
	}
	v.Notes = []string{fmt.Sprintf("the event logs of %d nodes lead to what the nodes hold", len(found.Nodes))}
	return v
}
