package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meridian/cluster/auditor"
	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// inspectionTempo is how often an inspection that goes on reads the Regions' logs.
const inspectionTempo = time.Second

// settleTries bounds how often an inspection reads on until no claim waits for another Region's log.
const settleTries = 5

// An Inspection reads the event logs of all Regions, again and again, and judges them. It belongs to one goroutine at a time.
type Inspection struct {
	cluster *Cluster
	auditor *auditor.Auditor
	lives   map[string]uint64
}

// NewInspection makes an Inspection that has read nothing.
func (c *Cluster) NewInspection() *Inspection {
	return &Inspection{cluster: c, auditor: auditor.New(), lives: map[string]uint64{}}
}

// Read reads on in every Region's log, at its leader if there is one, and reports what was found until now. An error says
// which Regions could not be read; what the others say is judged as far as it can be.
func (a *Inspection) Read(ctx context.Context) (auditor.Report, error) {
	var err error
	a.cluster = a.cluster.Again()
	for i := range a.cluster.File.Regions {
		err = errors.Join(err, a.readRegion(ctx, &a.cluster.File.Regions[i]))
	}
	return a.auditor.Report(), err
}

// Settle reads until no claim of one Region waits for the log of another.
func (a *Inspection) Settle(ctx context.Context) (report auditor.Report, err error) {
	for range settleTries {
		if report, err = a.Read(ctx); err != nil || report.Open == 0 {
			break
		}
	}
	return report, err
}

// Follow reads on every second until ctx ends, and shows each report in which something was found or that follows an error.
func (a *Inspection) Follow(ctx context.Context, show func(auditor.Report, error) error) error {
	tick := time.NewTicker(inspectionTempo)
	defer tick.Stop()
	for {
		report, err := a.Read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := show(report, err); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// readRegion reads on in a Region's log. The log of a new life is read from its start.
func (a *Inspection) readRegion(ctx context.Context, r *layout.Region) error {
	client, err := a.cluster.anyNode(ctx, r)
	if err != nil {
		return err
	}
	s, err := client.Status(ctx)
	if err != nil {
		return fmt.Errorf("read the log of %s: %w", r.Name, err)
	}
	if had, ok := a.lives[r.Name]; ok && s.Life > had {
		a.auditor.Restart(r.Name)
	}
	a.lives[r.Name] = s.Life
	return a.take(ctx, client, s)
}

// take gives the auditor what it has not read of a Region. Only a leader's log is the whole one.
func (a *Inspection) take(ctx context.Context, client *control.Client, s control.Status) error {
	a.auditor.Begin(s.Region)
	for record, err := range client.Records(ctx, a.auditor.Next(s.Region)) {
		if err == nil {
			err = a.auditor.Take(s.Region, record.Seq, record.Record)
		}
		if err != nil {
			return fmt.Errorf("read the log of %s: %w", s.Region, err)
		}
	}
	if s.Role == control.Leader {
		a.auditor.End(s.Region)
	}
	return nil
}
