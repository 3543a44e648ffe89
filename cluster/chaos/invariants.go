package chaos

import (
	"context"
	"fmt"
	"time"

	"meridian/cluster"
	"meridian/cluster/auditor"
	"meridian/cluster/check"
)

// inspectTime bounds the last reading of the logs, of which most was read during the run.
const inspectTime = 10 * time.Minute

// Invariants is the Auditor of every run: it reads the Regions' event logs while they are written, and once more when all
// is quiet, and holds them to the invariants of the cross-Region protocol.
func Invariants(ctx context.Context, c *cluster.Cluster) check.Verdict {
	v := check.Verdict{Judge: "invariants", Unit: "checks"}
	inspection := c.NewInspection()
	// A log that cannot be read while its Region is away is read afterwards.
	if err := inspection.Follow(ctx, func(auditor.Report, error) error { return nil }); err != nil {
		v.Undecided = err.Error()
		return v
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), inspectTime)
	defer cancel()
	report, err := inspection.Settle(limit)
	if err != nil {
		v.Undecided = err.Error()
	}
	v.Checked = int(report.Checked)
	v.Notes = []string{fmt.Sprintf("%d events of %d keys; %d claims that no log could confirm", report.Events, report.Keys, report.Open)}
	for _, f := range report.Findings {
		text := fmt.Sprintf("%s: %s seq %d, key %s: %s", f.Invariant, f.Region, f.Seq, f.Key, f.Text)
		if v.Violation == "" {
			v.Violation = text
		} else {
			v.Notes = append(v.Notes, text)
		}
	}
	return v
}
