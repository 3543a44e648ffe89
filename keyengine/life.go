package keyengine

import (
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// BeginLife begins a new life of this Region's history: it was restored from a backup, or formed anew
// without its newest records. Every multi-Region family is suspended until the other Regions were heard
// (the protocol's rule R13). A life that has begun already, or is over, is no error.
type BeginLife struct{ Life uint64 }

// MaxLife bounds life numbers.
const MaxLife = 1 << 14

// LifeBegun is the beginning of a life. It suspends all families of multi-Region keys.
type LifeBegun struct {
	Life  uint64   `cbor:"1,keyasint"`
	Peers []string `cbor:"2,keyasint,omitempty"` // the Regions of the cluster, which must be heard
}

// Operation implements Command.
func (BeginLife) Operation() string { return "BeginLife" }

func (c BeginLife) decide(d *draft) (any, error) {
	if c.Life > MaxLife {
		return nil, fault(kmsapi.ValidationException, "life %d is beyond all bounds", c.Life)
	}
	if c.Life > d.Life() {
		d.emit(LifeBegun{Life: c.Life, Peers: d.facts.Regions})
	}
	return nil, nil
}

func (e LifeBegun) evolve(s state) {
	s.raise(rowLife, e.Life)
	var refs []Ref
	for ref, l := range NewView(s, s.place).Families() {
		if l.Record.Multi {
			refs = append(refs, ref)
		}
	}
	for _, ref := range refs {
		l := localOrNew(s, ref)
		if awaits := family.Awaited(s.place.Region, e.Peers, &l.Record); len(awaits) > 0 {
			FamilyEvent{Ref: ref, Event: family.FamilySuspended{Awaits: awaits}}.evolve(s)
		}
	}
}

// Life returns the life number of this Region's history, from 1.
func (v *View) Life() uint64 { return max(counter(v.rows, rowLife), 1) }

// Lives returns the lives of the other Regions, as far as this one has met them, sorted by Region.
func (v *View) Lives() (lives []family.Life) {
	for region, life := range v.Peers() {
		lives = append(lives, family.Life{Region: region, Life: life})
	}
	return lives
}

// Sender is the Region that sent what a command of the protocol takes in, and the life in which it did. The zero value
// is nobody.
type Sender struct {
	Region string
	Life   uint64
}

// outlived reports whether a message is of a life that is known to be over. It is asked where the message is decided,
// not where it arrives: in between this Region may have told the sender, in its new life, what it has (rule R13).
func (v *View) outlived(s Sender) bool { return s.Region != "" && s.Life < v.Peer(s.Region) }

// Hear is what another Region answered to the question of a suspended family's member.
type Hear struct {
	Ref     Ref
	By      Sender
	Life    uint64        // of this Region, in which it asked
	Lives   []family.Life // of the other Regions, as the sender has met them
	Version family.Version
	Held    []family.MaterialID
	Lacks   []family.MaterialID // of its record
}

// Operation implements Command.
func (Hear) Operation() string { return "Hear" }

func (c Hear) decide(d *draft) (any, error) {
	if err := d.checkRef(c.Ref); err != nil {
		return nil, err
	}
	if d.outlived(c.By) {
		return nil, nil
	}
	if c.By.Life > d.Peer(c.By.Region) {
		d.emit(PeerSeen{Region: c.By.Region, Life: c.By.Life})
	}
	return nil, d.family(c.Ref, family.Hear{
		From: c.By.Region, Life: c.Life, Lives: c.Lives, Version: c.Version, Held: c.Held, Lacks: c.Lacks,
	})
}
