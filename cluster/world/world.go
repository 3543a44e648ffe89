// Package world says what may be asked of a world in which multi-Region keys live, whether it is a cluster of
// processes, one of nodes in this process, or a simulated one in virtual time.
//
// It holds the interface and the few types of it. It promises nothing by itself; who implements World promises that
// the same calls mean the same, and says by Can what it cannot do, instead of doing something else.
//
// A World is used by one goroutine, but for what Meanwhile runs.
package world

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"meridian/replication/lagprofile"
)

// Call is a call of the API.
type Call struct {
	Region    string
	Node      string // name of a node; empty: any of the Region
	Account   string // 12 digits; empty: 000000000000
	Operation string
	Input     json.RawMessage
	// Consistency is how fresh the answer must be; empty: as the cluster has it.
	Consistency string
	// Invocation is the same for a call and its repetition by the same client; empty: none.
	Invocation string
}

// Answer is what a Region answered.
type Answer struct {
	Output json.RawMessage // nil: the operation has no output, or failed
	Code   string          // of the error; empty: it worked
	Text   string          // of the error
}

// Unavailable is the Code where nobody answered for the Region in time, or a server's error did: the outcome of the
// call may be unknown.
const Unavailable = "unavailable"

// FaultKind is what a Fault does to the messages between two places.
type FaultKind string

// The kinds of a fault.
const (
	Partition FaultKind = "partition" // nothing passes
	Delay     FaultKind = "delay"     // messages take Latency longer
	Drop      FaultKind = "drop"      // a message is lost with probability P
)

// Fault is a fault between two places: Regions, or nodes.
type Fault struct {
	Kind    FaultKind
	From    string
	To      string
	OneWay  bool
	Latency time.Duration
	P       float64
}

// Act is what can be done to the processes of nodes.
type Act string

// The acts.
const (
	Kill   Act = "kill"   // at once, as by a power cut
	Start  Act = "start"  // those that do not run
	Pause  Act = "pause"  // the process stands still, its connections stay
	Resume Act = "resume" // it goes on
)

// Feature is something that not every world can do.
type Feature string

// The features.
const (
	Processes Feature = "kill and start nodes"
	Pauses    Feature = "pause nodes"
	Links     Feature = "faults between Regions"
	Inside    Feature = "faults between the nodes of a Region"
	Brokers   Feature = "wipe the broker"
	Clock     Feature = "move the time ahead"
	Syncs     Feature = "pause synchronisation"
	Lags      Feature = "hold back what Regions tell each other"
	Fencing   Feature = "declare a Region lost for ever"
	Promoting Feature = "promote without the old primary's consent"
)

// World is a world. Its errors mean that the world itself failed; what the API answers is an Answer.
type World interface {
	// Name is what the world is called on the command line.
	Name() string
	// Regions are the names of the Regions, in order; Nodes those of a Region's nodes.
	Regions() []string
	Nodes(region string) []string
	// Can says why the world cannot do something; nil: it can.
	Can(f Feature) error

	// Call makes a call of the API.
	Call(ctx context.Context, c Call) (Answer, error)

	// Fault puts a fault in force; Heal ends those between two places, or all with empty names. Both return when
	// every node obeys.
	Fault(ctx context.Context, f Fault) error
	Heal(ctx context.Context, a, b string) error
	// WipeBroker loses whatever is between the Regions now.
	WipeBroker(ctx context.Context) error

	// Act does something to the nodes of a target: a node, REGION/leader, or a Region.
	Act(ctx context.Context, act Act, target string) error
	// Advance moves the time of all Regions ahead, from due date to due date.
	Advance(ctx context.Context, d time.Duration) error

	// SetLag puts a lag profile in force, PauseSync stops the synchronisation of a Region with all others, ResumeSync
	// lets it go on; an empty name is all Regions. They return when every node obeys.
	SetLag(ctx context.Context, p lagprofile.Profile) error
	PauseSync(ctx context.Context, region string) error
	ResumeSync(ctx context.Context, region string) error

	// FenceLost has the other Regions declare that a Region will never return, and ForcePromote makes a Region's member
	// of a key primary without the old one's consent. Without force they refuse, with a *Refusal, while the Region that
	// they are against has a node that runs.
	FenceLost(ctx context.Context, region string, force bool) error
	ForcePromote(ctx context.Context, account, key, region string, force bool) error

	// Owed returns how many keys a Region still owes other Regions word of; an error: nobody can say.
	Owed(ctx context.Context, region string) (int, error)

	// Pass lets a little time pass, and Now says how much has passed since some moment. Who waits for something
	// looks, lets time pass, and looks again.
	Pass(ctx context.Context) error
	Now() time.Duration
	// Meanwhile has f called again and again while the world goes on, until stop is called.
	Meanwhile(ctx context.Context, f func(context.Context)) (stop func())

	// Close ends what the world has begun.
	Close() error
}

// Refusal is the no to an operator's act: by the world, or by the Region that was asked.
type Refusal struct{ Reason string }

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// ErrUnable is why a world leaves something out.
var ErrUnable = errors.New("this world cannot")
