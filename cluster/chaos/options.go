package chaos

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"meridian/cluster"
	"meridian/cluster/check"
	"meridian/cluster/layout"
)

// Defaults and bounds of a run.
const (
	DefaultFor     = 3 * time.Minute
	DefaultClients = 6
	DefaultPace    = 60 * time.Millisecond
	MaxClients     = 64
	prepareTime    = 90 * time.Second
	mendTime       = 2 * time.Minute
	settleTime     = 2 * time.Minute
	sweepTime      = time.Minute
)

// Options of a run; zero values: the defaults.
type Options struct {
	Seed    uint64
	For     time.Duration // of the load under faults
	Clients int
	Pace    time.Duration // average pause of a client between its calls
	// Schedule is what faults come when; nil: drawn of the seed.
	Schedule Schedule
	// History is the file to record in, which stays; empty: a temporary one.
	History string
	// Plant adds to the history an acknowledged write that never happened: the judges must find it.
	Plant   bool
	Version string // of this program, for the report
	Search  time.Duration
	// Auditors, beside Invariants, watch the cluster from before the first fault until everything is quiet.
	Auditors []Auditor
	Note     func(format string, args ...any) // tells people what happens; nil: nobody
}

// An Auditor watches a cluster until ctx ends, and then says what it found.
type Auditor func(ctx context.Context, c *cluster.Cluster) check.Verdict

func (o Options) withDefaults(c *cluster.Cluster) Options {
	o.For, o.Clients, o.Pace = cmp.Or(o.For, DefaultFor), cmp.Or(o.Clients, DefaultClients), cmp.Or(o.Pace, DefaultPace)
	o.Search = cmp.Or(o.Search, 30*time.Second)
	o.Auditors = append([]Auditor{Invariants}, o.Auditors...)
	if o.Note == nil {
		o.Note = func(string, ...any) {}
	}
	if o.Schedule == nil {
		o.Schedule = Draw(o.Seed, ShapeOf(c), o.For)
	}
	return o
}

// ShapeOf is the shape of a cluster: as many nodes as each Region has that vote and are numbered without a gap.
func ShapeOf(c *cluster.Cluster) Shape {
	s := Shape{Regions: c.File.Names(), Nodes: layout.MaxNodes}
	for _, r := range c.File.Regions {
		n := 0
		for n < len(r.Nodes) && layout.NodeNumber(r.Nodes[n].Name) == n+1 && !r.Nodes[n].ReadReplica {
			n++
		}
		s.Nodes = min(s.Nodes, n)
	}
	return s
}

// fits says why a run cannot be.
func fits(o Options, c *cluster.Cluster) error {
	switch {
	case o.Clients < 1 || o.Clients > MaxClients:
		return fmt.Errorf("%d clients are not between 1 and %d", o.Clients, MaxClients)
	case o.For < time.Second || o.For > maxAt:
		return fmt.Errorf("a load of %s is not between 1s and %s", o.For, maxAt)
	case o.Pace < 0:
		return fmt.Errorf("a pace of %s is below 0", o.Pace)
	}
	for _, f := range o.Schedule {
		if err := f.Validate(); err != nil {
			return err
		}
		for _, p := range f.Places {
			if err := exists(c, p); err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
		}
		if f.At >= o.For {
			return fmt.Errorf("%s begins at %s, when the load of %s is over: use --for", f, f.At, o.For)
		}
	}
	return nil
}

func exists(c *cluster.Cluster, place string) error {
	region := regionOf(place)
	if _, ok := c.File.Region(region); !ok {
		return fmt.Errorf("the cluster has no Region %s", region)
	}
	if place == region || place == region+"/leader" || place == region+"/majority" {
		return nil
	}
	if _, ok := c.File.Node(place); !ok {
		return fmt.Errorf("the cluster has no node %s", place)
	}
	return nil
}
