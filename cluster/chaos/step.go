package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Class is a sort of keys, by what is done to them.
type Class string

// The classes of keys.
const (
	Local  Class = "local"  // single-Region keys: enabled, disabled, rotated, with aliases and grants
	Doomed Class = "doomed" // single-Region keys that are deleted and made anew, without aliases and grants
	Mobile Class = "mobile" // multi-Region keys with a replica in every Region, whose primary moves
	Churn  Class = "churn"  // multi-Region keys whose replicas come and go
)

// How many keys of a class there are: in each Region for Local and Doomed, in all for the others.
const (
	localKeys  = 4
	doomedKeys = 2
	mobileKeys = 5
	churnKeys  = 3
	aliases    = 5 // of each Region
)

// A Step is one call of a client. It names keys by their places: which key is there, the run knows.
type Step struct {
	Operation string        `json:"op"`
	Class     Class         `json:"class"`
	Slot      int           `json:"slot"`
	Region    string        `json:"region"`
	Other     string        `json:"other,omitempty"` // Region that a key is to be replicated or moved to
	Alias     string        `json:"alias,omitempty"`
	Text      string        `json:"text"` // that no other step has
	Pick      int           `json:"pick"` // chooses among ciphertexts, or grants
	Pause     time.Duration `json:"pauseNanos"`
}

// weighted is an operation of a class, and how often it comes.
type weighted struct {
	weight int
	class  Class
	op     string
	alias  bool
}

// mix is what clients do.
func mix() []weighted {
	return []weighted{
		{20, Local, "DescribeKey", false},
		{10, Local, "UpdateKeyDescription", false},
		{8, Local, "Encrypt", false},
		{8, Local, "Decrypt", false},
		{4, Local, "GenerateDataKey", false},
		{2, Local, "DisableKey", false},
		{5, Local, "EnableKey", false},
		{1, Local, "RotateKeyOnDemand", false},
		{2, Local, "CreateAlias", true},
		{3, Local, "UpdateAlias", true},
		{2, Local, "DeleteAlias", true},
		{5, Local, "DescribeKey", true},
		{1, Local, "ListAliases", false},
		{2, Local, "CreateGrant", false},
		{2, Local, "RevokeGrant", false},
		{2, Local, "ListGrants", false},
		{4, Doomed, "DescribeKey", false},
		{2, Doomed, "ScheduleKeyDeletion", false},
		{2, Doomed, "CancelKeyDeletion", false},
		{2, Doomed, "EnableKey", false},
		{12, Mobile, "DescribeKey", false},
		{6, Mobile, "UpdateKeyDescription", false},
		{6, Mobile, "Encrypt", false},
		{8, Mobile, "Decrypt", false},
		{1, Mobile, "RotateKeyOnDemand", false},
		{2, Mobile, "UpdatePrimaryRegion", false},
		{3, Churn, "DescribeKey", false},
		{2, Churn, "ReplicateKey", false},
		{2, Churn, "ScheduleKeyDeletion", false},
		{1, Churn, "CancelKeyDeletion", false},
	}
}

// A Script draws the steps of one client.
type Script struct {
	r      *rand.Rand
	client int
	shape  Shape
	mix    []weighted
	total  int
	pace   time.Duration
	n      int
}

// NewScript returns the script of a client, numbered from 0, which pauses between its calls for the pace on average.
// Every other client stays at home in one Region, which so has its load also while another one keeps callers waiting.
func NewScript(seed uint64, client int, s Shape, pace time.Duration) *Script {
	c := &Script{r: chance(seed, streamClients+client), client: client, shape: s, mix: mix(), pace: pace}
	for _, w := range c.mix {
		c.total += w.weight
	}
	return c
}

// Next draws the next step. It does not depend on what became of the ones before.
func (c *Script) Next() Step {
	w := c.draw()
	regions := c.r.Perm(len(c.shape.Regions))
	if c.client%2 == 0 {
		home := slices.Index(regions, c.client/2%len(regions))
		regions[0], regions[home] = regions[home], regions[0]
	}
	c.n++
	s := Step{
		Operation: w.op, Class: w.class, Region: c.shape.Regions[regions[0]],
		Slot: c.r.IntN(slotsOf(w.class)), Pick: c.r.IntN(1 << 16),
		Text:  fmt.Sprintf("client %d step %d", c.client+1, c.n),
		Pause: time.Duration(c.r.Float64() * 2 * float64(c.pace)),
	}
	if len(regions) > 1 {
		s.Other = c.shape.Regions[regions[1]]
	}
	if alias := c.r.IntN(aliases); w.alias {
		s.Alias = fmt.Sprintf("alias/chaos-%d", alias+1)
	}
	return s
}

func (c *Script) draw() weighted {
	n := c.r.IntN(c.total)
	for _, w := range c.mix {
		if n -= w.weight; n < 0 {
			return w
		}
	}
	return c.mix[0]
}

// slotsOf is how many keys of a class a Region has, or all Regions together.
func slotsOf(c Class) int {
	switch c {
	case Local:
		return localKeys
	case Doomed:
		return doomedKeys
	case Mobile:
		return mobileKeys
	}
	return churnKeys
}

// levels are the levels of consistency that clients ask for, in turn.
func levels() []string {
	return []string{"strong", "", "session", "strong", "bounded=2000", "eventual"}
}
