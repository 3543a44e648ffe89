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

// Hear is what another Region answered to the question of a suspended family's member.
type Hear struct {
	Ref     Ref
	From    string
	Life    uint64 // of this Region, in which it asked
	Version family.Version
	Held    []family.MaterialID
	Carried []NewMaterial
}

// Operation implements Command.
func (Hear) Operation() string { return "Hear" }

func (c Hear) decide(d *draft) (any, error) {
	if err := d.checkRef(c.Ref); err != nil {
		return nil, err
	}
	return nil, d.family(c.Ref, family.Hear{
		From: c.From, Life: c.Life, Version: c.Version, Held: c.Held, Carried: idsOf(c.Carried),
	}, c.Carried...)
}
