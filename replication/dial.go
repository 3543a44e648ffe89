package replication

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"meridian/cluster/layout"
	"meridian/replication/lagprofile"
)

// DialFormat is the version of the form of Dials.
const DialFormat = 1

// Dials are how the synchronisation between Regions is set: how long messages are held back, and for which Regions
// it stands still. They are the same in every Region.
type Dials struct {
	Format  int                `json:"format"`  // 1
	Version uint64             `json:"version"` // grows with each change
	Lag     lagprofile.Profile `json:"lag"`
	Paused  []string           `json:"paused,omitempty"` // Regions that neither send to others nor hear them; sorted
}

// Validate says what is wrong with dials.
func (d *Dials) Validate() error {
	if err := layout.CheckFormat("it", d.Format, DialFormat); err != nil {
		return err
	}
	if len(d.Paused) > 1024 || slices.Contains(d.Paused, "") {
		return errors.New("dials: the paused Regions are not names of Regions")
	}
	if err := d.Lag.Validate(); err != nil {
		return fmt.Errorf("lag profile: %w", err)
	}
	return nil
}

// Pauses reports whether nothing goes on between two Regions.
func (d *Dials) Pauses(a, b string) bool {
	return slices.Contains(d.Paused, a) || slices.Contains(d.Paused, b)
}

// Dial holds the Dials that are in force in a Region. It is safe for concurrent use; the zero Dial pauses nothing and
// holds nothing back.
type Dial struct {
	mu     sync.Mutex
	dials  Dials
	turned map[*Relay]struct{} // to be told of a change
}

// Set puts dials in force. An older version than the one in force is passed over, so that changes may overtake
// each other on their way.
func (d *Dial) Set(dials Dials) error {
	if err := dials.Validate(); err != nil {
		return err
	}
	d.mu.Lock()
	if dials.Version < d.dials.Version {
		d.mu.Unlock()
		return nil
	}
	d.dials = dials
	var told []*Relay
	for r := range d.turned {
		told = append(told, r)
	}
	d.mu.Unlock()
	for _, r := range told {
		r.dialled()
	}
	return nil
}

// Now returns the dials in force.
func (d *Dial) Now() Dials {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dials
}

// Pauses reports whether nothing goes on between two Regions.
func (d *Dial) Pauses(a, b string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dials.Pauses(a, b)
}

// Handoff is how long a hand-off of the primary role may take.
func (d *Dial) Handoff(usual time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dials.Lag.Handoff(usual)
}

// tell has r told of changes.
func (d *Dial) tell(r *Relay) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.turned == nil {
		d.turned = make(map[*Relay]struct{})
	}
	d.turned[r] = struct{}{}
}
