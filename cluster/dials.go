package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/replication"
	"meridian/replication/lagprofile"
)

// Dials returns how the synchronisation between Regions is set.
func (c *Cluster) Dials() (replication.Dials, error) { return replication.LoadDials(c.Dir.DialsFile()) }

// SetLag puts a lag profile in force. It returns when every live node obeys it.
func (c *Cluster) SetLag(ctx context.Context, p lagprofile.Profile) error {
	if err := c.checkLag(&p); err != nil {
		return err
	}
	return c.TurnDials(ctx, func(d *replication.Dials) { d.Lag = p })
}

// DelayLink changes the delay of a class, or of all with an empty one, on a link, or on all with empty names.
func (c *Cluster) DelayLink(ctx context.Context, l lagprofile.Link, both bool, class lagprofile.Class, delay lagprofile.Dist) error {
	d, err := c.Dials()
	if err != nil {
		return err
	}
	p := d.Lag.With(l, both, class, delay)
	if err := c.checkLag(&p); err != nil {
		return err
	}
	return c.TurnDials(ctx, func(d *replication.Dials) { d.Lag = d.Lag.With(l, both, class, delay) })
}

// checkLag refuses a profile that is none, or is about a Region that this cluster does not have. Profiles in files may be
// about more Regions than a cluster has, so that only exceptions that never count are refused.
func (c *Cluster) checkLag(p *lagprofile.Profile) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("%w: lag profile: %w", ErrUsage, err)
	}
	known := append(c.File.Names(), lagprofile.Any)
	for _, r := range p.Links {
		for _, name := range []string{r.From, r.To} {
			if !slices.Contains(known, name) {
				return fmt.Errorf("%w: the lag profile names the Region %q, which the cluster does not have: %s", ErrUsage, name, strings.Join(c.File.Names(), ", "))
			}
		}
	}
	return nil
}

// PauseSync stops the synchronisation of a Region with all others, or of all with an empty name; everything else goes
// on. It returns when every live node obeys.
func (c *Cluster) PauseSync(ctx context.Context, region string) error {
	names, err := c.regionsNamed(region)
	if err != nil {
		return err
	}
	return c.TurnDials(ctx, func(d *replication.Dials) {
		d.Paused = slices.Compact(slices.Sorted(slices.Values(append(d.Paused, names...))))
	})
}

// ResumeSync lets it go on.
func (c *Cluster) ResumeSync(ctx context.Context, region string) error {
	names, err := c.regionsNamed(region)
	if err != nil {
		return err
	}
	return c.TurnDials(ctx, func(d *replication.Dials) {
		d.Paused = slices.DeleteFunc(slices.Clone(d.Paused), func(r string) bool { return slices.Contains(names, r) })
	})
}

// regionsNamed is one Region, or all with an empty name.
func (c *Cluster) regionsNamed(region string) ([]string, error) {
	if region == "" {
		return c.File.Names(), nil
	}
	if _, ok := c.File.Region(region); !ok {
		return nil, fmt.Errorf("%w: there is no Region %q: the cluster has %s", ErrUsage, region, strings.Join(c.File.Names(), ", "))
	}
	return []string{region}, nil
}

// TurnDials changes how the synchronisation is set. It writes that before it tells the nodes, so that one which starts
// meanwhile has it, and returns when every live node obeys.
func (c *Cluster) TurnDials(ctx context.Context, change func(*replication.Dials)) error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	d, err := c.Dials()
	if err == nil {
		d.Version++
		change(&d)
		if err = d.Validate(); err == nil {
			err = layout.WriteFile(c.Dir.DialsFile(), d, 0o644)
		}
	}
	unlock()
	if err != nil {
		return err
	}
	return c.pushDials(ctx, c.running())
}

// pushDials brings nodes the dials in force and waits for their word.
func (c *Cluster) pushDials(ctx context.Context, names []string) error {
	d, err := c.Dials()
	if err != nil {
		return err
	}
	return c.push(ctx, names, "the dials", func(ctx context.Context, client *control.Client) error {
		version, err := client.SetDials(ctx, d)
		if err == nil && version < d.Version {
			err = fmt.Errorf("version %d of the dials is in force, not %d", version, d.Version)
		}
		return err
	})
}
