package cluster

import (
	"fmt"
	"reflect"
	"time"

	"meridian/cluster/layout"
)

// MaxGrantDelay is the longest time after which a new grant counts.
const MaxGrantDelay = time.Hour

// Decisions is how a cluster decides who may do what; zero values: as stored, or as AWS does.
type Decisions struct {
	Authorization string // enforce, soft
	Explain       *bool  // whether callers may ask for reasons
	GrantDelay    string // until a grant counts for those without its token, in Region time; GrantDelayLag
}

// GrantDelayLag leaves it to the lag profile when a grant counts.
const GrantDelayLag = "lag"

// enter puts what was asked for into the cluster's file.
func (d Decisions) enter(f *layout.Cluster) error {
	switch d.Authorization {
	case "":
	case "enforce":
		f.Authorization = ""
	case "soft":
		f.Authorization = "soft"
	default:
		return fmt.Errorf("%w: --authorization %q is neither enforce nor soft", ErrUsage, d.Authorization)
	}
	if d.Explain != nil {
		f.Explain = *d.Explain
	}
	switch d.GrantDelay {
	case "":
	case GrantDelayLag:
		f.GrantDelayMillis = nil
	default:
		delay, err := time.ParseDuration(d.GrantDelay)
		if err != nil || delay < 0 || delay > MaxGrantDelay {
			return fmt.Errorf("%w: --grant-delay %.40q is neither a time from 0s to %v nor %s", ErrUsage, d.GrantDelay, MaxGrantDelay, GrantDelayLag)
		}
		f.GrantDelayMillis = new(delay.Milliseconds())
	}
	return nil
}

// changeDecisions changes them in a cluster that does not run: nodes read them when they start.
func (c *Cluster) changeDecisions(d Decisions) error {
	changed := *c.File
	if err := d.enter(&changed); err != nil {
		return err
	}
	same := changed.Authorization == c.File.Authorization && changed.Explain == c.File.Explain &&
		reflect.DeepEqual(changed.GrantDelayMillis, c.File.GrantDelayMillis)
	switch {
	case same:
		return nil
	case c.alive():
		return fmt.Errorf("%w: the cluster runs; stop it with `meridian down` to change --authorization, --explain or --grant-delay", ErrUsage)
	}
	*c.File = changed
	return layout.WriteCluster(c.Dir, c.File)
}
