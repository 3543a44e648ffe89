package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"meridian/cluster"
	"meridian/cluster/auditor"
)

// inspect judges what the Regions did, once or until it is told to end.
func (a *app) inspect(ctx context.Context, inspection *cluster.Inspection, follow bool) error {
	if follow {
		return a.followInspection(ctx, inspection)
	}
	report, err := inspection.Settle(ctx)
	if err != nil {
		err = fmt.Errorf("%w: %w", cluster.ErrUnknown, err)
	} else if !report.OK {
		err = errSaid
	}
	if a.json {
		return errors.Join(a.printJSON(report), err)
	}
	return errors.Join(a.printInspection(report), err)
}

// followInspection shows each finding once. As JSON, it shows a report a line whenever there is something new.
func (a *app) followInspection(ctx context.Context, inspection *cluster.Inspection) error {
	shown, trouble := 0, ""
	var last auditor.Report
	err := inspection.Follow(ctx, func(report auditor.Report, unread error) error {
		last = report
		if said := fmt.Sprint(unread); unread != nil && said != trouble {
			a.note("%s", said)
			trouble = said
		} else if unread == nil {
			trouble = ""
		}
		if shown == len(report.Findings) {
			return nil
		}
		fresh := report.Findings[shown:]
		shown = len(report.Findings)
		if a.json {
			return a.printLine(report)
		}
		return a.printFindings(fresh)
	})
	if a.json {
		err = errors.Join(err, a.printLine(last))
	} else {
		err = errors.Join(err, a.printInspectionSum(last))
	}
	if err == nil && !last.OK {
		err = errSaid
	}
	return err
}

func (a *app) printInspection(r auditor.Report) error {
	return errors.Join(a.printFindings(r.Findings), a.printInspectionSum(r))
}

func (a *app) printFindings(findings []auditor.Finding) error {
	for _, f := range findings {
		if _, err := fmt.Fprintf(a.out, "%-24s %s seq %d  %s  %s\n", f.Invariant, f.Region, f.Seq, orDash(f.Key), f.Text); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printInspectionSum(r auditor.Report) error {
	word := "every invariant holds"
	if !r.OK {
		word = fmt.Sprintf("VIOLATED: %d findings", len(r.Findings)+r.More)
	}
	fmt.Fprintf(a.out, "%s: %d events of %d keys, %d checks, %d claims open; read up to", word, r.Events, r.Keys, r.Checked, r.Open)
	for _, region := range slices.Sorted(maps.Keys(r.Seqs)) {
		fmt.Fprintf(a.out, " %s:%d", region, r.Seqs[region])
	}
	_, err := fmt.Fprintln(a.out)
	return err
}
