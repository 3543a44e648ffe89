package replication

import (
	"context"
	"log/slog"

	"meridian/keyengine"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
)

// Config is what a Relay is made of.
type Config struct {
	Place     keyengine.Place
	ClusterID string
	Peers     []Peer // the other Regions; this one's own entry is ignored
	Region    Region
	Ring      *keyring.Ring
	Bus       Bus
	Logger    *slog.Logger // nil: none
}

// Relay carries the families of one Region to the others and takes in what they send, while its
// node leads the Region. It is safe for concurrent use.
type Relay struct {
	config Config
}

// New returns a Relay that is not started.
func New(c Config) *Relay { return &Relay{config: c} }

// Start begins the work of a term of leadership: it serves the bus, meets every other Region and
// sends what is owed. The term is for the log alone: a deposed leader's Relay can do no harm, for it
// cannot propose. Starting a started Relay is an error.
func (r *Relay) Start(term uint64) error { return nil }

// Stop ends it and waits for everything that Start began. What is owed is in the Region's state.
func (r *Relay) Stop() {}

// Changed says that the rows of these families changed: it is called after each applied record,
// never blocks, and does nothing while the Relay is stopped.
func (r *Relay) Changed(refs ...keyengine.Ref) {}

// Precheck asks dst for its consent and returns its definite no. Silence for a second, or any
// failure, is nil: the record will ask again when it arrives.
func (r *Relay) Precheck(ctx context.Context, dst string, p Pre) *kmsapi.Fault { return nil }

// Lag returns how far each other Region is behind, sorted by Region; nil while stopped.
func (r *Relay) Lag() []Lag { return nil }
